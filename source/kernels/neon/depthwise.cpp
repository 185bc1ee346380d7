// Depthwise convolution of 8- or 16-bit activations by smlal on words: 8 channels of up to 8
// output columns at a time, straight from the input's rows.
//
// Packed, for each block of 8 channels: the bias, int32, then [kernel row][kernel column][8
// channels], int16.
#include "kernels/neon/outputs.h"
#include "kernels/neon/rows.h"

namespace octavo::kernels::neon {
namespace {

struct Strip {
  const std::byte* const* row;      // of the window's first one on
  ptrdiff_t first;                  // byte of the tile's first column and channel in a row
  ptrdiff_t column_step, tap_step;  // from an output column, a tap, to the next one
  int32_t kernel_h, kernel_w, dilation_h;
  const std::byte* packed;
};

template <ElementType T, int X>
OCTAVO_INLINE Sums<X> accumulate(const Strip& s) {
  const Int bias = Vector::load(reinterpret_cast<const int32_t*>(s.packed));
  const std::byte* weights = s.packed + block * 4;
  Sums<X> sums;
  unroll<X>([&](auto i) __attribute__((always_inline)) { sums.of[decltype(i)::value] = bias; });
  for (int32_t ky = 0; ky < s.kernel_h; ++ky) {
    const std::byte* from = s.row[ky * s.dilation_h] + s.first;
    for (int32_t kx = 0; kx < s.kernel_w; ++kx, from += s.tap_step, weights += block * 2) {
      const int16x8_t w = words_of(weights);
      unroll<X>([&](auto i8) __attribute__((always_inline)) {
        constexpr int i = decltype(i8)::value;
        const int16x8_t x = load_words(from + i * s.column_step, T, 0);
        Int& sum = sums.of[i];
        sum.low = vmlal_s16(sum.low, vget_low_s16(x), vget_low_s16(w));
        sum.high = vmlal_high_s16(sum.high, x, w);
      });
    }
  }
  return sums;
}

template <ElementType T, int X>
void compute(const Strip& s, const Outputs& o) {
  finish(o, accumulate<T, X>(s));
}

constexpr int32_t most_columns = 8;
using Compute = void (*)(const Strip&, const Outputs&);

template <ElementType T>
constexpr Compute computes[most_columns] = {compute<T, 1>, compute<T, 2>, compute<T, 3>,
                                            compute<T, 4>, compute<T, 5>, compute<T, 6>,
                                            compute<T, 7>, compute<T, 8>};

size_t block_bytes(const ConvolutionShape& s) {
  return size_t{block} *
         (4 + size_t{2} * static_cast<size_t>(s.kernel_h) * static_cast<size_t>(s.kernel_w));
}

size_t packed_bytes(const ConvolutionShape& s) {
  return static_cast<size_t>(divide_up(s.output_channels, block)) * block_bytes(s);
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  __builtin_memset(packed, 0, packed_bytes(s));
  for (int32_t c = 0; c < s.output_channels; ++c) {
    std::byte* of_block = packed + static_cast<size_t>(c / block) * block_bytes(s);
    reinterpret_cast<int32_t*>(of_block)[c % block] = bias[c];
    int16_t* to = reinterpret_cast<int16_t*>(of_block + block * 4);
    const ptrdiff_t taps = ptrdiff_t{s.kernel_h} * s.kernel_w;
    for (ptrdiff_t tap = 0; tap < taps; ++tap)
      to[tap * block + c % block] = weights[c * taps + tap];
  }
}

size_t scratch_bytes(const ConvolutionShape&) {
  return 0;
}

template <ElementType T>
bool accepts(const ConvolutionShape& s) {
  return s.input == T && s.depthwise();
}

template <ElementType T>
void run(const ConvolutionArguments& a) {
  const ConvolutionShape& shape = a.constants->shape;
  const int32_t tiles = divide_up(a.output_width, most_columns);
  Strip s{};
  s.column_step = shape.stride_w * a.input.pixel_bytes;
  s.tap_step = shape.dilation_w * a.input.pixel_bytes;
  s.kernel_h = shape.kernel_h;
  s.kernel_w = shape.kernel_w;
  s.dilation_h = shape.dilation_h;
  std::byte* output[most_columns] = {};
  const std::byte* residual[most_columns] = {};
  // Rows outside, so that the input passes through the caches once.
  for (int32_t r = 0; r < a.output_rows; ++r) {
    s.row = a.input.row + r * shape.stride_h;
    for (int32_t c = a.channel_begin; c < a.channel_end; c += block) {
      s.packed = a.constants->packed + static_cast<size_t>(c / block) * block_bytes(shape);
      Outputs o = outputs_of(*a.constants, c, smaller(a.channel_end - c, block));
      o.output = output;
      o.residual = residual;
      for (int32_t i = 0; i < tiles; ++i) {
        const int32_t from = part_begin(i, a.output_width, tiles),
                      to = part_begin(i + 1, a.output_width, tiles);
        for (int32_t x = from; x < to; ++x) {
          output[x - from] = a.output.row[r] + x * a.output.pixel_bytes;
          if (o.has_residual) residual[x - from] = a.residual.row[r] + x * a.residual.pixel_bytes;
        }
        s.first = from * s.column_step + c * element_bytes(T);
        computes<T>[to - from - 1](s, o);
      }
    }
  }
}

template <ElementType T>
constexpr ConvolutionKernel row(const char* name) {
  return {name,    feature::neon, accepts<T>,    16,    packed_bytes, pack,
          nullptr, nullptr,       scratch_bytes, run<T>};
}

}  // namespace

constinit const ConvolutionKernel depthwise = row<ElementType::u8>("neon_depthwise");
constinit const ConvolutionKernel depthwise_wide = row<ElementType::i16>("neon_depthwise_wide");

}  // namespace octavo::kernels::neon
