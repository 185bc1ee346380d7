// Cameras by V4L2 (linux/videodev2.h): frames lie in four buffers of the driver's, mapped into
// memory; one is classified, one waits, the driver fills the others. A buffer is one piece of
// memory or, of drivers that speak the multi-planar interface (most image processors of Arm
// boards), one of a few parts.
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

// A buffer as VIDIOC_QUERYBUF, _QBUF and _DQBUF exchange it, with room for what they say of its
// parts.
class DriverBuffer {
 public:
  DriverBuffer(uint32_t type, uint32_t index) {
    words.type = type;
    words.memory = V4L2_MEMORY_MMAP;
    words.index = index;
    if (type != V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE) return;
    words.m.planes = parts_.data();
    words.length = static_cast<uint32_t>(parts_.size());
  }
  DriverBuffer(const DriverBuffer&) = delete;
  DriverBuffer& operator=(const DriverBuffer&) = delete;

  size_t length(size_t part) const { return is_one() ? words.length : parts_[part].length; }
  uint32_t offset(size_t part) const {
    return is_one() ? words.m.offset : parts_[part].m.mem_offset;
  }
  // What the driver has filled, of the memory that is a part's; whatever it says, no more than
  // that.
  std::span<const uint8_t> filled(size_t part, std::span<const uint8_t> memory) const {
    const size_t end = is_one() ? words.bytesused : parts_[part].bytesused;
    const size_t begin = is_one() ? 0 : parts_[part].data_offset;  // bytesused counts from 0
    const auto until_end = memory.first(std::min(end, memory.size()));
    return until_end.subspan(std::min(begin, until_end.size()));
  }

  v4l2_buffer words{};

 private:
  bool is_one() const { return words.type != V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE; }

  std::array<v4l2_plane, VIDEO_MAX_PLANES> parts_{};
};

class Camera final : public FrameSource {
 public:
  // type: V4L2_BUF_TYPE_VIDEO_CAPTURE, or the same with _MPLANE.
  Camera(Descriptor device, uint32_t type, const SourceWish& wish)
      : device_(std::move(device)), type_(type), wish_(wish) {}
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
  Result<std::vector<uint32_t>> offered() const;
  Error other_format(const VideoLayout& given, const VideoLayout& wished) const;
  StreamFrame frame_of(const DriverBuffer& buffer);

  Descriptor device_;
  uint32_t type_;
  SourceWish wish_;
  VideoLayout layout_;
  StreamFormat format_;
  YuvRange range_ = YuvRange::full;
  YuvMatrix matrix_ = YuvMatrix::bt601;
  double rate_ = 0;
  std::vector<std::vector<Mapping>> buffers_;  // the parts of each
  bool is_streaming_ = false;
  std::optional<uint32_t> last_;  // the driver's number of the last frame
  int64_t index_ = -1;
};

Camera::~Camera() {
  if (!is_streaming_) return;
  request(device_.get(), VIDIOC_STREAMOFF, &type_);
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
    case EPIPE:  // of boards whose sensors and image processors are devices of their own
    case ENOLINK:
      return failed(concat(name, " cannot ", what, ": ", std::strerror(reason),
                           "; is its way from the sensor set up (media-ctl)?"));
    case EIO:  // what waiting programs are told when a camera goes
      return failed(concat(name, " cannot ", what, ": its driver gave up; was it unplugged?"));
    default:
      return failed(concat(name, " cannot ", what, ": ", std::strerror(reason)));
  }
}

// Of the camera's formats those that are read, in the camera's order, as V4L2 calls them.
Result<std::vector<uint32_t>> Camera::offered() const {
  std::vector<uint32_t> known;
  std::string others;
  constexpr uint32_t most_formats = 256;  // a driver without an end must not be ours
  for (uint32_t i = 0; i < most_formats; ++i) {
    v4l2_fmtdesc described{};
    described.index = i;
    described.type = type_;
    if (request(device_.get(), VIDIOC_ENUM_FMT, &described) != 0) {
      if (errno != EINVAL) return no("say its formats", errno);
      break;
    }
    if (stream_format(described.pixelformat)) {
      known.push_back(described.pixelformat);
    } else {
      others += concat(others.empty() ? "" : ", ", video_code_text(described.pixelformat));
    }
  }
  if (!known.empty()) return known;
  return rejected(concat(quoted(wish_.path), " gives no format that Octavo reads",
                         others.empty() ? "" : concat(" (it gives ", others, ")"),
                         "; nv12, i420, yuyv, rgb24, bgr24, gray8 and mjpeg are read"));
}

