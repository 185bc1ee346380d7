// Raw frames, one behind the other, in a file or a pipe; with a rate they come as a camera would
// give them.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/text.h"
#include "stream/sources.h"

namespace octavo::stream {

namespace {

// One is being read, one waits, one is being classified.
constexpr size_t buffers = 3;

class RawSource final : public FrameSource {
 public:
  RawSource(Descriptor file, PictureSource layout, size_t frame_bytes, double rate)
      : file_(std::move(file)), layout_(std::move(layout)), rate_(rate) {
    for (Buffer& buffer : buffers_) buffer.bytes.resize(frame_bytes);
  }

  Result<std::optional<StreamFrame>> next(const std::atomic<bool>& stop) override;
  void give_back(const StreamFrame& frame) override {
    buffers_[static_cast<size_t>(frame.buffer)].is_used.store(false, std::memory_order_release);
  }
  bool is_live() const override { return rate_ > 0; }
  std::string description() const override {
    return concat(layout_.width, "x", layout_.height, " ", frame_format_name(layout_.format), ", ",
                  colors_text(layout_.range, layout_.matrix));
  }

 private:
  struct Buffer {
    std::vector<std::byte> bytes;
    std::atomic<bool> is_used{false};
  };

  std::optional<size_t> free_buffer() const;
  Result<bool> fill(std::span<std::byte> bytes, const std::atomic<bool>& stop);
  StreamClock::time_point due(int64_t index) const {
    return start_ + std::chrono::duration_cast<StreamClock::duration>(
                        std::chrono::duration<double>(static_cast<double>(index) / rate_));
  }

  Descriptor file_;
  PictureSource layout_;
  double rate_;
  std::array<Buffer, buffers> buffers_;
  int64_t count_ = 0;
  StreamClock::time_point start_;  // when the first frame was there
};

std::optional<size_t> RawSource::free_buffer() const {
  for (size_t i = 0; i < buffers; ++i) {
    if (!buffers_[i].is_used.load(std::memory_order_acquire)) return i;
  }
  return std::nullopt;
}

// False at the end in front of a frame, or where `stop` is set.
Result<bool> RawSource::fill(std::span<std::byte> bytes, const std::atomic<bool>& stop) {
  size_t filled = 0;
  while (filled < bytes.size()) {
    const auto readable = wait_readable(file_.get(), stop, std::nullopt);
    if (!readable) return readable.error();
    if (!*readable) return false;
    const ssize_t got = ::read(file_.get(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) {
      return failed(concat("cannot read ", quoted(layout_.path), ": ", std::strerror(errno)));
    }
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  if (filled == bytes.size()) return true;
  if (filled == 0 && count_ > 0) return false;
  return rejected(concat(
      quoted(layout_.path), filled == 0 ? " holds no frame" : " ends inside a frame: ",
      filled == 0 ? ""
                  : concat("frame ", count_, " has ", filled, " of its ", bytes.size(), " bytes")));
}

Result<std::optional<StreamFrame>> RawSource::next(const std::atomic<bool>& stop) {
  const auto nothing = std::optional<StreamFrame>();
  const auto free = free_buffer();
  if (!free) return failed("a frame is asked for while none was given back");
  Buffer& buffer = buffers_[*free];
  const auto filled = fill(buffer.bytes, stop);
  if (!filled) return filled.error();
  if (!*filled) return nothing;
  if (count_ == 0) start_ = StreamClock::now();
  if (rate_ > 0) sleep_until(due(count_), stop);
  if (stop) return nothing;
  buffer.is_used.store(true, std::memory_order_relaxed);
  StreamFrame frame;
  frame.index = count_++;
  frame.arrived = StreamClock::now();
  frame.content = raw_frame(layout_, buffer.bytes);
  frame.buffer = static_cast<int>(*free);
  return std::optional(std::move(frame));
}

}  // namespace

Result<std::unique_ptr<FrameSource>> open_raw_source(Descriptor file, const SourceWish& wish) {
  const auto format = wish.format ? wish.format : [&]() -> std::optional<StreamFormat> {
    const auto named = frame_format_of_path(wish.path);
    return named ? std::optional<StreamFormat>(*named) : std::nullopt;
  }();
  if (!format || !wish.size) {
    return usage_error(concat(quoted(wish.path),
                              " is no camera (V4L2), and raw frames need their format and size: "
                              "--format nv12 --size 1920x1080"));
  }
  const auto* raw = std::get_if<FrameFormat>(&*format);
  if (raw == nullptr) {
    return usage_error(concat(quoted(wish.path),
                              " is no camera (V4L2); of files and pipes raw frames are read, not "
                              "mjpeg"));
  }
  PictureSource layout{.path = wish.path,
                       .is_frame = true,
                       .format = *raw,
                       .width = (*wish.size)[0],
                       .height = (*wish.size)[1],
                       .range = wish.range.value_or(YuvRange::full),
                       .matrix = wish.matrix.value_or(YuvMatrix::bt601)};
  const auto bytes = raw_frame_bytes(layout);
  if (!bytes) return bytes.error();
  return std::unique_ptr<FrameSource>(
      new RawSource(std::move(file), layout, static_cast<size_t>(*bytes), wish.frames_per_second));
}

}  // namespace octavo::stream
