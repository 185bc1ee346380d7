#include "stream/video_format.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "image/frame.h"

namespace octavo::stream {

namespace {

struct Code {
  uint32_t code;
  StreamFormat format;
};
// Of two codes of one format the first is asked for.
const Code codes[] = {
    {V4L2_PIX_FMT_NV12, FrameFormat::nv12},   {V4L2_PIX_FMT_YUV420, FrameFormat::i420},
    {V4L2_PIX_FMT_YUYV, FrameFormat::yuyv},   {V4L2_PIX_FMT_RGB24, FrameFormat::rgb24},
    {V4L2_PIX_FMT_BGR24, FrameFormat::bgr24}, {V4L2_PIX_FMT_GREY, FrameFormat::gray8},
    {V4L2_PIX_FMT_MJPEG, JpegFrames{}},       {V4L2_PIX_FMT_JPEG, JpegFrames{}}};

}  // namespace

uint32_t video_code(const StreamFormat& format) {
  return std::find_if(std::begin(codes), std::end(codes),
                      [&](const Code& code) { return code.format == format; })
      ->code;
}

std::optional<StreamFormat> stream_format(uint32_t code) {
  const auto* found = std::find_if(std::begin(codes), std::end(codes),
                                   [&](const Code& known) { return known.code == code; });
  return found == std::end(codes) ? std::nullopt : std::optional(found->format);
}

std::string video_code_text(uint32_t code) {
  std::string text;
  for (int shift = 0; shift < 32; shift += 8) text += static_cast<char>(code >> shift & 0xff);
  text.erase(text.find_last_not_of(' ') + 1);
  return printable(text);
}

YuvRange video_range(const v4l2_pix_format& format) {
  uint32_t range = format.quantization;
  if (range == V4L2_QUANTIZATION_DEFAULT) {
    range = V4L2_MAP_QUANTIZATION_DEFAULT(false, format.colorspace, format.ycbcr_enc);
  }
  return range == V4L2_QUANTIZATION_FULL_RANGE ? YuvRange::full : YuvRange::video;
}

YuvMatrix video_matrix(const v4l2_pix_format& format) {
  uint32_t matrix = format.ycbcr_enc;
  if (matrix == V4L2_YCBCR_ENC_DEFAULT) {
    matrix = V4L2_MAP_YCBCR_ENC_DEFAULT(format.colorspace);
  }
  const bool bt709 = matrix == V4L2_YCBCR_ENC_709 || matrix == V4L2_YCBCR_ENC_XV709;
  return bt709 ? YuvMatrix::bt709 : YuvMatrix::bt601;
}

Result<Frame> video_frame(const v4l2_pix_format& format, FrameFormat name,
                          std::span<const uint8_t> bytes) {
  if (const Status possible = image::check_frame_size(name, format.width, format.height);
      !possible) {
    return possible.error();
  }
  Frame frame;
  frame.format = name;
  frame.width = static_cast<int32_t>(format.width);
  frame.height = static_cast<int32_t>(format.height);
  const auto row = static_cast<int64_t>(format.bytesperline);
  const auto rows = static_cast<int64_t>(format.height);
  frame.strides = {row, name == FrameFormat::i420 ? row / 2 : row, row / 2};
  std::array<int64_t, 3> sizes{row * rows, 0, 0};
  if (name == FrameFormat::nv12) sizes[1] = row * (rows / 2);
  if (name == FrameFormat::i420) sizes[1] = sizes[2] = row / 2 * (rows / 2);
  for (size_t plane = 0; plane < sizes.size(); ++plane) {
    const size_t size = std::min(static_cast<size_t>(sizes[plane]), bytes.size());
    frame.planes[plane] = bytes.first(size);
    bytes = bytes.subspan(size);
  }
  if (const Status whole = image::check_frame(frame); !whole) return whole.error();
  return frame;
}

}  // namespace octavo::stream
