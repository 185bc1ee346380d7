// Inside source/stream: the kinds of source, and what they wait with.
#pragma once

#include "base/descriptor.h"
#include "stream/frame_source.h"

namespace octavo::stream {

// How long a thread sleeps before it looks whether it should stop.
constexpr std::chrono::milliseconds patience{50};

// Sleeps until `due` or until `stop` is set.
void sleep_until(StreamClock::time_point due, const std::atomic<bool>& stop);
// Waits until there is something to read, an error or the end included. False: `stop` is set, or
// `longest` is over.
Result<bool> wait_readable(int fd, const std::atomic<bool>& stop,
                           std::optional<StreamClock::duration> longest);

// Bytes of a file or a pipe as they come: none at its end, or where `stop` is set.
Result<size_t> read_some(int fd, const std::string& path, std::span<std::byte> into,
                         const std::atomic<bool>& stop);

std::string colors_text(YuvRange range, YuvMatrix matrix);

// Nothing: the device is no camera.
Result<std::unique_ptr<FrameSource>> open_camera(Descriptor device, const SourceWish& wish);
bool is_camera(int fd);

Result<std::unique_ptr<FrameSource>> open_raw_source(Descriptor file, FrameFormat format,
                                                     const SourceWish& wish);
Result<std::unique_ptr<FrameSource>> open_jpeg_source(Descriptor file, const SourceWish& wish);

}  // namespace octavo::stream