std::string format_text(uint32_t code) {
  const auto format = stream_format(code);
  return format ? std::string(stream_format_name(*format)) : video_code_text(code);
}

Error Camera::other_format(const VideoLayout& given, const VideoLayout& wished) const {
  const auto text = [](const VideoLayout& layout) {
    return concat(layout.width, "x", layout.height, " ", format_text(layout.code));
  };
  std::string formats;
  if (const auto all = offered()) {
    for (const uint32_t code : *all) {
      formats += concat(formats.empty() ? "; its formats are " : ", ", format_text(code));
    }
  }
  return rejected(concat(quoted(wish_.path), " gives frames of ", text(given), ", not ",
                         text(wished), formats));
}

// The code by which a wish is asked for: the camera's own of that format.
uint32_t code_of_wish(const StreamFormat& wish, const std::vector<uint32_t>& offered) {
  const auto found = std::find_if(offered.begin(), offered.end(),
                                  [&](uint32_t code) { return stream_format(code) == wish; });
  return found == offered.end() ? video_code(wish) : *found;
}

// Asks for code and size, and for rows and fields as the driver likes them.
void ask_for(v4l2_format& format, const VideoLayout& wished) {
  if (format.type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE) {
    v4l2_pix_format_mplane& pixels = format.fmt.pix_mp;
    pixels.pixelformat = wished.code;
    pixels.width = wished.width;
    pixels.height = wished.height;
    pixels.field = V4L2_FIELD_ANY;
    pixels.num_planes = static_cast<uint8_t>(wished.parts);
    for (v4l2_plane_pix_format& part : pixels.plane_fmt) part.bytesperline = part.sizeimage = 0;
  } else {
    v4l2_pix_format& pixels = format.fmt.pix;
    pixels.pixelformat = wished.code;
    pixels.width = wished.width;
    pixels.height = wished.height;
    pixels.field = V4L2_FIELD_ANY;
    pixels.bytesperline = pixels.sizeimage = 0;
  }
}

// What is not wished for stays as the camera has it, unless it has a format that is not read.
Status Camera::choose_format() {
  v4l2_format format{};
  format.type = type_;
  if (request(device_.get(), VIDIOC_G_FMT, &format) != 0) return no("say its format", errno);
  const auto codes = offered();
  if (!codes) return codes.error();
  VideoLayout wished = video_layout(format);
  if (wish_.format && stream_format(wished.code) != wish_.format) {
    wished.code = code_of_wish(*wish_.format, *codes);
  } else if (!stream_format(wished.code)) {
    wished.code = codes->front();
  }
  wished.parts = video_parts(wished.code);
  if (wish_.size) {
    wished.width = static_cast<uint32_t>((*wish_.size)[0]);
    wished.height = static_cast<uint32_t>((*wish_.size)[1]);
  }
  ask_for(format, wished);
  if (request(device_.get(), VIDIOC_S_FMT, &format) != 0) return no("take a format", errno);
  layout_ = video_layout(format);
  const bool same_size = layout_.width == wished.width && layout_.height == wished.height;
  const auto given = stream_format(layout_.code);
  if (!given || given != stream_format(wished.code) || (wish_.size && !same_size)) {
    return other_format(layout_, wished);
  }
  if (layout_.parts != video_parts(layout_.code)) {
    return rejected(concat(quoted(wish_.path), " gives frames of ", video_code_text(layout_.code),
                           " in ", layout_.parts, " parts; ", video_parts(layout_.code),
                           " would be right"));
  }
  format_ = *given;
  const bool is_jpeg = std::holds_alternative<JpegFrames>(format_);
  range_ = wish_.range.value_or(is_jpeg ? YuvRange::full : video_range(layout_));
  matrix_ = wish_.matrix.value_or(is_jpeg ? YuvMatrix::bt601 : video_matrix(layout_));
  return {};
}

