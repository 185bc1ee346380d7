#include "zoo/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "zoo/descriptor.h"

namespace octavo::zoo {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t most_output_bytes = size_t{64} << 20;
constexpr size_t most_line_bytes = 4096;
constexpr int poll_ms = 50;  // how often `stop` and the child's end are looked at
constexpr auto time_to_clean_up = std::chrono::seconds(5);

struct Pipe {
  Descriptor read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return failed(concat("cannot make a pipe: ", std::strerror(errno)));
  }
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

// Keeps the last line that is not blank, however the stream is cut.
class LastLine {
 public:
  void add(std::string_view text) {
    for (const char c : text) {
      // A carriage return begins a line anew, as progress bars do.
      if (c == '\n' || c == '\r') {
        end_line();
      } else if (line_.size() < most_line_bytes) {
        line_ += c;
      }
    }
  }
  std::string take() {
    end_line();
    return std::move(last_);
  }

 private:
  void end_line() {
    if (line_.find_first_not_of(" \t") != std::string::npos) last_ = line_;
    line_.clear();
  }
  std::string line_, last_;
};

// The child's side, between fork and exec: only what is safe there.
[[noreturn]] void become(char* const* argv, int out, int error, int report, pid_t parent) {
  ::setpgid(0, 0);
  // fork rather than posix_spawn for this line: no orphan measures on when we are killed.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  std::signal(SIGPIPE, SIG_DFL);
  const int empty = ::open("/dev/null", O_RDONLY);
  if (empty >= 0 && ::dup2(empty, STDIN_FILENO) >= 0 && ::dup2(out, STDOUT_FILENO) >= 0 &&
      ::dup2(error, STDERR_FILENO) >= 0) {
    ::execvp(argv[0], argv);
  }
  const int reason = errno;
  [[maybe_unused]] const ssize_t told = ::write(report, &reason, sizeof reason);
  ::_exit(127);
}

// A process group of its own, so that all of it can be ended.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(SIGKILL); }

  // Signals the whole group: what the child left running too.
  void signal(int number) const { ::kill(-pid_, number); }

  // Its wait status, once it has ended.
  std::optional<int> ended() {
    if (!status_) {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
    }
    return status_;
  }

  void end(int number) {
    signal(number);
    if (status_) return;
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = status;
  }

 private:
  pid_t pid_;
  std::optional<int> status_;
};

// Moves what is there to read, a bounded part of an endless stream; closes at its end.
template <class Take>
void drain(Descriptor& from, const Take& take) {
  std::array<char, 65536> buffer;
  for (int part = 0; part < 64 && from; ++part) {
    const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
    if (got > 0) {
      take(std::string_view(buffer.data(), static_cast<size_t>(got)));
    } else if (got < 0 && errno == EAGAIN) {
      return;
    } else if (got == 0 || errno != EINTR) {
      from.close();
    }
  }
}

int exit_code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Asks the child to end, and ends it when it does not.
void stop_child(Child& child) {
  child.signal(SIGTERM);
  const auto deadline = Clock::now() + time_to_clean_up;
  while (!child.ended() && Clock::now() < deadline) ::poll(nullptr, 0, poll_ms);
  child.end(SIGKILL);
}

struct Started {
  pid_t pid = 0;
  Descriptor out, error;
};

Result<Started> start(const std::vector<std::string>& argv) {
  auto out = make_pipe();
  if (!out) return out.error();
  auto error = make_pipe();
  if (!error) return error.error();
  auto report = make_pipe();  // of why exec failed; closed by an exec that did not
  if (!report) return report.error();
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return failed(concat("cannot start ", quoted(argv[0]), ": ", std::strerror(errno)));
  if (pid == 0) {
    become(arguments.data(), out->write.get(), error->write.get(), report->write.get(), parent);
  }
  ::setpgid(pid, pid);  // here too: a signal may be due before the child has come to it
  report->write.close();
  int reason = 0;
  ssize_t told = 0;
  while ((told = ::read(report->read.get(), &reason, sizeof reason)) < 0 && errno == EINTR) {
  }
  if (told == sizeof reason) {
    ::waitpid(pid, nullptr, 0);
    return failed(concat("cannot start ", quoted(argv[0]), ": ", std::strerror(reason)));
  }
  for (const int fd : {out->read.get(), error->read.get()}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return Started{pid, std::move(out->read), std::move(error->read)};
}

}  // namespace

Result<Ended> run_process(const std::vector<std::string>& argv, const std::atomic<bool>* stop) {
  const auto begun = Clock::now();
  auto started = start(argv);
  if (!started) return started.error();
  Child child(started->pid);
  Ended ended;
  LastLine last_error;
  // What the child left running may keep its pipes open: the child's own end counts.
  for (bool over = false; !over;) {
    over = child.ended().has_value();
    std::array<pollfd, 2> ends{pollfd{started->out.get(), POLLIN, 0},
                               pollfd{started->error.get(), POLLIN, 0}};
    if (!over) ::poll(ends.data(), ends.size(), poll_ms);
    drain(started->out, [&](std::string_view text) { ended.output += text; });
    drain(started->error, [&](std::string_view text) { last_error.add(text); });
    if (ended.output.size() > most_output_bytes) {
      return failed(concat(quoted(argv[0]), " printed more than ", most_output_bytes, " bytes"));
    }
    if (!over && stop && *stop) {
      stop_child(child);
      return Error{ErrorKind::interrupted, "interrupted"};
    }
  }
  ended.code = exit_code_of(*child.ended());
  ended.last_error = last_error.take();
  ended.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return ended;
}

}  // namespace octavo::zoo
