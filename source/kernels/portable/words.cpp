// Convolutions of u16, in plain C++ for every machine: quantized files of 16 bits are rare, and
// their sums, wider than 32 bits, no dot product of an ISA forms. Operands are shifted by 2^15 to
// signed words, which compilers multiply in pairs; sums are taken in parts that fit 32 bits.
#include "kernels/portable/words.h"

#include <algorithm>

#include "kernels/reference/epilogue.h"
#include "kernels/scratch.h"

namespace octavo::kernels::portable {

namespace {

using reference::finish;
using reference::load;
using reference::save;

constexpr int32_t shift = 32768;
constexpr int32_t part = 256;  // products of up to 2^22 whose sum fits 32 bits
constexpr int32_t tile = 8;    // pixels that read a row of weights while it is near

int32_t group_channels(const ConvolutionShape& s) {
  return s.input_channels / s.groups;
}

int32_t taps_of(const ConvolutionShape& s) {
  return s.kernel_h * s.kernel_w * group_channels(s);
}

// x of a pixel's channels as signed words.
void shift_channels(const std::byte* x, int32_t channels, int16_t* words) {
  for (int32_t c = 0; c < channels; ++c) {
    words[c] = static_cast<int16_t>(load<uint16_t>(x, c) - shift);
  }
}

const std::byte* pixel_at(const ConvolutionArguments& a, int32_t row, int32_t column, int32_t ky,
                          int32_t kx) {
  const ConvolutionShape& s = a.constants->shape;
  return a.input.row[row * s.stride_h + ky * s.dilation_h] +
         (ptrdiff_t{column} * s.stride_w + ptrdiff_t{kx} * s.dilation_w) * a.input.pixel_bytes;
}

void finish_pixel(const ConvolutionArguments& a, int32_t r, int32_t x, int32_t o, float sum) {
  const std::byte* residual =
      a.constants->shape.has_residual ? a.residual.row[r] + x * a.residual.pixel_bytes : nullptr;
  finish(a.constants->epilogue, o, sum * a.constants->epilogue.multiplier[o], residual,
         a.output.row[r] + x * a.output.pixel_bytes);
}

}  // namespace

namespace dense {

namespace {

// Packed: a bias of 64 bits an output, then rows of words, each within 9 bits so that parts of a
// sum fit: an output's weights, or, where these are words, w - 256 * h and h = w / 256 rounded.
size_t bias_bytes(const ConvolutionShape& s) {
  return size_t(s.output_channels) * sizeof(int64_t);
}

bool has_words(const ConvolutionShape& s) {
  return s.weights == ElementType::i16;
}

int32_t rows_of(const ConvolutionShape& s) {
  return has_words(s) ? 2 : 1;
}

// The plan's, whose halves lie as numbers do in memory.
int32_t weight_at(const ConvolutionShape& s, const int8_t* weights, ptrdiff_t i) {
  const auto* bytes = reinterpret_cast<const std::byte*>(weights);
  return has_words(s) ? load<int16_t>(bytes, i) : load<int8_t>(bytes, i);
}

int64_t bias_at(const ConvolutionShape& s, const int32_t* bias, ptrdiff_t o) {
  const auto* bytes = reinterpret_cast<const std::byte*>(bias);
  return has_words(s) ? load<int64_t>(bytes, o) : load<int32_t>(bytes, o);
}

int16_t* take_windows(const ConvolutionShape& s, Scratch& scratch) {
  return scratch.take<int16_t>(int64_t{tile} * taps_of(s));
}

void stage_window(const ConvolutionArguments& a, int32_t r, int32_t x, int32_t first_channel,
                  int16_t* window) {
  const ConvolutionShape& s = a.constants->shape;
  const int32_t channels = group_channels(s);
  for (int32_t ky = 0; ky < s.kernel_h; ++ky) {
    for (int32_t kx = 0; kx < s.kernel_w; ++kx, window += channels) {
      const std::byte* pixel = pixel_at(a, r, x, ky, kx);
      shift_channels(pixel + first_channel * ptrdiff_t{sizeof(uint16_t)}, channels, window);
    }
  }
}

int64_t dot(const int16_t* a, const int16_t* b, int32_t count) {
  int64_t sum = 0;
  for (int32_t begin = 0; begin < count; begin += part) {
    const int32_t end = std::min(count, begin + part);
    int32_t of_part = 0;
    for (int32_t i = begin; i < end; ++i) of_part += int32_t{a[i]} * b[i];
    sum += of_part;
  }
  return sum;
}

// The outputs [begin, end) of one group, for up to `tile` pixels of a row.
void run_group(const ConvolutionArguments& a, int32_t r, int32_t x, int32_t pixels, int32_t begin,
               int32_t end, int16_t* windows) {
  const ConvolutionShape& s = a.constants->shape;
  const int32_t taps = taps_of(s), group = begin / (s.output_channels / s.groups);
  for (int32_t i = 0; i < pixels; ++i) {
    stage_window(a, r, x + i, group * group_channels(s), windows + ptrdiff_t{i} * taps);
  }
  const auto* weights = reinterpret_cast<const int16_t*>(a.constants->packed + bias_bytes(s));
  for (int32_t o = begin; o < end; ++o) {
    const int16_t* row = weights + ptrdiff_t{o} * rows_of(s) * taps;
    const auto bias = load<int64_t>(a.constants->packed, o);
    for (int32_t i = 0; i < pixels; ++i) {
      const int16_t* window = windows + ptrdiff_t{i} * taps;
      int64_t acc = bias + dot(window, row, taps);
      if (has_words(s)) acc += 256 * dot(window, row + taps, taps);
      finish_pixel(a, r, x + i, o, static_cast<float>(acc));
    }
  }
}

}  // namespace

bool accepts(const ConvolutionShape& s) {
  return s.input == ElementType::u16;
}

size_t packed_bytes(const ConvolutionShape& s) {
  const size_t rows = size_t(s.output_channels) * size_t(rows_of(s));
  return bias_bytes(s) + rows * size_t(taps_of(s)) * sizeof(int16_t);
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  const int32_t taps = taps_of(s);
  std::byte* words = packed + bias_bytes(s);
  for (int32_t o = 0; o < s.output_channels; ++o) {
    const ptrdiff_t row = ptrdiff_t{o} * rows_of(s) * taps;
    int64_t sum = 0;
    for (int32_t i = 0; i < taps; ++i) {
      const int32_t weight = weight_at(s, weights, ptrdiff_t{o} * taps + i);
      const int32_t high = has_words(s) ? (weight + 128) >> 8 : 0;
      save(words, row + i, static_cast<int16_t>(weight - 256 * high));
      if (has_words(s)) save(words, row + taps + i, static_cast<int16_t>(high));
      sum += weight;
    }
    // What shifting the operands takes from the sum.
    save(packed, o, bias_at(s, bias, o) + shift * sum);
  }
}

size_t scratch_bytes(const ConvolutionShape& s) {
  Scratch scratch;
  take_windows(s, scratch);
  return scratch.bytes();
}

void run(const ConvolutionArguments& a) {
  Scratch scratch(a.scratch);
  int16_t* windows = take_windows(a.constants->shape, scratch);
  const int32_t per_group = a.constants->shape.output_channels / a.constants->shape.groups;
  for (int32_t r = 0; r < a.output_rows; ++r) {
    for (int32_t x = 0; x < a.output_width; x += tile) {
      const int32_t pixels = std::min(tile, a.output_width - x);
      for (int32_t o = a.channel_begin; o < a.channel_end;) {
        const int32_t end = std::min(a.channel_end, (o / per_group + 1) * per_group);
        run_group(a, r, x, pixels, o, end, windows);
        o = end;
      }
    }
  }
}

}  // namespace dense

namespace depthwise {

namespace {

constexpr int32_t most_taps = 255;  // 255 * 128 * 65535 fits 32 bits
constexpr int32_t lanes = 64;       // channels at a time

// Of channels from `first` on; weights are packed as [taps, channels].
void accumulate(const ConvolutionArguments& a, int32_t r, int32_t x, int32_t first, int32_t count,
                int32_t* acc) {
  const ConvolutionShape& s = a.constants->shape;
  const std::byte* words = a.constants->packed + size_t(s.output_channels) * sizeof(int32_t);
  const auto* weights = reinterpret_cast<const int16_t*>(words) + first;
  std::fill(acc, acc + count, 0);
  for (int32_t ky = 0; ky < s.kernel_h; ++ky) {
    for (int32_t kx = 0; kx < s.kernel_w; ++kx, weights += s.output_channels) {
      const std::byte* pixel = pixel_at(a, r, x, ky, kx) + first * ptrdiff_t{sizeof(uint16_t)};
      for (int32_t c = 0; c < count; ++c) acc[c] += load<uint16_t>(pixel, c) * int32_t{weights[c]};
    }
  }
}

}  // namespace

bool accepts(const ConvolutionShape& s) {
  return s.input == ElementType::u16 && s.weights == ElementType::i8 && s.depthwise() &&
         s.kernel_h * s.kernel_w <= most_taps;
}

size_t packed_bytes(const ConvolutionShape& s) {
  const size_t taps = size_t(s.kernel_h) * size_t(s.kernel_w);
  return size_t(s.output_channels) * (sizeof(int32_t) + taps * sizeof(int16_t));
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  const int32_t taps = s.kernel_h * s.kernel_w;
  std::byte* words = packed + size_t(s.output_channels) * sizeof(int32_t);
  for (int32_t c = 0; c < s.output_channels; ++c) {
    save(packed, c, bias[c]);
    for (int32_t tap = 0; tap < taps; ++tap) {
      save(words, ptrdiff_t{tap} * s.output_channels + c, static_cast<int16_t>(*weights++));
    }
  }
}

size_t scratch_bytes(const ConvolutionShape&) {
  return 0;
}

void run(const ConvolutionArguments& a) {
  int32_t acc[lanes];
  for (int32_t r = 0; r < a.output_rows; ++r) {
    for (int32_t x = 0; x < a.output_width; ++x) {
      for (int32_t c = a.channel_begin; c < a.channel_end; c += lanes) {
        const int32_t count = std::min(lanes, a.channel_end - c);
        accumulate(a, r, x, c, count, acc);
        for (int32_t i = 0; i < count; ++i) {
          const int64_t sum = int64_t{load<int32_t>(a.constants->packed, c + i)} + acc[i];
          finish_pixel(a, r, x, c + i, static_cast<float>(sum));
        }
      }
    }
  }
}

}  // namespace depthwise

}  // namespace octavo::kernels::portable