// A rate that a camera cannot have is no fault: it gives the nearest, or its own.
Status Camera::choose_rate() {
  v4l2_streamparm parameters{};
  parameters.type = type_;
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
  buffers.type = type_;
  buffers.memory = V4L2_MEMORY_MMAP;
  if (request(device_.get(), VIDIOC_REQBUFS, &buffers) != 0) return no("give buffers", errno);
  if (buffers.count < least_buffers) {
    return failed(concat(quoted(wish_.path), " has ", buffers.count, " buffers; ", least_buffers,
                         " are needed"));
  }
  for (uint32_t i = 0; i < buffers.count; ++i) {
    DriverBuffer buffer(type_, i);
    if (request(device_.get(), VIDIOC_QUERYBUF, &buffer.words) != 0) {
      return no("show a buffer", errno);
    }
    auto& parts = buffers_.emplace_back();
    for (size_t part = 0; part < layout_.parts; ++part) {
      parts.emplace_back(device_.get(), buffer.length(part), buffer.offset(part));
      if (!parts.back()) return no("share a buffer", errno);
    }
    if (request(device_.get(), VIDIOC_QBUF, &buffer.words) != 0) return no("take a buffer", errno);
  }
  if (const auto* raw = std::get_if<FrameFormat>(&format_)) {
    VideoParts whole;
    for (size_t part = 0; part < layout_.parts; ++part) {
      whole[part] = buffers_.front()[part].bytes();
    }
    const auto frame = video_frame(layout_, *raw, whole);
    if (!frame) return rejected(concat(quoted(wish_.path), ": ", frame.error().message));
  }
  if (request(device_.get(), VIDIOC_STREAMON, &type_) != 0) return no("start", errno);
  is_streaming_ = true;
  return {};
}

std::string Camera::description() const {
  std::string text = concat(layout_.width, "x", layout_.height, " ", stream_format_name(format_));
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

StreamFrame Camera::frame_of(const DriverBuffer& buffer) {
  const v4l2_buffer& words = buffer.words;
  // The driver counts frames that it could not store too; some count none, and 2^32 comes round.
  index_ += last_ && words.sequence - *last_ - 1 < uint32_t{1} << 16 ? words.sequence - *last_ : 1;
  last_ = words.sequence;
  StreamFrame frame{
      .index = index_, .arrived = arrival(words), .buffer = static_cast<int>(words.index)};
  VideoParts used;
  const auto& parts = buffers_[words.index];
  for (size_t part = 0; part < parts.size(); ++part) {
    used[part] = buffer.filled(part, parts[part].bytes());
  }
  if ((words.flags & V4L2_BUF_FLAG_ERROR) != 0) {
    frame.damage = "the camera's driver says that the frame is damaged";
  } else if (const auto* raw = std::get_if<FrameFormat>(&format_)) {
    auto whole = video_frame(layout_, *raw, used);
    if (whole) {
      whole->range = range_;
      whole->matrix = matrix_;
      frame.content = *whole;
    } else {
      frame.damage = whole.error().message;
    }
  } else {
    frame.content = std::as_bytes(used[0]);
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
    DriverBuffer buffer(type_, 0);
    if (request(device_.get(), VIDIOC_DQBUF, &buffer.words) == 0) {
      if (buffer.words.index >= buffers_.size()) return no("give a frame", EPROTO);
      return std::optional(frame_of(buffer));
    }
    if (errno != EAGAIN) return no("give a frame", errno);
    sleep_until(now + std::chrono::milliseconds(1), stop);  // it said so, but there is none
  }
  return failed(concat(quoted(wish_.path), " gave no frame for ", longest_silence.count(), " s"));
}

void Camera::give_back(const StreamFrame& frame) {
  DriverBuffer buffer(type_, static_cast<uint32_t>(frame.buffer));
  // What is wrong with the device the next frame tells.
  request(device_.get(), VIDIOC_QBUF, &buffer.words);
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
  const bool one_part = (can & V4L2_CAP_VIDEO_CAPTURE) != 0;
  const bool parts = (can & V4L2_CAP_VIDEO_CAPTURE_MPLANE) != 0;
  if ((can & V4L2_CAP_STREAMING) == 0 || !(one_part || parts)) {
    return rejected(concat(quoted(wish.path),
                           " is a video device, but none that frames are streamed from: "
                           "`v4l2-ctl --list-devices` names the others of this camera"));
  }
  const uint32_t type = one_part ? V4L2_BUF_TYPE_VIDEO_CAPTURE : V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
  auto camera = std::make_unique<Camera>(std::move(device), type, wish);
  if (const Status chosen = camera->choose_format(); !chosen) return chosen.error();
  if (const Status chosen = camera->choose_rate(); !chosen) return chosen.error();
  if (const Status started = camera->start(); !started) return started.error();
  return std::unique_ptr<FrameSource>(std::move(camera));
}

}  // namespace octavo::stream
