// Inside source/stream: what V4L2 calls formats, and what is to be done with its buffers.
#pragma once

#include <linux/videodev2.h>

#include "stream/frame_source.h"

namespace octavo::stream {

// What V4L2 calls this format; and the other way round, nothing for what Octavo does not read.
uint32_t video_code(const StreamFormat& format);
std::optional<StreamFormat> stream_format(uint32_t video_code);
// "NV12": the four characters, made safe to show.
std::string video_code_text(uint32_t video_code);

// How numbers of YUV are meant, where the driver says so or the standard that it names does.
YuvRange video_range(const v4l2_pix_format& format);
YuvMatrix video_matrix(const v4l2_pix_format& format);

// The planes of a raw frame in a buffer of the driver's: one behind the other, each row as long as
// bytesperline says. The Error says why the buffer cannot hold them.
Result<Frame> video_frame(const v4l2_pix_format& format, FrameFormat name,
                          std::span<const uint8_t> bytes);

}  // namespace octavo::stream
