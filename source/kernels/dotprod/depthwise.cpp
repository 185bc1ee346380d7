// Depthwise convolution by sdot: four rows of one channel's column lie side by side, so that one
// instruction does four taps of 4 channels. The input columns of a strip are interleaved once,
// as u8 - 128, then read by every kernel column. With a vertical stride of 1 a second
// output row is computed from the same columns, by weights that are shifted by one row.
//
// Packed, for each block of 16 channels: the bias, int32, then [output row 0 or 1][row
// quad][kernel column][16 channels][4 rows].
#include "kernels/dotprod/rows.h"
#include "kernels/neon/outputs.h"
#include "kernels/scratch.h"

namespace octavo::kernels::dotprod {
namespace {

using namespace neon;

constexpr int32_t strip_block = 16, most_pixels = 8;
constexpr int32_t strip_target_bytes = 16384;  // half of an L1 cache

struct Layout {
  int32_t row_quads;
  bool two_rows;   // two output rows at a time
  ptrdiff_t taps;  // row quads x kernel columns
  int32_t span;    // input columns under one window
  int32_t strip;   // output columns interleaved at a time
  ptrdiff_t column_bytes, block_bytes;
};

Layout layout_of(const ConvolutionShape& s) {
  Layout l;
  l.row_quads = divide_up(s.kernel_h, 4);
  l.two_rows = s.stride_h == 1 && s.dilation_h == 1 && s.kernel_h % 4 != 0;
  l.taps = ptrdiff_t{l.row_quads} * s.kernel_w;
  l.span = (s.kernel_w - 1) * s.dilation_w + 1;
  l.column_bytes = ptrdiff_t{l.row_quads} * strip_block * 4;
  const auto columns = static_cast<int32_t>(strip_target_bytes / l.column_bytes);
  l.strip = larger(8, (columns - l.span) / s.stride_w + 1);
  l.block_bytes = strip_block * 4 * (1 + (l.two_rows ? 2 : 1) * l.taps);
  return l;
}

int32_t input_columns(const ConvolutionShape& s, const Layout& l, int32_t output_columns) {
  return (output_columns - 1) * s.stride_w + l.span;
}

// And as many more as a tap is wide, for loads ahead.
std::byte* take_columns(const ConvolutionShape& s, const Layout& l, Scratch& scratch) {
  const int64_t columns =
      int64_t{input_columns(s, l, smaller(l.strip, s.output_width))} + s.dilation_w;
  return scratch.take<std::byte>(columns * l.column_bytes);
}

// 16 channels of `count` pixels of four rows, as [pixel][16 channels][4 rows].
void interleave(const std::byte* const (&row)[4], ptrdiff_t pixel_bytes, int32_t count,
                std::byte* to, ptrdiff_t column_bytes) {
  const uint8x16_t shift = vdupq_n_u8(128);
  for (int32_t i = 0; i < count; ++i, to += column_bytes) {
    uint8x16_t x[4];
    unroll<4>([&](auto r) __attribute__((always_inline)) {
      const auto* from = reinterpret_cast<const uint8_t*>(row[decltype(r)::value]);
      x[decltype(r)::value] = veorq_u8(vld1q_u8(from + i * pixel_bytes), shift);
    });
    // Pairs of rows of channels 0 .. 7 and 8 .. 15.
    const uint8x16_t low01 = vzip1q_u8(x[0], x[1]), high01 = vzip2q_u8(x[0], x[1]);
    const uint8x16_t low23 = vzip1q_u8(x[2], x[3]), high23 = vzip2q_u8(x[2], x[3]);
    const auto save = [&](int v, uint8x16_t a, uint8x16_t b) __attribute__((always_inline)) {
      const uint16x8_t first = vreinterpretq_u16_u8(a), second = vreinterpretq_u16_u8(b);
      vst1q_u16(reinterpret_cast<uint16_t*>(to + 32 * v), vzip1q_u16(first, second));
      vst1q_u16(reinterpret_cast<uint16_t*>(to + 32 * v + 16), vzip2q_u16(first, second));
    };
    save(0, low01, low23);
    save(1, high01, high23);
  }
}

// Eight channels of a strip's columns.
struct Strip {
  const std::byte* columns;
  const int32_t* bias;
  const std::byte* weights[2];  // of the first and the second output row
  int32_t row_quads, kernel_w;
  ptrdiff_t output_step, tap_step;  // from an output column, a tap, to the next one
};

// R rows by X columns, from column `first` on.
template <int R, int X>
void compute(const Strip& s, const std::byte* first, const Outputs& o) {
  const Int bias = Vector::load(s.bias);
  Sums<R * X> sums;
  unroll<R * X>([&](auto i) __attribute__((always_inline)) { sums.of[decltype(i)::value] = bias; });
  const std::byte* w[R];
  unroll<R>([&](auto r) __attribute__((always_inline)) {
    w[decltype(r)::value] = s.weights[decltype(r)::value];
  });
  for (int32_t quad = 0; quad < s.row_quads; ++quad) {
    const std::byte* from = first + quad * strip_block * 4;
    int8x16_t low[X], high[X];
    unroll<X>([&](auto x) __attribute__((always_inline)) {
      low[decltype(x)::value] = weights_of(from + decltype(x)::value * s.output_step);
      high[decltype(x)::value] = weights_of(from + decltype(x)::value * s.output_step + 16);
    });
    // As in dense.cpp, a register is loaded anew right behind its last use; beyond the last tap
    // from the scratch behind the columns.
    for (int32_t kx = 0; kx < s.kernel_w; ++kx) {
      from += s.tap_step;
      int8x16_t w_low[R], w_high[R];
      unroll<R>([&](auto r2) __attribute__((always_inline)) {
        constexpr int r = decltype(r2)::value;
        w_low[r] = weights_of(w[r]);
        w_high[r] = weights_of(w[r] + 16);
        w[r] += strip_block * 4;
      });
      unroll<X>([&](auto x8) __attribute__((always_inline)) {
        constexpr int x = decltype(x8)::value;
        unroll<R>([&](auto r2) __attribute__((always_inline)) {
          constexpr int r = decltype(r2)::value;
          Int& sum = sums.of[r * X + x];
          sum.low = vdotq_s32(sum.low, low[x], w_low[r]);
          sum.high = vdotq_s32(sum.high, high[x], w_high[r]);
        });
        low[x] = weights_of(from + x * s.output_step);
        high[x] = weights_of(from + x * s.output_step + 16);
      });
    }
  }
  finish(o, sums);
}

using Compute = void (*)(const Strip&, const std::byte*, const Outputs&);

constexpr int32_t most_columns[2] = {8, 4};  // for one row and for two
constexpr Compute computes[2][8] = {{compute<1, 1>, compute<1, 2>, compute<1, 3>, compute<1, 4>,
                                     compute<1, 5>, compute<1, 6>, compute<1, 7>, compute<1, 8>},
                                    {compute<2, 1>, compute<2, 2>, compute<2, 3>, compute<2, 4>}};

// Where pixels of a tile go, [row][column].
struct Places {
  std::byte* output[most_pixels] = {};
  const std::byte* residual[most_pixels] = {};
};

void place(const ConvolutionArguments& a, int32_t row, int32_t rows, int32_t x, int32_t columns,
           Places& places) {
  for (int32_t r = 0; r < rows; ++r)
    for (int32_t i = 0; i < columns; ++i) {
      places.output[r * columns + i] = a.output.row[row + r] + (x + i) * a.output.pixel_bytes;
      if (a.constants->shape.has_residual)
        places.residual[r * columns + i] =
            a.residual.row[row + r] + (x + i) * a.residual.pixel_bytes;
    }
}

// Output rows r .. r + rows - 1 (one or two) of the block of 16 channels from c on.
void run_rows(const ConvolutionArguments& a, const Layout& l, std::byte* columns, int32_t r,
              int32_t rows, int32_t c) {
  const ConvolutionShape& shape = a.constants->shape;
  const int32_t last_row = shape.kernel_h - 1 + (rows - 1), most = most_columns[rows - 1];
  const std::byte* packed = a.constants->packed + c / strip_block * l.block_bytes;
  Strip s{};
  s.row_quads = l.row_quads;
  s.kernel_w = shape.kernel_w;
  s.output_step = shape.stride_w * l.column_bytes;
  s.tap_step = shape.dilation_w * l.column_bytes;
  Places places;
  for (int32_t x = 0; x < a.output_width; x += l.strip) {
    const int32_t width = smaller(l.strip, a.output_width - x);
    const ptrdiff_t first = ptrdiff_t{x} * shape.stride_w * a.input.pixel_bytes + c;
    for (int32_t quad = 0; quad < l.row_quads; ++quad) {
      const std::byte* row[4];
      for (int32_t i = 0; i < 4; ++i) {  // beyond the last row: zero weights
        const int32_t ky = smaller(4 * quad + i, last_row);
        row[i] = a.input.row[r * shape.stride_h + ky * shape.dilation_h] + first;
      }
      interleave(row, a.input.pixel_bytes, input_columns(shape, l, width),
                 columns + quad * strip_block * 4, l.column_bytes);
    }
    const int32_t tiles = divide_up(width, most);
    for (int32_t half = 0; half < strip_block && c + half < a.channel_end; half += block) {
      s.bias = reinterpret_cast<const int32_t*>(packed) + half;
      s.weights[0] = packed + strip_block * 4 + half * 4;
      s.weights[1] = s.weights[0] + strip_block * 4 * l.taps;
      Outputs o = outputs_of(*a.constants, c + half, smaller(a.channel_end - c - half, block));
      o.output = places.output;
      o.residual = places.residual;
      for (int32_t i = 0; i < tiles; ++i) {
        const int32_t from = part_begin(i, width, tiles), to = part_begin(i + 1, width, tiles);
        place(a, r, rows, x + from, to - from, places);
        computes[rows - 1][to - from - 1](s, columns + half * 4 + from * s.output_step, o);
      }
    }
  }
}

bool accepts(const ConvolutionShape& s) {
  return s.input == ElementType::u8 && s.depthwise();
}

size_t packed_bytes(const ConvolutionShape& s) {
  return static_cast<size_t>(divide_up(s.output_channels, strip_block) * layout_of(s).block_bytes);
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  const Layout l = layout_of(s);
  __builtin_memset(packed, 0, packed_bytes(s));
  for (int32_t c = 0; c < s.output_channels; ++c) {
    const int32_t lane = c % strip_block;
    std::byte* of_block = packed + c / strip_block * l.block_bytes;
    int8_t* to = reinterpret_cast<int8_t*>(of_block + strip_block * 4);
    const int8_t* from = weights + ptrdiff_t{c} * s.kernel_h * s.kernel_w;
    int32_t sum = 0;
    for (int32_t ky = 0; ky < s.kernel_h; ++ky)
      for (int32_t kx = 0; kx < s.kernel_w; ++kx, ++from) {
        sum += *from;
        for (int32_t shift = 0; shift < (l.two_rows ? 2 : 1); ++shift) {
          const int32_t row = ky + shift;
          const ptrdiff_t tap = l.taps * shift + ptrdiff_t{row / 4} * s.kernel_w + kx;
          to[(tap * strip_block + lane) * 4 + row % 4] = *from;
        }
      }
    reinterpret_cast<int32_t*>(of_block)[lane] = bias[c] + 128 * sum;
  }
}

size_t scratch_bytes(const ConvolutionShape& s) {
  Scratch scratch;
  take_columns(s, layout_of(s), scratch);
  return scratch.bytes();
}

void run(const ConvolutionArguments& a) {
  const Layout l = layout_of(a.constants->shape);
  Scratch scratch(a.scratch);
  std::byte* columns = take_columns(a.constants->shape, l, scratch);
  // Rows outside, so that the input passes through the caches once.
  for (int32_t r = 0; r < a.output_rows;) {
    const int32_t rows = l.two_rows && r + 1 < a.output_rows ? 2 : 1;
    for (int32_t c = a.channel_begin; c < a.channel_end; c += strip_block)
      run_rows(a, l, columns, r, rows, c);
    r += rows;
  }
}

}  // namespace

constinit const ConvolutionKernel depthwise = {"dotprod_depthwise",
                                               feature::neon | feature::dotprod,
                                               accepts,
                                               strip_block,
                                               packed_bytes,
                                               pack,
                                               nullptr,
                                               nullptr,
                                               scratch_bytes,
                                               run};

}  // namespace octavo::kernels::dotprod
