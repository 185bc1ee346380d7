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
  uint32_t parts = 1;
};
// Of the codes of one format the first is that of frames in one part.
const Code codes[] = {
    {V4L2_PIX_FMT_NV12, FrameFormat::nv12},   {V4L2_PIX_FMT_NV12M, FrameFormat::nv12, 2},
    {V4L2_PIX_FMT_YUV420, FrameFormat::i420}, {V4L2_PIX_FMT_YUV420M, FrameFormat::i420, 3},
    {V4L2_PIX_FMT_YUYV, FrameFormat::yuyv},   {V4L2_PIX_FMT_RGB24, FrameFormat::rgb24},
    {V4L2_PIX_FMT_BGR24, FrameFormat::bgr24}, {V4L2_PIX_FMT_GREY, FrameFormat::gray8},
    {V4L2_PIX_FMT_MJPEG, JpegFrames{}},       {V4L2_PIX_FMT_JPEG, JpegFrames{}}};

const Code* find_code(uint32_t code) {
  const auto* found = std::find_if(std::begin(codes), std::end(codes),
                                   [&](const Code& known) { return known.code == code; });
  return found == std::end(codes) ? nullptr : found;
}

}  // namespace

VideoLayout video_layout(const v4l2_format& format) {
  if (format.type != V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE) {
    const v4l2_pix_format& pixels = format.fmt.pix;
    return {.code = pixels.pixelformat,
            .width = pixels.width,
            .height = pixels.height,
            .colorspace = pixels.colorspace,
            .ycbcr_enc = pixels.ycbcr_enc,
            .quantization = pixels.quantization,
            .row_bytes = {pixels.bytesperline}};
  }
  const v4l2_pix_format_mplane& pixels = format.fmt.pix_mp;
  VideoLayout layout{.code = pixels.pixelformat,
                     .width = pixels.width,
                     .height = pixels.height,
                     .colorspace = pixels.colorspace,
                     .ycbcr_enc = pixels.ycbcr_enc,
                     .quantization = pixels.quantization,
                     .parts = pixels.num_planes};
  for (size_t part = 0; part < layout.row_bytes.size(); ++part) {
    layout.row_bytes[part] = pixels.plane_fmt[part].bytesperline;
  }
  return layout;
}

uint32_t video_code(const StreamFormat& format) {
  return std::find_if(std::begin(codes), std::end(codes),
                      [&](const Code& code) { return code.format == format; })
      ->code;
}

std::optional<StreamFormat> stream_format(uint32_t code) {
  const Code* found = find_code(code);
  return found == nullptr ? std::nullopt : std::optional(found->format);
}

uint32_t video_parts(uint32_t code) {
  const Code* found = find_code(code);
  return found == nullptr ? 1 : found->parts;
}

std::string video_code_text(uint32_t code) {
  std::string text;
  for (int shift = 0; shift < 32; shift += 8) text += static_cast<char>(code >> shift & 0xff);
  text.erase(text.find_last_not_of(' ') + 1);
  return printable(text);
}

YuvRange video_range(const VideoLayout& layout) {
  uint32_t range = layout.quantization;
  if (range == V4L2_QUANTIZATION_DEFAULT) {
    range = V4L2_MAP_QUANTIZATION_DEFAULT(false, layout.colorspace, layout.ycbcr_enc);
  }
  return range == V4L2_QUANTIZATION_FULL_RANGE ? YuvRange::full : YuvRange::video;
}

YuvMatrix video_matrix(const VideoLayout& layout) {
  uint32_t matrix = layout.ycbcr_enc;
  if (matrix == V4L2_YCBCR_ENC_DEFAULT) {
    matrix = V4L2_MAP_YCBCR_ENC_DEFAULT(layout.colorspace);
  }
  const bool bt709 = matrix == V4L2_YCBCR_ENC_709 || matrix == V4L2_YCBCR_ENC_XV709;
  return bt709 ? YuvMatrix::bt709 : YuvMatrix::bt601;
}

namespace {

// Planes in one part, one behind the other, whose rows are all the driver's or, of i420's chroma,
// half as long.
void place_behind_each_other(Frame& frame, int64_t row, std::span<const uint8_t> bytes) {
  const int64_t rows = frame.height;
  frame.strides = {row, frame.format == FrameFormat::i420 ? row / 2 : row, row / 2};
  std::array<int64_t, 3> sizes{row * rows, 0, 0};
  if (frame.format == FrameFormat::nv12) sizes[1] = row * (rows / 2);
  if (frame.format == FrameFormat::i420) sizes[1] = sizes[2] = row / 2 * (rows / 2);
  for (size_t plane = 0; plane < sizes.size(); ++plane) {
    const size_t size = std::min(static_cast<size_t>(sizes[plane]), bytes.size());
    frame.planes[plane] = bytes.first(size);
    bytes = bytes.subspan(size);
  }
}

}  // namespace

Result<Frame> video_frame(const VideoLayout& layout, FrameFormat name, const VideoParts& bytes) {
  if (const Status possible = image::check_frame_size(name, layout.width, layout.height);
      !possible) {
    return possible.error();
  }
  Frame frame;
  frame.format = name;
  frame.width = static_cast<int32_t>(layout.width);
  frame.height = static_cast<int32_t>(layout.height);
  if (layout.parts == 1) {
    place_behind_each_other(frame, layout.row_bytes[0], bytes[0]);
  } else {
    frame.planes = bytes;
    frame.strides = {layout.row_bytes[0], layout.row_bytes[1], layout.row_bytes[2]};
  }
  if (const Status whole = image::check_frame(frame); !whole) return whole.error();
  return frame;
}

}  // namespace octavo::stream
