// Frames to RGB and back, in integers (docs/pictures.md, "Frames").
#include "image/frame.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "image/decode.h"

namespace octavo {

namespace image {

namespace {

// Multiples of 2^-16, rounded to nearest from the matrix: with Kr, Kb of the standard,
// Kg = 1 - Kr - Kb, and s = 255/219, t = 255/224 for video range, else 1:
// luma s, red_v 2(1-Kr)t, green_u -2(1-Kb)Kb/Kg t, green_v -2(1-Kr)Kr/Kg t, blue_u 2(1-Kb)t.
struct YuvCoefficients {
  int32_t black;  // the luma that is 0
  int32_t luma, red_v, green_u, green_v, blue_u;
};
constexpr YuvCoefficients full_601{0, 65536, 91881, -22553, -46802, 116130};
constexpr YuvCoefficients video_601{16, 76309, 104597, -25675, -53279, 132201};
constexpr YuvCoefficients full_709{0, 65536, 103206, -12276, -30679, 121609};
constexpr YuvCoefficients video_709{16, 76309, 117489, -13975, -34925, 138438};

const YuvCoefficients& coefficients(const Frame& frame) {
  const bool full = frame.range == YuvRange::full;
  if (frame.matrix == YuvMatrix::bt601) return full ? full_601 : video_601;
  return full ? full_709 : video_709;
}

uint8_t clamp8(int32_t value) {
  return static_cast<uint8_t>(std::clamp(value, 0, 255));
}

// Two pixels that share a chroma sample: it is repeated, not interpolated. An
// arithmetic shift rounds halves up.
struct ChromaTerms {
  int32_t red, green, blue;
};
ChromaTerms chroma_terms(const YuvCoefficients& c, int32_t u, int32_t v) {
  constexpr int32_t half = 1 << 15;
  u -= 128;
  v -= 128;
  return {c.red_v * v + half, c.green_u * u + c.green_v * v + half, c.blue_u * u + half};
}
void put_pixel(const YuvCoefficients& c, const ChromaTerms& terms, int32_t y, uint8_t* out) {
  const int32_t luma = (y - c.black) * c.luma;
  out[0] = clamp8((luma + terms.red) >> 16);
  out[1] = clamp8((luma + terms.green) >> 16);
  out[2] = clamp8((luma + terms.blue) >> 16);
}

// luma_step, chroma_step: bytes from one sample to the next of its kind.
void convert_yuv(const YuvCoefficients& c, const uint8_t* luma, int luma_step, const uint8_t* u,
                 const uint8_t* v, int chroma_step, int32_t pixels, uint8_t* out) {
  for (int32_t x = 0; x < pixels; x += 2) {
    const ChromaTerms terms = chroma_terms(c, *u, *v);
    put_pixel(c, terms, luma[0], out);
    if (x + 1 < pixels) put_pixel(c, terms, luma[luma_step], out + 3);
    luma += int64_t{2} * luma_step;
    u += chroma_step;
    v += chroma_step;
    out += 6;
  }
}

struct PlaneShape {
  int64_t row_bytes = 0, rows = 0;
};
struct FrameShape {
  int planes = 1;
  std::array<PlaneShape, 3> plane;
};

FrameShape frame_shape(FrameFormat format, int64_t width, int64_t height) {
  switch (format) {
    case FrameFormat::nv12:
      return {2, {{{width, height}, {width, height / 2}, {}}}};
    case FrameFormat::i420:
      return {3, {{{width, height}, {width / 2, height / 2}, {width / 2, height / 2}}}};
    case FrameFormat::yuyv:
      return {1, {{{2 * width, height}, {}, {}}}};
    case FrameFormat::rgb24:
    case FrameFormat::bgr24:
      return {1, {{{3 * width, height}, {}, {}}}};
    case FrameFormat::gray8:
      break;
  }
  return {1, {{{width, height}, {}, {}}}};
}

Status check_plane(const PlaneShape& shape, std::span<const uint8_t> bytes, int64_t stride,
                   int plane) {
  const auto size = static_cast<int64_t>(bytes.size());
  if (stride < shape.row_bytes) {
    return rejected(
        concat("plane ", plane, ": a stride of ", stride, " bytes; a row needs ", shape.row_bytes));
  }
  // By division, since stride * rows may overflow. The last row may end the plane.
  if (size < shape.row_bytes || (size - shape.row_bytes) / stride < shape.rows - 1) {
    return rejected(concat("plane ", plane, ": ", size, " bytes; ", shape.rows, " rows of ", stride,
                           " bytes are needed"));
  }
  return {};
}

}  // namespace

Status check_frame_size(FrameFormat format, int64_t width, int64_t height) {
  if (width < 1 || height < 1 || height > most_pixels / width) {
    return rejected(concat("a frame of ", width, "x", height, " pixels; 1 to ", most_pixels,
                           " pixels are read"));
  }
  const bool halves_rows = format == FrameFormat::nv12 || format == FrameFormat::i420;
  const bool halves_columns = halves_rows || format == FrameFormat::yuyv;
  if ((halves_columns && width % 2 != 0) || (halves_rows && height % 2 != 0)) {
    return rejected(concat("a frame of ", width, "x", height, " pixels; this format needs an even ",
                           halves_rows ? "width and height" : "width"));
  }
  return {};
}

Status check_frame(const Frame& frame) {
  if (Status fits = check_frame_size(frame.format, frame.width, frame.height); !fits) return fits;
  const FrameShape shape = frame_shape(frame.format, frame.width, frame.height);
  for (int i = 0; i < shape.planes; ++i) {
    const auto plane = static_cast<size_t>(i);
    if (Status fits = check_plane(shape.plane[plane], frame.planes[plane], frame.strides[plane], i);
        !fits) {
      return fits;
    }
  }
  return {};
}

int32_t frame_channels(const Frame& frame) {
  return frame.format == FrameFormat::gray8 ? 1 : 3;
}

void convert_row(const Frame& frame, int32_t y, int32_t first, int32_t end, uint8_t* out) {
  const auto row = [&](size_t plane, int32_t index) {
    return frame.planes[plane].data() + index * frame.strides[plane];
  };
  const YuvCoefficients& c = coefficients(frame);
  const int32_t pixels = end - first;
  switch (frame.format) {
    case FrameFormat::nv12: {
      const uint8_t* uv = row(1, y / 2) + first;
      return convert_yuv(c, row(0, y) + first, 1, uv, uv + 1, 2, pixels, out);
    }
    case FrameFormat::i420:
      return convert_yuv(c, row(0, y) + first, 1, row(1, y / 2) + first / 2,
                         row(2, y / 2) + first / 2, 1, pixels, out);
    case FrameFormat::yuyv: {
      const uint8_t* packed = row(0, y) + int64_t{2} * first;
      return convert_yuv(c, packed, 2, packed + 1, packed + 3, 4, pixels, out);
    }
    case FrameFormat::rgb24:
      std::memcpy(out, row(0, y) + int64_t{3} * first, static_cast<size_t>(pixels) * 3);
      return;
    case FrameFormat::bgr24: {
      const uint8_t* bgr = row(0, y) + int64_t{3} * first;
      for (int32_t x = 0; x < pixels; ++x, bgr += 3, out += 3) {
        out[0] = bgr[2];
        out[1] = bgr[1];
        out[2] = bgr[0];
      }
      return;
    }
    case FrameFormat::gray8:
      std::memcpy(out, row(0, y) + first, static_cast<size_t>(pixels));
      return;
  }
}

int64_t packed_bytes(FrameFormat format, int32_t width, int32_t height) {
  const FrameShape shape = frame_shape(format, width, height);
  int64_t bytes = 0;
  for (const PlaneShape& plane : shape.plane) bytes += plane.row_bytes * plane.rows;
  return bytes;
}

Frame packed_frame(FrameFormat format, int32_t width, int32_t height,
                   std::span<const uint8_t> bytes) {
  Frame frame;
  frame.format = format;
  frame.width = width;
  frame.height = height;
  const FrameShape shape = frame_shape(format, width, height);
  for (size_t i = 0; i < shape.plane.size(); ++i) {
    const auto size = static_cast<size_t>(shape.plane[i].row_bytes * shape.plane[i].rows);
    frame.planes[i] = bytes.first(std::min(size, bytes.size()));
    frame.strides[i] = shape.plane[i].row_bytes;
    bytes = bytes.subspan(frame.planes[i].size());
  }
  return frame;
}

}  // namespace image

Result<Picture> convert_frame(const Frame& frame) {
  if (Status fits = image::check_frame(frame); !fits) return fits.error();
  Picture picture;
  picture.width = frame.width;
  picture.height = frame.height;
  picture.channels = image::frame_channels(frame);
  const size_t row_bytes = static_cast<size_t>(frame.width) * static_cast<size_t>(picture.channels);
  picture.pixels.resize(row_bytes * static_cast<size_t>(frame.height));
  for (int32_t y = 0; y < frame.height; ++y) {
    image::convert_row(frame, y, 0, frame.width,
                       picture.pixels.data() + static_cast<size_t>(y) * row_bytes);
  }
  return picture;
}

namespace {

// Luma of one pixel and chroma of the sum of four, BT.601, full range. Luma is
// Pillow's convert('L'). The sums are at most 1020, and 2^18 = 4 * 2^16.
uint8_t luma_of(const uint8_t* rgb) {
  return static_cast<uint8_t>((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + (1 << 15)) >> 16);
}
uint8_t chroma_of(int32_t red, int32_t green, int32_t blue, const std::array<int32_t, 3>& weights) {
  const int32_t sum = weights[0] * red + weights[1] * green + weights[2] * blue;
  return image::clamp8((sum + (128 << 18) + (1 << 17)) >> 18);
}
constexpr std::array<int32_t, 3> u_weights{-11058, -21710, 32768};
constexpr std::array<int32_t, 3> v_weights{32768, -27439, -5329};

}  // namespace

Picture through_nv12(const Picture& rgb) {
  const int32_t width = rgb.width & ~1, height = rgb.height & ~1;
  const auto stride = static_cast<size_t>(rgb.width) * 3;
  Picture out{width, height, 3, {}};
  out.pixels.resize(static_cast<size_t>(width) * static_cast<size_t>(height) * 3);
  uint8_t* to = out.pixels.data();
  const size_t to_stride = static_cast<size_t>(width) * 3;
  for (int32_t y = 0; y < height; y += 2, to += 2 * to_stride) {
    const uint8_t* upper = rgb.pixels.data() + static_cast<size_t>(y) * stride;
    const uint8_t* lower = upper + stride;
    for (int32_t x = 0; x < width; x += 2, upper += 6, lower += 6) {
      const auto sum = [&](int c) { return upper[c] + upper[c + 3] + lower[c] + lower[c + 3]; };
      const int32_t red = sum(0), green = sum(1), blue = sum(2);
      const auto terms =
          image::chroma_terms(image::full_601, chroma_of(red, green, blue, u_weights),
                              chroma_of(red, green, blue, v_weights));
      uint8_t* pixel = to + static_cast<size_t>(x) * 3;
      image::put_pixel(image::full_601, terms, luma_of(upper), pixel);
      image::put_pixel(image::full_601, terms, luma_of(upper + 3), pixel + 3);
      image::put_pixel(image::full_601, terms, luma_of(lower), pixel + to_stride);
      image::put_pixel(image::full_601, terms, luma_of(lower + 3), pixel + to_stride + 3);
    }
  }
  return out;
}

}  // namespace octavo
