// Inside source/stream: what V4L2 calls formats, and what is to be done with its buffers.
#pragma once

#include <linux/videodev2.h>

#include "stream/frame_source.h"

namespace octavo::stream {

// What a driver says of its frames, whether it speaks of buffers of one part or of several.
struct VideoLayout {
  uint32_t code = 0;  // V4L2_PIX_FMT_*
  uint32_t width = 0, height = 0;
  uint32_t colorspace = 0, ycbcr_enc = 0, quantization = 0;
  uint32_t parts = 1;                   // of a buffer, each memory of its own
  std::array<uint32_t, 3> row_bytes{};  // of each part; of more than three parts the first
};
// `format` is of either type of capture.
VideoLayout video_layout(const v4l2_format& format);

// What V4L2 calls this format where its planes follow each other; and the other way round, nothing
// for what Octavo does not read.
uint32_t video_code(const StreamFormat& format);
std::optional<StreamFormat> stream_format(uint32_t video_code);
// In how many parts a frame of a format that is read lies: one, or as many as it has planes.
uint32_t video_parts(uint32_t video_code);
// "NV12": the four characters, made safe to show.
std::string video_code_text(uint32_t video_code);

// How numbers of YUV are meant, where the driver says so or the standard that it names does.
YuvRange video_range(const VideoLayout& layout);
YuvMatrix video_matrix(const VideoLayout& layout);

// The planes of a raw frame in a buffer of the driver's, of `layout.parts` parts: in one part one
// behind the other, else each at the beginning of its own; each row as long as the driver says. The
// Error says why the buffer cannot hold them.
using VideoParts = std::array<std::span<const uint8_t>, 3>;
Result<Frame> video_frame(const VideoLayout& layout, FrameFormat name, const VideoParts& bytes);

}  // namespace octavo::stream
