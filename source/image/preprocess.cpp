// Picture or frame to the network's input: resize of the short side, centre crop,
// colour order. Only what the crop shows is converted and resized.
#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "image/decode.h"
#include "image/frame.h"
#include "image/resize.h"

namespace octavo {

namespace {

using image::RowSource;
using image::Window;

// A crop of `length` pixels from the middle of `size`: where it begins in the source
// and in the result, and how much of it the source fills; the rest is zero.
struct Span {
  int32_t from = 0, to = 0, count = 0;
};
Span centre(int32_t size, int32_t length) {
  // As torchvision's center_crop: padding is rounded down on the left; the offset of a
  // smaller crop is rounded half to even, as Python's round does.
  if (length >= size) return {0, (length - size) / 2, size};
  const int32_t excess = size - length;
  int32_t from = excess / 2;
  if (excess % 2 != 0 && from % 2 != 0) ++from;
  return {from, 0, length};
}

// The short side to `target`, the long one to int(target * long / short).
Status resized_size(int32_t& width, int32_t& height, int32_t target) {
  constexpr int64_t longest_side = int64_t{1} << 24;
  if (target == 0) return {};
  const int64_t shorter = std::min(width, height), longer = std::max(width, height);
  const int64_t long_side = target * longer / shorter;
  if (long_side > longest_side) {
    return rejected(concat("a picture of ", width, "x", height, " pixels is too narrow: with ",
                           target, " pixels one way it would have ", long_side, " the other"));
  }
  const bool portrait = height >= width;
  width = static_cast<int32_t>(portrait ? target : long_side);
  height = static_cast<int32_t>(portrait ? long_side : target);
  return {};
}

Status check_preprocess(const Preprocess& how, size_t out_bytes) {
  constexpr int32_t largest = image::longest_input_side;
  if (how.height < 1 || how.width < 1 || how.height > largest || how.width > largest ||
      how.resize_short < 0 || how.resize_short > largest || how.resize_exact[0] < 0 ||
      how.resize_exact[0] > largest || how.resize_exact[1] < 0 || how.resize_exact[1] > largest ||
      (how.resize_exact[0] == 0) != (how.resize_exact[1] == 0)) {
    return rejected(concat("preprocessing to ", how.height, "x", how.width, " after a resize to ",
                           how.resize_short, "; sizes are 1 to ", largest));
  }
  const int64_t needed = int64_t{how.height} * how.width * how.channels();
  if (static_cast<int64_t>(out_bytes) != needed) {
    return usage_error(concat("the input has ", out_bytes, " bytes, preprocessing gives ", needed));
  }
  return {};
}

// One row of the crop into the tensor's channels.
void store_row(const uint8_t* row, int32_t pixels, int32_t channels, ColorOrder order,
               uint8_t* out) {
  if (order == ColorOrder::gray || (order == ColorOrder::rgb && channels == 3)) {
    std::memcpy(out, row, static_cast<size_t>(pixels) * static_cast<size_t>(channels));
    return;
  }
  for (int32_t x = 0; x < pixels; ++x, row += channels, out += 3) {
    for (int32_t c = 0; c < 3; ++c) out[c] = channels == 1 ? row[0] : row[2 - c];
  }
}

Status fill(const RowSource& source, const Preprocess& how, std::span<uint8_t> out) {
  int32_t width = source.width, height = source.height;
  if (how.squashes()) {
    height = how.resize_exact[0];
    width = how.resize_exact[1];
  } else if (Status size = resized_size(width, height, how.resize_short); !size) {
    return size;
  }
  const Span across = centre(width, how.width), down = centre(height, how.height);
  const Picture crop = image::resize_window(source, width, height, how.interpolation,
                                            {across.from, down.from, across.count, down.count});
  const auto channels = static_cast<size_t>(how.channels());
  const size_t out_stride = static_cast<size_t>(how.width) * channels;
  const size_t crop_stride = static_cast<size_t>(crop.width) * static_cast<size_t>(crop.channels);
  std::fill(out.begin(), out.end(), uint8_t{0});
  for (size_t y = 0; y < static_cast<size_t>(crop.height); ++y) {
    uint8_t* to = out.data() + (static_cast<size_t>(down.to) + y) * out_stride +
                  static_cast<size_t>(across.to) * channels;
    store_row(crop.pixels.data() + y * crop_stride, crop.width, crop.channels, how.color, to);
  }
  return {};
}

// Pillow's convert('L').
void to_gray(const uint8_t* rgb, int32_t pixels, uint8_t* out) {
  for (int32_t x = 0; x < pixels; ++x, rgb += 3) {
    out[x] =
        static_cast<uint8_t>((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + (1 << 15)) >> 16);
  }
}

// Pictures for a network with one channel become gray before they are resized.
RowSource gray_rows(const RowSource& rgb, std::vector<uint8_t>& scratch) {
  scratch.resize(static_cast<size_t>(rgb.width));
  return {rgb.width, rgb.height, 1, [&](int32_t y, int32_t first, int32_t end) {
            to_gray(rgb.row(y, first, end), end - first, scratch.data());
            return static_cast<const uint8_t*>(scratch.data());
          }};
}

Status fill_colored(const RowSource& source, const Preprocess& how, std::span<uint8_t> out) {
  if (how.color != ColorOrder::gray || source.channels == 1) return fill(source, how, out);
  std::vector<uint8_t> scratch;
  return fill(gray_rows(source, scratch), how, out);
}

}  // namespace

Status preprocess(const Picture& picture, const Preprocess& how, std::span<uint8_t> out) {
  if (Status fits = check_preprocess(how, out.size()); !fits) return fits;
  const auto expected = int64_t{picture.width} * picture.height * picture.channels;
  if (picture.width < 1 || picture.height < 1 || (picture.channels != 1 && picture.channels != 3) ||
      static_cast<int64_t>(picture.pixels.size()) != expected) {
    return rejected(concat("a picture of ", picture.width, "x", picture.height, "x",
                           picture.channels, " with ", picture.pixels.size(), " bytes"));
  }
  if (how.via_nv12 && picture.channels == 3) {
    if (picture.width < 2 || picture.height < 2) {
      return rejected(concat("a picture of ", picture.width, "x", picture.height,
                             " pixels; NV12 needs at least 2x2"));
    }
    Preprocess then = how;
    then.via_nv12 = false;
    return preprocess(through_nv12(picture), then, out);
  }
  const RowSource rows{picture.width, picture.height, picture.channels,
                       [&](int32_t y, int32_t first, int32_t) {
                         const int64_t pixel = int64_t{y} * picture.width + first;
                         return picture.pixels.data() + pixel * picture.channels;
                       }};
  return fill_colored(rows, how, out);
}

Status preprocess(const Frame& frame, const Preprocess& how, std::span<uint8_t> out) {
  if (Status fits = check_preprocess(how, out.size()); !fits) return fits;
  if (Status fits = image::check_frame(frame); !fits) return fits;
  const int32_t channels = image::frame_channels(frame);
  std::vector<uint8_t> scratch((static_cast<size_t>(frame.width) + 1) *
                               static_cast<size_t>(channels));
  const RowSource rows{
      frame.width, frame.height, channels, [&](int32_t y, int32_t first, int32_t end) {
        const int32_t even = first & ~1;  // pairs of pixels share chroma
        image::convert_row(frame, y, even, end, scratch.data());
        return static_cast<const uint8_t*>(scratch.data()) + int64_t{first - even} * channels;
      }};
  return fill_colored(rows, how, out);
}

}  // namespace octavo
