// Which kind of source a path is, and what all kinds wait with.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/text.h"
#include "stream/sources.h"

namespace octavo {

namespace stream {

void sleep_until(StreamClock::time_point due, const std::atomic<bool>& stop) {
  while (!stop) {
    const auto now = StreamClock::now();
    if (now >= due) return;
    std::this_thread::sleep_until(std::min(due, now + patience));
  }
}

Result<bool> wait_readable(int fd, const std::atomic<bool>& stop,
                           std::optional<StreamClock::duration> longest) {
  const auto start = StreamClock::now();
  while (!stop) {
    pollfd one{fd, POLLIN, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(patience.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) {
      return failed(concat("cannot wait for a frame: ", std::strerror(errno)));
    }
    if (longest && StreamClock::now() - start >= *longest) return false;
  }
  return false;
}

Result<size_t> read_some(int fd, const std::string& path, std::span<std::byte> into,
                         const std::atomic<bool>& stop) {
  while (true) {
    const auto readable = wait_readable(fd, stop, std::nullopt);
    if (!readable) return readable.error();
    if (!*readable) return size_t{0};
    const ssize_t got = ::read(fd, into.data(), into.size());
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR && errno != EAGAIN) {
      return failed(concat("cannot read ", quoted(path), ": ", std::strerror(errno)));
    }
  }
}

std::string colors_text(YuvRange range, YuvMatrix matrix) {
  return concat(range == YuvRange::full ? "full" : "video", " range, ",
                matrix == YuvMatrix::bt601 ? "bt601" : "bt709");
}

namespace {

Error cannot_open(const std::string& path, int reason) {
  const std::string text = concat("cannot open ", quoted(path), ": ", std::strerror(reason));
  return reason == EBUSY ? failed(text + "; another program uses it") : rejected(text);
}

// A terminal or a null device answers no question about cameras and is read as a file is.
Result<Descriptor> open_device(const std::string& path) {
  Descriptor device(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!device) return cannot_open(path, errno);
  if (!is_camera(device.get())) device.close();
  return device;
}

// The format that is wished for, or that the name's extension says.
std::optional<StreamFormat> format_of_file(const SourceWish& wish) {
  if (wish.format) return wish.format;
  if (const auto raw = frame_format_of_path(wish.path)) return *raw;
  for (const std::string_view extension : {".mjpeg", ".mjpg"}) {
    if (wish.path.ends_with(extension)) return JpegFrames{};
  }
  return std::nullopt;
}

Result<std::unique_ptr<FrameSource>> open_file_source(Descriptor file, const SourceWish& wish) {
  const auto format = format_of_file(wish);
  if (!format) {
    return usage_error(concat(quoted(wish.path),
                              " is no camera (V4L2), and frames of a file or a pipe need their "
                              "format: --format nv12 --size 1920x1080, or --format mjpeg"));
  }
  if (const auto* raw = std::get_if<FrameFormat>(&*format)) {
    return open_raw_source(std::move(file), *raw, wish);
  }
  return open_jpeg_source(std::move(file), wish);
}

}  // namespace

}  // namespace stream

std::string_view stream_format_name(const StreamFormat& format) {
  const auto* raw = std::get_if<FrameFormat>(&format);
  return raw == nullptr ? "mjpeg" : frame_format_name(*raw);
}

Result<std::unique_ptr<FrameSource>> open_frame_source(const SourceWish& wish) {
  if (wish.path == "-") {
    Descriptor copy(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!copy) return stream::cannot_open(wish.path, errno);
    return stream::open_file_source(std::move(copy), wish);
  }
  struct stat facts {};
  if (::stat(wish.path.c_str(), &facts) != 0) return stream::cannot_open(wish.path, errno);
  if (S_ISDIR(facts.st_mode)) return stream::cannot_open(wish.path, EISDIR);
  if (S_ISCHR(facts.st_mode)) {
    auto device = stream::open_device(wish.path);
    if (!device) return device.error();
    if (*device) return stream::open_camera(std::move(*device), wish);
  }
  // Without O_NONBLOCK a pipe without a writer would not let itself be opened, nor interrupted.
  Descriptor file(::open(wish.path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file) return stream::cannot_open(wish.path, errno);
  return stream::open_file_source(std::move(file), wish);
}

}  // namespace octavo
