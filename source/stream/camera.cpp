// Cameras by V4L2 (linux/videodev2.h): frames lie in four buffers of the driver's, mapped into
// memory; one is classified, one waits, the driver fills the others.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "base/fixed.h"
#include "base/text.h"
#include "stream/sources.h"
#include "stream/video_format.h"

namespace octavo::stream {

namespace {

constexpr uint32_t wanted_buffers = 4, least_buffers = 3;
// Cameras give their first frame within a second or two, and none later than that.
constexpr std::chrono::seconds longest_silence{5};

int request(int fd, unsigned long what, void* argument) {
  int done = 0;
  do {
    done = ::ioctl(fd, what, argument);
  } while (done < 0 && errno == EINTR);
  return done;
}

class Mapping {
 public:
  Mapping(int fd, size_t size, uint32_t offset)
      : bytes_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset)),
        size_(size) {}
  Mapping(Mapping&& other) noexcept
      : bytes_(std::exchange(other.bytes_, MAP_FAILED)), size_(other.size_) {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping() {
    if (bytes_ != MAP_FAILED) ::munmap(bytes_, size_);
  }
  explicit operator bool() const { return bytes_ != MAP_FAILED; }
  std::span<const uint8_t> bytes() const { return {static_cast<const uint8_t*>(bytes_), size_}; }

 private:
  void* bytes_;
  size_t size_;
};

class Camera final : public FrameSource {
 public:
  Camera(Descriptor device, const SourceWish& wish) : device_(std::move(device)), wish_(wish) {}
  ~Camera() override;

  // In this order, once each.
  Status choose_format();
  Status choose_rate();
  Status start();

  Result<std::optional<StreamFrame>> next(const std::atomic<bool>& stop) override;
  void give_back(const StreamFrame& frame) override;
  bool is_live() const override { return true; }
  std::string description() const override;

 private:
  Error no(const char* what, int reason) const;
  Result<std::vector<StreamFormat>> offered() const;
  Error other_format(const v4l2_pix_format& given) const;
  StreamFrame frame_of(const v4l2_buffer& buffer);

