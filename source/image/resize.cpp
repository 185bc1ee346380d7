// Pillow's resampling to the byte (docs/pictures.md, "Resize"): a separable filter,
// widened when the picture shrinks, in two passes with 8-bit pixels in between.
#include "image/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/float_mode.h"
#include "base/pages.h"

namespace octavo {

namespace image {

namespace {

// Weights are multiples of 2^-22: 8 bits are the pixel's, 2 guard against the negative
// lobes of the bicubic filter. Sums stay inside int32 for sides up to 2^20.
constexpr int precision_bits = 32 - 8 - 2;

double bilinear(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

// Keys (1981) with a = -0.5, in the order of operations that Pillow has.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// One output pixel along an axis is the sum of weight[k] * source[first + k].
struct Tap {
  int32_t first = 0, count = 0;
  size_t weights_at = 0;
};
struct Axis {
  std::vector<Tap> taps;
  std::vector<int32_t> weights;
  int32_t source_first = 0, source_end = 0;  // what the taps read
};

int32_t fixed_point(double weight) {
  const double scaled = weight * (1 << precision_bits);
  return static_cast<int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

// Output pixels first..first+count-1 of an axis that goes from `source` to `target` pixels.
Axis filter_axis(int32_t source, int32_t target, int32_t first, int32_t count,
                 Interpolation interpolation) {
  const bool cubic = interpolation == Interpolation::bicubic;
  const double scale = static_cast<double>(source) / target;
  const double filter_scale = std::max(scale, 1.0);
  const double support = (cubic ? 2.0 : 1.0) * filter_scale;
  const double inverse = 1.0 / filter_scale;
  Axis axis;
  axis.source_first = source;
  std::vector<double> weights;
  for (int32_t i = first; i < first + count; ++i) {
    const double center = (i + 0.5) * scale;
    const auto from = static_cast<int32_t>(std::max(center - support + 0.5, 0.0));
    const auto end = static_cast<int32_t>(std::min<double>(center + support + 0.5, source));
    weights.clear();
    double sum = 0;
    for (int32_t k = 0; k < end - from; ++k) {
      const double x = (k + from - center + 0.5) * inverse;
      weights.push_back(cubic ? bicubic(x) : bilinear(x));
      sum += weights.back();
    }
    axis.taps.push_back({from, end - from, axis.weights.size()});
    for (const double weight : weights) {
      axis.weights.push_back(fixed_point(sum != 0.0 ? weight / sum : weight));
    }
    axis.source_first = std::min(axis.source_first, from);
    axis.source_end = std::max(axis.source_end, end);
  }
  return axis;
}

// Pillow steps through the source by repeated addition, which rounds at each pixel.
Axis nearest_axis(int32_t source, int32_t target, int32_t first, int32_t count) {
  const double step = static_cast<double>(source) / target;
  Axis axis;
  axis.source_first = source;
  double position = step * 0.5;
  for (int32_t i = 0; i < first + count; ++i, position += step) {
    if (i < first) continue;
    const auto from = static_cast<int32_t>(std::min<double>(position, source - 1));
    axis.taps.push_back({from, 1, 0});
    axis.source_first = std::min(axis.source_first, from);
    axis.source_end = std::max(axis.source_end, from + 1);
  }
  return axis;
}

// An axis that keeps its size: the same pixel, weight 1.
Axis identity_axis(int32_t first, int32_t count) {
  Axis axis;
  for (int32_t i = first; i < first + count; ++i) axis.taps.push_back({i, 1, 0});
  axis.source_first = first;
  axis.source_end = first + count;
  return axis;
}

uint8_t rounded(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> precision_bits, 0, 255));
}

// `row` begins at pixel axis.source_first.
template <int channels>
void filter_row(const Axis& axis, const uint8_t* row, uint8_t* out) {
  for (const Tap& tap : axis.taps) {
    const uint8_t* pixel = row + int64_t{tap.first - axis.source_first} * channels;
    const int32_t* weight = axis.weights.data() + tap.weights_at;
    int32_t sums[channels];
    for (int32_t& sum : sums) sum = 1 << (precision_bits - 1);
    for (int32_t k = 0; k < tap.count; ++k, pixel += channels) {
      for (int c = 0; c < channels; ++c) sums[c] += pixel[c] * weight[k];
    }
    for (int c = 0; c < channels; ++c) *out++ = rounded(sums[c]);
  }
}

void pick_row(const Axis& axis, const uint8_t* row, int32_t channels, uint8_t* out) {
  for (const Tap& tap : axis.taps) {
    const uint8_t* pixel = row + int64_t{tap.first - axis.source_first} * channels;
    for (int32_t c = 0; c < channels; ++c) *out++ = pixel[c];
  }
}

// An axis without weights picks pixels.
void horizontal_row(const Axis& axis, const uint8_t* row, int32_t channels, uint8_t* out) {
  if (axis.weights.empty()) return pick_row(axis, row, channels, out);
  return channels == 3 ? filter_row<3>(axis, row, out) : filter_row<1>(axis, row, out);
}

// Rows of `stride` bytes, of which the first is row axis.source_first.
void vertical_pass(const Axis& axis, const uint8_t* rows, size_t stride, uint8_t* out) {
  std::vector<int32_t> sums(stride);
  for (const Tap& tap : axis.taps) {
    const uint8_t* row = rows + static_cast<size_t>(tap.first - axis.source_first) * stride;
    if (axis.weights.empty()) {
      std::memcpy(out, row, stride);
    } else {
      std::fill(sums.begin(), sums.end(), 1 << (precision_bits - 1));
      for (int32_t k = 0; k < tap.count; ++k, row += stride) {
        const int32_t weight = axis.weights[tap.weights_at + static_cast<size_t>(k)];
        for (size_t i = 0; i < stride; ++i) sums[i] += row[i] * weight;
      }
      for (size_t i = 0; i < stride; ++i) out[i] = rounded(sums[i]);
    }
    out += stride;
  }
}

[[gnu::noinline]] Axis axis_for(int32_t source, int32_t target, int32_t first, int32_t count,
                                Interpolation interpolation) {
  if (source == target) return identity_axis(first, count);
  if (interpolation == Interpolation::nearest) return nearest_axis(source, target, first, count);
  return filter_axis(source, target, first, count, interpolation);
}

}  // namespace

Picture resize_window(const RowSource& source, int32_t width, int32_t height,
                      Interpolation interpolation, const Window& window) {
  const FloatMode to_nearest;
  const Axis across = axis_for(source.width, width, window.left, window.width, interpolation);
  const Axis down = axis_for(source.height, height, window.top, window.height, interpolation);
  const auto channels = static_cast<size_t>(source.channels);
  const size_t out_stride = static_cast<size_t>(window.width) * channels;
  const size_t in_stride = static_cast<size_t>(across.source_end - across.source_first) * channels;
  const auto in_rows = static_cast<size_t>(down.source_end - down.source_first);
  Picture out{window.width, window.height, source.channels, {}};
  out.pixels = vector_brought_in<uint8_t>(out_stride * static_cast<size_t>(window.height));

  // Since 13.0 Pillow does the vertical pass first where that loses more than twice as
  // many rows as the other loses columns; the rounding in between makes it matter.
  const int64_t rows_lost = int64_t{source.height} - height;
  const bool vertical_first = rows_lost > 0 && rows_lost > (int64_t{source.width} - width) * 2;
  auto between = vector_brought_in<uint8_t>(in_rows * (vertical_first ? in_stride : out_stride));
  for (size_t y = 0; y < in_rows; ++y) {
    const uint8_t* row = source.row(down.source_first + static_cast<int32_t>(y),
                                    across.source_first, across.source_end);
    if (vertical_first) {
      std::memcpy(between.data() + y * in_stride, row, in_stride);
    } else {
      horizontal_row(across, row, source.channels, between.data() + y * out_stride);
    }
  }
  if (!vertical_first) {
    vertical_pass(down, between.data(), out_stride, out.pixels.data());
    return out;
  }
  std::vector<uint8_t> squeezed(in_stride * static_cast<size_t>(window.height));
  vertical_pass(down, between.data(), in_stride, squeezed.data());
  for (size_t y = 0; y < static_cast<size_t>(window.height); ++y) {
    horizontal_row(across, squeezed.data() + y * in_stride, source.channels,
                   out.pixels.data() + y * out_stride);
  }
  return out;
}

}  // namespace image

Picture resize(const Picture& source, int32_t width, int32_t height, Interpolation interpolation) {
  const image::RowSource rows{source.width, source.height, source.channels,
                              [&](int32_t y, int32_t first, int32_t) {
                                const int64_t pixel = int64_t{y} * source.width + first;
                                return source.pixels.data() + pixel * source.channels;
                              }};
  return image::resize_window(rows, width, height, interpolation, {0, 0, width, height});
}

}  // namespace octavo
