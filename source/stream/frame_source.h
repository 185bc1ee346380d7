// Where frames come from, one after another: a camera (V4L2), or raw frames or JPEGs in a file or a
// pipe. A frame lies in its source's memory until it is given back, so that nothing is copied on
// the way to the network.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "base/result.h"
#include "image/image.h"

namespace octavo {

using StreamClock = std::chrono::steady_clock;

struct StreamFrame {
  int64_t index = 0;                // from 0 on; frames that the source lost are counted
  StreamClock::time_point arrived;  // at the source
  std::variant<Frame, std::span<const std::byte>> content{};  // pixels, or a JPEG
  std::string damage{};  // why it shows nothing that could be classified; "": it does
  int buffer = 0;        // the source's own
};

// What a source gives; as wished for, what is empty is the source's choice.
struct JpegFrames {
  bool operator==(const JpegFrames&) const = default;
};
using StreamFormat = std::variant<FrameFormat, JpegFrames>;
// "nv12", ..., "mjpeg".
std::string_view stream_format_name(const StreamFormat& format);

struct SourceWish {
  std::string path;  // "-": standard input
  std::optional<StreamFormat> format;
  std::optional<std::array<int32_t, 2>> size;  // width, height
  std::optional<YuvRange> range;
  std::optional<YuvMatrix> matrix;
  double frames_per_second = 0;  // 0: as fast as they come
};

class FrameSource {
 public:
  virtual ~FrameSource() = default;
  // Waits for a frame: nothing at the end, or soon after `stop`. Called by one thread. An Error
  // ends the stream: no further call.
  virtual Result<std::optional<StreamFrame>> next(const std::atomic<bool>& stop) = 0;
  // Any thread, once for each frame.
  virtual void give_back(const StreamFrame& frame) = 0;
  // Whether frames come in their own time, so that those that nobody has time for are late.
  virtual bool is_live() const = 0;
  // "640x480 yuyv, video range, bt601".
  virtual std::string description() const = 0;
};

// A device that speaks V4L2 is a camera; everything else is raw frames, whose format and size must
// be said, or JPEGs. `usage`: a format or a size that is missing. `rejected`: what the path names
// cannot be read, or gives other frames than those wished for. `failed`: a camera that is in use,
// or fails.
Result<std::unique_ptr<FrameSource>> open_frame_source(const SourceWish& wish);

}  // namespace octavo