  Descriptor device_;
  SourceWish wish_;
  v4l2_pix_format pixels_{};
  StreamFormat format_;
  YuvRange range_ = YuvRange::full;
  YuvMatrix matrix_ = YuvMatrix::bt601;
  double rate_ = 0;
  std::vector<Mapping> buffers_;
  bool is_streaming_ = false;
  std::optional<uint32_t> last_;  // the driver's number of the last frame
  int64_t index_ = -1;
};

v4l2_buffer buffer_number(uint32_t index) {
  v4l2_buffer buffer{};
  buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  buffer.memory = V4L2_MEMORY_MMAP;
  buffer.index = index;
  return buffer;
}

Camera::~Camera() {
  if (!is_streaming_) return;
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  request(device_.get(), VIDIOC_STREAMOFF, &type);
}

// What could not be done, and as far as the system's word tells it, why.
Error Camera::no(const char* what, int reason) const {
  const std::string name = quoted(wish_.path);
  switch (reason) {
    case EBUSY:
      return failed(concat(name, " is busy: another program has frames of it"));
    case ENODEV:
    case ENXIO:
      return failed(concat(name, " is gone: the camera was unplugged or its driver removed"));
    case EIO:  // what waiting programs are told when a camera goes
      return failed(concat(name, " cannot ", what, ": its driver gave up; was it unplugged?"));
    default:
      return failed(concat(name, " cannot ", what, ": ", std::strerror(reason)));
  }
}

// Of the camera's formats those that are read, in the camera's order.
Result<std::vector<StreamFormat>> Camera::offered() const {
  std::vector<StreamFormat> formats;
  std::string others;
  constexpr uint32_t most_formats = 256;  // a driver without an end must not be ours
  for (uint32_t i = 0; i < most_formats; ++i) {
    v4l2_fmtdesc described{};
    described.index = i;
    described.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (request(device_.get(), VIDIOC_ENUM_FMT, &described) != 0) {
      if (errno != EINVAL) return no("say its formats", errno);
      break;
    }
    if (const auto format = stream_format(described.pixelformat)) {
      formats.push_back(*format);
    } else {
      others += concat(others.empty() ? "" : ", ", video_code_text(described.pixelformat));
    }
  }
  if (!formats.empty()) return formats;
  return rejected(concat(quoted(wish_.path), " gives no format that Octavo reads",
                         others.empty() ? "" : concat(" (it gives ", others, ")"),
                         "; nv12, i420, yuyv, rgb24, bgr24, gray8 and mjpeg are read"));
}

Error Camera::other_format(const v4l2_pix_format& given) const {
  const auto name = [](uint32_t code) {
    const auto format = stream_format(code);
    return format ? std::string(stream_format_name(*format)) : video_code_text(code);
  };
  std::string formats;
  if (const auto all = offered()) {
    for (const StreamFormat& format : *all) {
      formats += concat(formats.empty() ? "; its formats are " : ", ", stream_format_name(format));
    }
  }
  return rejected(concat(quoted(wish_.path), " gives frames of ", given.width, "x", given.height,
                         " ", name(given.pixelformat), ", not ", pixels_.width, "x", pixels_.height,
                         " ", name(pixels_.pixelformat), formats));
}

// What is not wished for stays as the camera has it, unless it has a format that is not read.
Status Camera::choose_format() {
  v4l2_format format{};
  format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (request(device_.get(), VIDIOC_G_FMT, &format) != 0) return no("say its format", errno);
  v4l2_pix_format& pixels = format.fmt.pix;
  const auto formats = offered();
  if (!formats) return formats.error();
  if (wish_.format) {
    pixels.pixelformat = video_code(*wish_.format);
  } else if (!stream_format(pixels.pixelformat)) {
    pixels.pixelformat = video_code(formats->front());
  }
  if (wish_.size) {
    pixels.width = static_cast<uint32_t>((*wish_.size)[0]);
    pixels.height = static_cast<uint32_t>((*wish_.size)[1]);
  }
  pixels_ = pixels;  // as wished
  pixels.bytesperline = pixels.sizeimage = 0;
  pixels.field = V4L2_FIELD_ANY;
  if (request(device_.get(), VIDIOC_S_FMT, &format) != 0) return no("take a format", errno);
  const bool same_size = pixels.width == pixels_.width && pixels.height == pixels_.height;
  const auto given = stream_format(pixels.pixelformat);
  if (!given || given != stream_format(pixels_.pixelformat) || (wish_.size && !same_size)) {
    return other_format(pixels);
  }
  pixels_ = pixels;
  format_ = *given;
  const bool is_jpeg = std::holds_alternative<JpegFrames>(format_);
  range_ = wish_.range.value_or(is_jpeg ? YuvRange::full : video_range(pixels_));
  matrix_ = wish_.matrix.value_or(is_jpeg ? YuvMatrix::bt601 : video_matrix(pixels_));
  return {};
}

// A rate that a camera cannot have is no fault: it gives the nearest, or its own.
Status Camera::choose_rate() {
  v4l2_streamparm parameters{};
  parameters.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (request(device_.get(), VIDIOC_G_PARM, &parameters) != 0) return {};
  v4l2_fract& period = parameters.parm.capture.timeperframe;
  const bool can = (parameters.parm.capture.capability & V4L2_CAP_TIMEPERFRAME) != 0;
  if (wish_.frames_per_second > 0 && can) {
    period = {1000, static_cast<uint32_t>(wish_.frames_per_second * 1000)};
    if (request(device_.get(), VIDIOC_S_PARM, &parameters) != 0) return no("take a rate", errno);
  }
  if (period.numerator > 0) rate_ = static_cast<double>(period.denominator) / period.numerator;
  return {};
}

Status Camera::start() {
  v4l2_requestbuffers buffers{};
  buffers.count = wanted_buffers;
  buffers.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  buffers.memory = V4L2_MEMORY_MMAP;
  if (request(device_.get(), VIDIOC_REQBUFS, &buffers) != 0) return no("give buffers", errno);
  if (buffers.count < least_buffers) {
    return failed(concat(quoted(wish_.path), " has ", buffers.count, " buffers; ", least_buffers,
                         " are needed"));
  }
  for (uint32_t i = 0; i < buffers.count; ++i) {
    v4l2_buffer buffer = buffer_number(i);
    if (request(device_.get(), VIDIOC_QUERYBUF, &buffer) != 0) return no("show a buffer", errno);
    buffers_.emplace_back(device_.get(), buffer.length, buffer.m.offset);
    if (!buffers_.back()) return no("share a buffer", errno);
    if (request(device_.get(), VIDIOC_QBUF, &buffer) != 0) return no("take a buffer", errno);
  }
  if (const auto* raw = std::get_if<FrameFormat>(&format_)) {
    const auto frame = video_frame(pixels_, *raw, buffers_.front().bytes());
    if (!frame) return rejected(concat(quoted(wish_.path), ": ", frame.error().message));
  }
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (request(device_.get(), VIDIOC_STREAMON, &type) != 0) return no("start", errno);
  is_streaming_ = true;
  return {};
}

std::string Camera::description() const {
  std::string text = concat(pixels_.width, "x", pixels_.height, " ", stream_format_name(format_));
  if (!std::holds_alternative<JpegFrames>(format_)) text += ", " + colors_text(range_, matrix_);
  if (rate_ > 0)
    text += concat(", ", fixed(rate_, rate_ == std::round(rate_) ? 0 : 2), " frames/s");
  return text;
}

// When the driver had the frame, where its clock is this program's.
StreamClock::time_point arrival(const v4l2_buffer& buffer) {
  const auto now = StreamClock::now();
  if ((buffer.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC)
    return now;
  const StreamClock::time_point then(std::chrono::seconds(buffer.timestamp.tv_sec) +
                                     std::chrono::microseconds(buffer.timestamp.tv_usec));
  return then > now || now - then > longest_silence ? now : then;
}

StreamFrame Camera::frame_of(const v4l2_buffer& buffer) {
  // The driver counts frames that it could not store too; some count none, and 2^32 comes round.
  index_ +=
      last_ && buffer.sequence - *last_ - 1 < uint32_t{1} << 16 ? buffer.sequence - *last_ : 1;
  last_ = buffer.sequence;
  StreamFrame frame{
      .index = index_, .arrived = arrival(buffer), .buffer = static_cast<int>(buffer.index)};
  const auto bytes = buffers_[buffer.index].bytes();
  const auto used = bytes.first(std::min<size_t>(buffer.bytesused, bytes.size()));
  if ((buffer.flags & V4L2_BUF_FLAG_ERROR) != 0) {
    frame.damage = "the camera's driver says that the frame is damaged";
  } else if (const auto* raw = std::get_if<FrameFormat>(&format_)) {
    auto whole = video_frame(pixels_, *raw, used);
    if (whole) {
      whole->range = range_;
      whole->matrix = matrix_;
      frame.content = *whole;
    } else {
      frame.damage = whole.error().message;
    }
  } else {
    frame.content = std::as_bytes(used);
  }
  return frame;
}

Result<std::optional<StreamFrame>> Camera::next(const std::atomic<bool>& stop) {
  const auto until = StreamClock::now() + longest_silence;
  for (auto now = StreamClock::now(); now < until; now = StreamClock::now()) {
    const auto readable = wait_readable(device_.get(), stop, until - now);
    if (!readable) return readable.error();
    if (stop) return std::optional<StreamFrame>();
    if (!*readable) break;
    v4l2_buffer buffer = buffer_number(0);
    if (request(device_.get(), VIDIOC_DQBUF, &buffer) == 0) {
      if (buffer.index >= buffers_.size()) return no("give a frame", EPROTO);
      return std::optional(frame_of(buffer));
    }
    if (errno != EAGAIN) return no("give a frame", errno);
    sleep_until(now + std::chrono::milliseconds(1), stop);  // it said so, but there is none
  }
  return failed(concat(quoted(wish_.path), " gave no frame for ", longest_silence.count(), " s"));
}

void Camera::give_back(const StreamFrame& frame) {
  v4l2_buffer buffer = buffer_number(static_cast<uint32_t>(frame.buffer));
  // What is wrong with the device the next frame tells.
  request(device_.get(), VIDIOC_QBUF, &buffer);
}

}  // namespace

bool is_camera(int fd) {
  v4l2_capability capability{};
  return request(fd, VIDIOC_QUERYCAP, &capability) == 0;
}

Result<std::unique_ptr<FrameSource>> open_camera(Descriptor device, const SourceWish& wish) {
  v4l2_capability capability{};
  request(device.get(), VIDIOC_QUERYCAP, &capability);
  const bool own = (capability.capabilities & V4L2_CAP_DEVICE_CAPS) != 0;
  const uint32_t can = own ? capability.device_caps : capability.capabilities;
  constexpr uint32_t needed = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
  if ((can & needed) != needed) {
    return rejected(concat(quoted(wish.path),
                           " is a video device, but none that frames of one plane "
                           "are streamed from: `v4l2-ctl --list-devices` names the others of this "
                           "camera"));
  }
  auto camera = std::make_unique<Camera>(std::move(device), wish);
  if (const Status chosen = camera->choose_format(); !chosen) return chosen.error();
  if (const Status chosen = camera->choose_rate(); !chosen) return chosen.error();
  if (const Status started = camera->start(); !started) return started.error();
  return std::unique_ptr<FrameSource>(std::move(camera));
}

}  // namespace octavo::stream
