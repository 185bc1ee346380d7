// Depthwise convolution of 8- or 16-bit activations by vpmaddwd: two rows of one channel's column
// lie side by side as 16-bit words, so that one instruction does two taps of 8 channels. The input
// columns of a strip are interleaved once, then read by every kernel column. With a
// vertical stride of 1, pairs of rows often hold the windows of two output rows: the
// second uses weights that are shifted by one row.
//
// Packed, for each block of 16 channels: the bias, then
// [output row 0 or 1][row pair][kernel column][2 vectors][8 channels][2 rows], int16.
#include "kernels/avx2/epilogue.h"
#include "kernels/avx2/rows.h"
#include "kernels/scratch.h"

namespace octavo::kernels::avx2::depthwise {
namespace {

constexpr int32_t block = 16;
constexpr int32_t strip_target_bytes = 16384;  // half of an L1 cache

struct Layout {
  int32_t row_pairs;
  bool two_rows;   // two output rows at a time
  ptrdiff_t taps;  // row pairs x kernel columns
  int32_t span;    // input columns under one window
  int32_t strip;   // output columns interleaved at a time
  ptrdiff_t column_bytes, block_bytes;
};

Layout layout_of(const ConvolutionShape& s) {
  Layout l;
  l.row_pairs = divide_up(s.kernel_h, 2);
  l.two_rows = s.stride_h == 1 && s.dilation_h == 1 && s.kernel_h % 2 != 0;
  l.taps = static_cast<ptrdiff_t>(l.row_pairs) * s.kernel_w;
  l.span = (s.kernel_w - 1) * s.dilation_w + 1;
  l.column_bytes = static_cast<ptrdiff_t>(l.row_pairs) * block * 4;
  const auto columns = static_cast<int32_t>(strip_target_bytes / l.column_bytes);
  l.strip = larger(8, (columns - l.span) / s.stride_w + 1);
  l.block_bytes = block * 4 * (1 + (l.two_rows ? 2 : 1) * l.taps);
  return l;
}

// At most the padded width of the input.
int32_t input_columns(const ConvolutionShape& s, const Layout& l, int32_t output_columns) {
  return (output_columns - 1) * s.stride_w + l.span;
}

struct Strip {
  std::byte* columns;  // [column][row pair][2 vectors][8][2]
  const std::byte* bias;
  const std::byte* weights[2];  // of the first and the second output row
  int32_t row_pairs, kernel_w;
  ptrdiff_t column_bytes, output_step, tap_step;  // between columns; of output columns, of taps
  const EpilogueArrays* epilogue;
  int32_t channel, channels;  // the block's first, and how many of it exist
  bool saturates;             // see saturation_clamps
  std::byte* output[2];       // rows, at the strip's first pixel
  const std::byte* residual[2];
  ptrdiff_t output_bytes, residual_bytes;
};

// From sums [row][column][16] to the stored pixels.
void finish_tile(const Strip& s, const int32_t* sums, int32_t rows, int32_t x, int32_t columns) {
  const EpilogueArrays e = *s.epilogue;
  const int32_t channel = s.channel, channels = s.channels;
  if (e.activation == Activation::table) {
    const Knots knots(e.table);
    const int32_t pixels = rows * columns;
    const auto output = [&](int32_t p) {
      return s.output[p / columns] + (x + p % columns) * s.output_bytes;
    };
    const auto residual = [&](int32_t p) {
      const std::byte* row = s.residual[p / columns];
      return row == nullptr ? nullptr : row + (x + p % columns) * s.residual_bytes;
    };
    for (int32_t p = 0; p < pixels; p += 2) {
      const int32_t next = p + 1 < pixels ? p + 1 : p;
      finish_by_table(e, knots, sums + p * 16, sums + next * 16, residual(p), residual(next),
                      output(p), output(next), channel, channels);
    }
    return;
  }
  with_activation(e.activation, [&]<Activation A>() {
    for (int32_t r = 0; r < rows; ++r)
      for (int32_t i = x; i < x + columns; ++i, sums += 16)
        finish<A>(e, sums,
                  s.residual[r] == nullptr ? nullptr : s.residual[r] + i * s.residual_bytes,
                  s.output[r] + i * s.output_bytes, channel, channels);
  });
}

// R rows of 16 channels, output columns [begin, end) of the strip, X at a time.
template <int R, int X>
void compute(const Strip& strip, int32_t begin, int32_t end) {
  const Strip s = strip;  // or it would be read again after every store
  const Saturation<2> saturation(*s.epilogue, s.channel);
  for (int32_t x = begin; x < end; x += X) {
    __m256i sum[R][X][2];
    unroll<2 * R * X>([&](auto i) __attribute__((always_inline)) {
      constexpr int n = decltype(i)::value;
      sum[n / 2 / X][n / 2 % X][n % 2] = load(s.bias + n % 2 * 32);
    });
    const std::byte* first = s.columns + x * s.output_step;
    ptrdiff_t tap = 0;
    for (int32_t g = 0; g < s.row_pairs; ++g)
      for (int32_t kx = 0; kx < s.kernel_w; ++kx, tap += 64) {
        const std::byte* from = first + kx * s.tap_step + g * 64;
        unroll<2>([&](auto v2) __attribute__((always_inline)) {
          constexpr int v = decltype(v2)::value;
          __m256i w[R];
          unroll<R>([&](auto r) __attribute__((always_inline)) {
            w[decltype(r)::value] = load(s.weights[decltype(r)::value] + tap + v * 32);
          });
          unroll<X>([&](auto i) __attribute__((always_inline)) {
            constexpr int column = decltype(i)::value;
            __m256i data = load(from + column * s.output_step + v * 32);
            if constexpr (R > 1) keep_in_register(data);  // both rows read it
            unroll<R>([&](auto r2) __attribute__((always_inline)) {
              constexpr int r = decltype(r2)::value;
              sum[r][column][v] = dot(sum[r][column][v], data, w[r]);
            });
          });
        });
      }
    if (s.saturates) {
      const auto store = [&]<bool Residual>() __attribute__((always_inline)) {
        const auto residual = [&](int r, int32_t column) __attribute__((always_inline)) {
          return Residual ? s.residual[r] + column * s.residual_bytes : nullptr;
        };
        unroll<R * X>([&](auto i2) __attribute__((always_inline)) {
          constexpr int i = decltype(i2)::value, next = i + 1 < R * X ? i + 1 : i;
          if constexpr (i % 2 == 0) {
            constexpr int r0 = i / X, c0 = i % X, r1 = next / X, c1 = next % X;
            saturation.template store_two<Residual>(
                *s.epilogue, sum[r0][c0], sum[r1][c1], residual(r0, x + c0), residual(r1, x + c1),
                s.output[r0] + (x + c0) * s.output_bytes, s.output[r1] + (x + c1) * s.output_bytes,
                s.channel, s.channels);
          }
        });
      };
      s.residual[0] == nullptr ? store.template operator()<false>()
                               : store.template operator()<true>();
      continue;
    }
    alignas(32) int32_t sums[R * X * 16];
    unroll<2 * R * X>([&](auto i) __attribute__((always_inline)) {
      constexpr int n = decltype(i)::value;
      _mm256_store_si256(reinterpret_cast<__m256i*>(sums + n * 8),
                         sum[n / 2 / X][n / 2 % X][n % 2]);
    });
    finish_tile(s, sums, R, x, X);
  }
}

// Whole tiles, then the columns that are left.
template <int R, int X>
void compute_strip(const Strip& s, int32_t width) {
  const int32_t whole = width / X * X;
  compute<R, X>(s, 0, whole);
  if constexpr (X > 1) {
    static constexpr void (*rest[])(const Strip&, int32_t, int32_t) = {compute<R, 1>, compute<R, 2>,
                                                                       compute<R, 3>};
    if (whole < width) rest[width - whole - 1](s, whole, width);
  }
}

// Two rows of 16 channels of `count` pixels, as pairs of words.
void interleave_words(const std::byte* upper, const std::byte* lower, ptrdiff_t pixel_bytes,
                      int32_t count, std::byte* to, ptrdiff_t column_bytes) {
  for (int32_t i = 0; i < count; ++i, to += column_bytes) {
    const __m256i a = load(upper + i * pixel_bytes), b = load(lower + i * pixel_bytes);
    const __m256i low = _mm256_unpacklo_epi16(a, b), high = _mm256_unpackhi_epi16(a, b);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_permute2x128_si256(low, high, 0x20));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32),
                        _mm256_permute2x128_si256(low, high, 0x31));
  }
}

