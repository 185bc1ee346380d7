#include "command/streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace octavo::command {

namespace {

std::atomic<int> lost_because{0};  // errno of the first write to stdout that failed
bool extra = false;
char out_buffer[1 << 16];

void remember_loss() {
  int none = 0;
  lost_because.compare_exchange_strong(none, errno == 0 ? EIO : errno);
}

}  // namespace

void prepare_streams() {
  // /dev/null opened for reading: writing there fails, and is told, as it would have.
  int fd = ::open("/dev/null", O_RDONLY);
  while (fd >= 0 && fd <= STDERR_FILENO) fd = ::dup(fd);
  if (fd > STDERR_FILENO) ::close(fd);
  static_cast<void>(std::setvbuf(stdout, out_buffer, ::isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF,
                                 sizeof out_buffer));
}

void write_out(std::string_view text) noexcept {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) remember_loss();
}

bool flush_out() noexcept {
  errno = 0;
  if (std::fflush(stdout) != 0) remember_loss();
  return lost_because == 0;
}

void write_error(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void output_is_extra() {
  extra = true;
}

int finish_output(int code) {
  if (flush_out() || code != 0) return code;
  write_error(extra ? "octavo: warning: the work is done; its summary" : "octavo: the result");
  write_error(" cannot be written to standard output: ");
  write_error(std::strerror(lost_because));
  write_error("\n");
  return extra ? 0 : 1;
}

}  // namespace octavo::command