void interleave_bytes(const std::byte* upper, const std::byte* lower, ptrdiff_t pixel_bytes,
                      int32_t count, std::byte* to, ptrdiff_t column_bytes) {
  for (int32_t i = 0; i < count; ++i, to += column_bytes) {
    const __m128i a = load_half(upper + i * pixel_bytes), b = load_half(lower + i * pixel_bytes);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32),
                        _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b)));
  }
}

// Output rows r .. r + rows - 1 (one or two) of the strip's block.
void run_rows(const ConvolutionArguments& a, const Layout& l, int32_t r, int32_t rows, Strip& s) {
  const ConvolutionShape& shape = a.constants->shape;
  const int32_t last_row = shape.kernel_h - 1 + (rows - 1);
  for (int32_t x = 0; x < a.output_width; x += l.strip) {
    const int32_t width = smaller(l.strip, a.output_width - x);
    const ptrdiff_t first = static_cast<ptrdiff_t>(x) * shape.stride_w * a.input.pixel_bytes +
                            s.channel * element_bytes(shape.input);
    const auto interleave = shape.input == ElementType::u8 ? interleave_bytes : interleave_words;
    for (int32_t g = 0; g < l.row_pairs; ++g) {
      const int32_t upper = 2 * g, lower = smaller(upper + 1, last_row);  // beyond: zero weights
      interleave(a.input.row[r * shape.stride_h + upper * shape.dilation_h] + first,
                 a.input.row[r * shape.stride_h + lower * shape.dilation_h] + first,
                 a.input.pixel_bytes, input_columns(shape, l, width), s.columns + g * block * 4,
                 l.column_bytes);
    }
    for (int32_t i = 0; i < rows; ++i) {
      s.output[i] = a.output.row[r + i] + x * a.output.pixel_bytes;
      s.residual[i] =
          shape.has_residual ? a.residual.row[r + i] + x * a.residual.pixel_bytes : nullptr;
    }
    rows == 1 ? compute_strip<1, 4>(s, width) : compute_strip<2, 3>(s, width);
  }
}

// The scratch: a strip's interleaved columns.
std::byte* take_columns(const ConvolutionShape& s, const Layout& l, Scratch& scratch) {
  return scratch.take<std::byte>(input_columns(s, l, smaller(l.strip, s.output_width)) *
                                 l.column_bytes);
}

}  // namespace

bool accepts(const ConvolutionShape& s) {
  return is_activation(s.input) && s.groups == s.input_channels && s.groups == s.output_channels;
}

size_t packed_bytes(const ConvolutionShape& s) {
  return static_cast<size_t>(divide_up(s.output_channels, block) * layout_of(s).block_bytes);
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  const Layout l = layout_of(s);
  __builtin_memset(packed, 0, packed_bytes(s));
  for (int32_t c = 0; c < s.output_channels; ++c) {
    const int32_t place = c % block;
    std::byte* of_block = packed + c / block * l.block_bytes;
    reinterpret_cast<int32_t*>(of_block)[place] = bias[c];
    int16_t* to = reinterpret_cast<int16_t*>(of_block + block * 4);
    for (int32_t shift = 0; shift < (l.two_rows ? 2 : 1); ++shift)
      for (int32_t ky = 0; ky < s.kernel_h; ++ky)
        for (int32_t kx = 0; kx < s.kernel_w; ++kx) {
          const int32_t row = ky + shift;
          const ptrdiff_t tap = l.taps * shift + static_cast<ptrdiff_t>(row / 2) * s.kernel_w + kx;
          to[(tap * block + place) * 2 + row % 2] =
              weights[(static_cast<ptrdiff_t>(c) * s.kernel_h + ky) * s.kernel_w + kx];
        }
  }
}

// A byte a block: whether saturation clamps.
size_t prepared_bytes(const ConvolutionShape& s) {
  return static_cast<size_t>(divide_up(s.output_channels, block));
}

void prepare(const ConvolutionConstants& k, std::byte* prepared) {
  for (int32_t c = 0; c < k.shape.output_channels; c += block) {
    const int32_t count = smaller(block, k.shape.output_channels - c);
    const bool residual = k.shape.has_residual;
    *prepared++ = static_cast<std::byte>(saturation_clamps(k.epilogue, residual, c, count) &&
                                         saturation_clamps(k.epilogue, residual, c + 8, count - 8));
  }
}

size_t scratch_bytes(const ConvolutionShape& s) {
  Scratch scratch;
  take_columns(s, layout_of(s), scratch);
  return scratch.bytes();
}

void run(const ConvolutionArguments& a) {
  const ConvolutionShape& shape = a.constants->shape;
  const Layout l = layout_of(shape);
  Strip s{};
  Scratch scratch(a.scratch);
  s.columns = take_columns(shape, l, scratch);
  s.row_pairs = l.row_pairs;
  s.kernel_w = shape.kernel_w;
  s.column_bytes = l.column_bytes;
  s.output_step = shape.stride_w * l.column_bytes;
  s.tap_step = shape.dilation_w * l.column_bytes;
  s.epilogue = &a.constants->epilogue;
  s.output_bytes = a.output.pixel_bytes;
  s.residual_bytes = a.residual.pixel_bytes;
  // Rows outside, so that the input passes through the caches once.
  for (int32_t r = 0; r < a.output_rows;) {
    const int32_t rows = l.two_rows && r + 1 < a.output_rows ? 2 : 1;
    for (int32_t c = a.channel_begin; c < a.channel_end; c += block) {
      const std::byte* packed = a.constants->packed + c / block * l.block_bytes;
      s.bias = packed;
      s.weights[0] = packed + block * 4;
      s.weights[1] = s.weights[0] + block * 4 * l.taps;
      s.channel = c;
      s.channels = smaller(block, a.channel_end - c);
      s.saturates = a.constants->prepared[c / block] != std::byte{0};
      run_rows(a, l, r, rows, s);
    }
    r += rows;
  }
}

}  // namespace octavo::kernels::avx2::depthwise
