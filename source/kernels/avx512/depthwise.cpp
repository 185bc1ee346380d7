// Depthwise convolution by vpdpbusd: four rows of one channel's column lie side by
// side in a dword, so that one instruction does four taps of 16 channels. The input
// columns of a strip are interleaved once (vpunpck: four rows of 64 channels become
// four vectors in lane order, see lanes.h) and then read by every kernel column.
//
// With a vertical stride of 1, four interleaved rows often hold the windows of two
// output rows: the second uses weights that are shifted by one row.
//
// Packed, for each block of 64 channels (32 at a tensor's end): the bias in lane order,
// then [output row 0 or 1][row group][kernel column][4 vectors][channel][4 rows].
//
// Few channels leave most of a block empty. Where pixels follow each other without a gap, G of them
// are a pixel of G times as many channels, and the convolution is one of these with a horizontal
// stride of G: its input pixels still follow each other in steps of the few channels, and overlap.
// Behind the packed weights and the epilogues of the one are then those of the other.
#include "kernels/avx512/lanes.h"
#include "kernels/avx512/rows.h"
#include "kernels/scratch.h"

namespace octavo::kernels::avx512::depthwise {
namespace {

constexpr int32_t strip_target_bytes = 16384;  // half of a small L1 cache

struct Layout {
  int32_t row_groups;  // of four rows
  bool pairs;          // two output rows at a time
  ptrdiff_t taps;      // vectors of weights for one output row: row groups x kernel columns
  int32_t span;        // input columns under one window
  int32_t strip;       // output columns interleaved at a time
};

Layout layout_of(const ConvolutionShape& s) {
  Layout l;
  l.row_groups = divide_up(s.kernel_h, 4);
  l.pairs = s.stride_h == 1 && s.dilation_h == 1 && s.kernel_h % 4 != 0;
  l.taps = static_cast<ptrdiff_t>(l.row_groups) * s.kernel_w;
  l.span = (s.kernel_w - 1) * s.dilation_w + 1;
  const auto columns = static_cast<int32_t>(strip_target_bytes / (int64_t{256} * l.row_groups));
  l.strip = larger(8, (columns - l.span) / s.stride_w + 1);
  return l;
}

// How many pixels are taken as one: as few as fill nine tenths of the lanes of its blocks, and at
// most 16. 1 where one fills more than three quarters, so that there is little to gain, where
// nothing reaches nine tenths, and where pixels lie apart.
int32_t pixels_together(const ConvolutionShape& s) {
  const int32_t channels = s.output_channels;
  const auto lanes = [&](int32_t pixels) {
    return divide_up(pixels * channels, Wide::channels) * Wide::channels;
  };
  const bool is_filled = channels > Wide::channels || 4 * channels > 3 * lanes(1) ||
                         (is_half_block(channels) && 4 * channels > 3 * Half::channels);
  const bool bytes =
      s.output == ElementType::u8 && (!s.has_residual || s.residual == ElementType::u8);
  // Columns that are interleaved beforehand would be so for each block anew: nothing is gained.
  const bool direct = s.kernel_w == 3 && s.kernel_h <= 4;
  if (is_filled || !bytes || !direct || s.input_is_slice || s.stride_w != 1 || s.dilation_w != 1)
    return 1;
  for (int32_t pixels = 2; pixels <= smaller(16, s.output_width); ++pixels)
    if (10 * pixels * channels >= 9 * lanes(pixels)) return pixels;
  return 1;
}

ConvolutionShape widened(const ConvolutionShape& s, int32_t pixels) {
  ConvolutionShape out = s;
  out.input_channels = out.output_channels = out.groups = pixels * s.output_channels;
  out.stride_w = pixels;
  out.output_width = s.output_width / pixels;
  return out;
}

// At most the padded width of the input.
int32_t input_columns(const ConvolutionShape& s, const Layout& l, int32_t output_columns) {
  return (output_columns - 1) * s.stride_w + l.span;
}

template <class Vec>
ptrdiff_t block_bytes(const Layout& l) {
  return Vec::channels * 4 * (1 + (l.pairs ? 2 : 1) * l.taps);
}

// One strip of one block: its interleaved columns and where its outputs go.
template <class Vec>
struct Strip {
  const uint8_t* columns;  // [column][row group][4][vector]
  ptrdiff_t column_bytes;
  const uint8_t* row[4];  // of the input, where nothing is interleaved beforehand
  ptrdiff_t pixel_bytes;
  int32_t row_groups, kernel_w, stride_w, dilation_w;
  const int32_t* bias;
  const uint8_t* weights[2];  // of the first and the second output row
  const BlockEpilogue<Vec>* epilogue;
  std::byte* output[2];  // rows, at the strip's first pixel
  const std::byte* residual[2];
  ptrdiff_t output_bytes, residual_bytes;  // from pixel to pixel
};

// Sums of R rows by X columns, where K kernel columns and the stride S are constants:
// every column is loaded once for all windows that it belongs to.
template <class Vec, int R, int X, int K, int S>
OCTAVO_INLINE void accumulate(const Strip<Vec>& s, const uint8_t* columns,
                              typename Vec::Int (&sum)[R][X][4]) {
  constexpr int vb = Vec::vector_bytes;
  for (int32_t g = 0; g < s.row_groups; ++g) {
    unroll<4>([&](auto v4) __attribute__((always_inline)) {
      constexpr int v = decltype(v4)::value;
      typename Vec::Int w[R][K];
      unroll<R * K>([&](auto i) __attribute__((always_inline)) {
        constexpr int r = decltype(i)::value / K, kx = decltype(i)::value % K;
        w[r][kx] = Vec::load(s.weights[r] + (static_cast<ptrdiff_t>(g) * K * 4 + kx * 4 + v) * vb);
        keep_in_register(w[r][kx]);
      });
      const uint8_t* from = columns + (g * 4 + v) * vb;
      unroll<(X - 1) * S + K>([&](auto c) __attribute__((always_inline)) {
        constexpr int column = decltype(c)::value;
        auto data = Vec::load(from + column * s.column_bytes);
        unroll<R * X>([&](auto i) __attribute__((always_inline)) {
          constexpr int r = decltype(i)::value / X, x = decltype(i)::value % X;
          constexpr int kx = column - x * S;
          if constexpr (kx >= 0 && kx < K) sum[r][x][v] = Vec::dot(sum[r][x][v], data, w[r][kx]);
        });
      });
    });
  }
}

// Four rows of 64 channels of one pixel: vectors of dwords in lane order.
template <class Vec>
OCTAVO_INLINE void interleave_pixel(const uint8_t* const (&row)[4], ptrdiff_t at,
                                    typename Vec::Int (&data)[4]) {
  auto r0 = Vec::load(row[0] + at), r1 = Vec::load(row[1] + at);
  auto r2 = Vec::load(row[2] + at), r3 = Vec::load(row[3] + at);
  keep_in_register(r1);
  keep_in_register(r3);
  const auto low01 = Vec::low_bytes(r0, r1), high01 = Vec::high_bytes(r0, r1);
  const auto low23 = Vec::low_bytes(r2, r3), high23 = Vec::high_bytes(r2, r3);
  data[0] = Vec::low_words(low01, low23);
  data[1] = Vec::high_words(low01, low23);
  data[2] = Vec::low_words(high01, high23);
  data[3] = Vec::high_words(high01, high23);
}

// The same for one group of rows, interleaved as they are needed: with three kernel
// columns that is faster than a detour by way of memory. S is 0 for any stride, and one column.
template <class Vec, int R, int X, int K, int S>
OCTAVO_INLINE void accumulate_directly(const Strip<Vec>& s, int32_t x,
                                       typename Vec::Int (&sum)[R][X][4]) {
  constexpr int vb = Vec::vector_bytes;
  const uint8_t* const row[4] = {s.row[0], s.row[1], s.row[2], s.row[3]};
  const uint8_t* weights[2] = {s.weights[0], s.weights[1]};
  ptrdiff_t at = static_cast<ptrdiff_t>(x) * (S == 0 ? s.stride_w : S) * s.pixel_bytes;
  static_assert(S > 0 || X == 1);
  unroll<(X - 1) * S + K>([&](auto c) __attribute__((always_inline)) {
    constexpr int column = decltype(c)::value;
    typename Vec::Int data[4];
    interleave_pixel<Vec>(row, at, data);
    at += s.pixel_bytes;
    if constexpr (R == 2) {  // each column reads its weights anew: there are no registers left
      forget_origin(weights[0]);
      forget_origin(weights[1]);
    }
    unroll<R * X>([&](auto i) __attribute__((always_inline)) {
      constexpr int r = decltype(i)::value / X, x1 = decltype(i)::value % X;
      constexpr int kx = column - x1 * S;
      if constexpr (kx >= 0 && kx < K)
        unroll<4>([&](auto v4) __attribute__((always_inline)) {
          constexpr int v = decltype(v4)::value;
          sum[r][x1][v] =
              Vec::dot(sum[r][x1][v], data[v], Vec::load(weights[r] + (kx * 4 + v) * vb));
        });
    });
  });
}

// The same for any kernel width, stride and dilation.
template <class Vec, int R, int X>
OCTAVO_INLINE void accumulate_any(const Strip<Vec>& s, const uint8_t* columns,
                                  typename Vec::Int (&sum)[R][X][4]) {
  constexpr int vb = Vec::vector_bytes;
  const ptrdiff_t step = s.stride_w * s.column_bytes;
  for (int32_t g = 0; g < s.row_groups; ++g)
    for (int32_t kx = 0; kx < s.kernel_w; ++kx) {
      const uint8_t* from = columns + kx * s.dilation_w * s.column_bytes + g * 4 * vb;
      const ptrdiff_t tap = (static_cast<ptrdiff_t>(g) * s.kernel_w + kx) * 4 * vb;
      unroll<4>([&](auto v4) __attribute__((always_inline)) {
        constexpr int v = decltype(v4)::value;
        typename Vec::Int w[R];
        unroll<R>([&](auto r) __attribute__((always_inline)) {
          w[decltype(r)::value] = Vec::load(s.weights[decltype(r)::value] + tap + v * vb);
        });
        unroll<X>([&](auto i) __attribute__((always_inline)) {
          constexpr int x = decltype(i)::value;
          const auto data = Vec::load(from + x * step + v * vb);
          unroll<R>([&](auto r4) __attribute__((always_inline)) {
            constexpr int r = decltype(r4)::value;
            sum[r][x][v] = Vec::dot(sum[r][x][v], data, w[r]);
          });
        });
      });
    }
}

// Output columns [x, x + X) of the strip. K is 0 for what is not a constant.
template <class Vec, int R, int X, int K, int S, bool Direct>
void compute(const Strip<Vec>& s, int32_t x) {
  typename Vec::Int sum[R][X][4];
  unroll<4>([&](auto v) __attribute__((always_inline)) {
    const auto bias = Vec::load(s.bias + decltype(v)::value * Vec::channels / 4);
    unroll<R * X>([&](auto i) __attribute__((always_inline)) {
      sum[decltype(i)::value / X][decltype(i)::value % X][decltype(v)::value] = bias;
    });
  });
  const uint8_t* columns = s.columns + static_cast<ptrdiff_t>(x) * s.stride_w * s.column_bytes;
  if constexpr (Direct)
    accumulate_directly<Vec, R, X, K, S>(s, x, sum);
  else if constexpr (K == 0)
    accumulate_any<Vec, R, X>(s, columns, sum);
  else
    accumulate<Vec, R, X, K, S>(s, columns, sum);
  const BlockEpilogue<Vec>& e = *s.epilogue;
  if (e.saturates) {
    const Saturation<Vec> saturation(e);
    unroll<R * X>([&](auto i) __attribute__((always_inline)) {
      constexpr int r = decltype(i)::value / X, column = decltype(i)::value % X;
      std::byte* pixel = s.output[r] + (x + column) * s.output_bytes + e.channel;
      Vec::store(pixel, saturation.stored(sum[r][column]), e.channels);
    });
    return;
  }
  finish_any<Vec, R * X>(e, [&](auto i) __attribute__((always_inline)) {
    constexpr int r = decltype(i)::value / X, column = decltype(i)::value % X;
    const std::byte* residual =
        s.residual[r] == nullptr ? nullptr : s.residual[r] + (x + column) * s.residual_bytes;
    return Pixel<Vec>{sum[r][column], s.output[r] + (x + column) * s.output_bytes, residual};
  });
}

// The tiles of one kind: by width, as many columns as the registers hold.
template <class Vec>
struct Tiles {
  bool direct;
  int32_t most;
  void (*compute[4])(const Strip<Vec>&, int32_t x);
};

template <class Vec, int R, int K, int S, int Most, bool Direct>
constexpr Tiles<Vec> tiles_of() {
  Tiles<Vec> tiles{Direct, Most, {}};
  tiles.compute[0] = compute<Vec, R, 1, K, S, Direct>;
  if constexpr (Most > 1) tiles.compute[1] = compute<Vec, R, 2, K, S, Direct>;
  if constexpr (Most > 2) tiles.compute[2] = compute<Vec, R, 3, K, S, Direct>;
  if constexpr (Most > 3) tiles.compute[3] = compute<Vec, R, 4, K, S, Direct>;
  return tiles;
}

template <class Vec>
Tiles<Vec> choose_tiles(const ConvolutionShape& s, const Layout& l, int32_t rows) {
  const int32_t k = s.kernel_w, stride = s.stride_w;
  const bool constant = s.dilation_w == 1, direct = l.row_groups == 1;
  if (constant && stride == 1 && k == 3 && direct)
    return rows == 2 ? tiles_of<Vec, 2, 3, 1, 3, true>() : tiles_of<Vec, 1, 3, 1, 4, true>();
  if (constant && stride == 2 && k == 3 && direct && rows == 1)
    return tiles_of<Vec, 1, 3, 2, 4, true>();
  if (constant && stride > 2 && k == 3 && direct)
    return rows == 2 ? tiles_of<Vec, 2, 3, 0, 1, true>() : tiles_of<Vec, 1, 3, 0, 1, true>();
  if (constant && stride == 1 && k == 5)
    return rows == 2 ? tiles_of<Vec, 2, 5, 1, 2, false>() : tiles_of<Vec, 1, 5, 1, 4, false>();
  if (constant && stride == 1 && k == 7)
    return rows == 2 ? tiles_of<Vec, 2, 7, 1, 2, false>() : tiles_of<Vec, 1, 7, 1, 4, false>();
  if (constant && stride == 2 && rows == 1 && k == 5) return tiles_of<Vec, 1, 5, 2, 4, false>();
  return rows == 2 ? tiles_of<Vec, 2, 0, 0, 2, false>() : tiles_of<Vec, 1, 0, 0, 4, false>();
}

// Four rows of `count` pixels, from channel c on, to lane-ordered dwords.
template <class Vec>
void interleave(const uint8_t* const (&row)[4], ptrdiff_t pixel_bytes, int32_t count, uint8_t* to,
                ptrdiff_t column_bytes) {
  for (int32_t i = 0; i < count; ++i, to += column_bytes) {
    typename Vec::Int data[4];
    interleave_pixel<Vec>(row, i * pixel_bytes, data);
    unroll<4>([&](auto v) __attribute__((always_inline)) {
      Vec::store(to + decltype(v)::value * Vec::vector_bytes, data[decltype(v)::value]);
    });
  }
}

// Where output columns begin, in bytes from those of a row.
struct Place {
  ptrdiff_t input, output, residual;
};

// Output rows r .. r + rows - 1 (one or two) of one block, `width` columns from a place on.
template <class Vec>
void run_columns(const ConvolutionArguments& a, const Layout& l, const Tiles<Vec>& tiles, int32_t r,
                 int32_t rows, const Place& place, int32_t width, uint8_t* columns,
                 Strip<Vec>& strip) {
  const ConvolutionShape& s = a.constants->shape;
  const int32_t last_row = s.kernel_h - 1 + (rows - 1);
  for (int32_t g = 0; g < l.row_groups; ++g) {
    for (int32_t i = 0; i < 4; ++i) {  // rows beyond the window meet zero weights
      const int32_t ky = smaller(4 * g + i, last_row);
      strip.row[i] = bytes(a.input.row[r * s.stride_h + ky * s.dilation_h]) + place.input +
                     strip.epilogue->channel;
    }
    if (!tiles.direct)
      interleave<Vec>(strip.row, a.input.pixel_bytes, input_columns(s, l, width),
                      columns + g * 4 * Vec::vector_bytes, strip.column_bytes);
  }
  for (int32_t i = 0; i < rows; ++i) {
    strip.output[i] = a.output.row[r + i] + place.output;
    strip.residual[i] = s.has_residual ? a.residual.row[r + i] + place.residual : nullptr;
  }
  const int32_t count = divide_up(width, tiles.most);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t from = part_begin(i, width, count), to = part_begin(i + 1, width, count);
    tiles.compute[to - from - 1](strip, from);
  }
}

// The same, all columns.
template <class Vec>
void run_rows(const ConvolutionArguments& a, const Layout& l, int32_t r, int32_t rows,
              const Place& last, uint8_t* columns, Strip<Vec>& strip) {
  const Tiles<Vec> tiles = choose_tiles<Vec>(a.constants->shape, l, rows);
  const int32_t most = tiles.direct ? a.output_width : l.strip;
  for (ptrdiff_t x = 0; x < a.output_width; x += most) {
    const Place place = {x * a.constants->shape.stride_w * a.input.pixel_bytes,
                         x * a.output.pixel_bytes, x * a.residual.pixel_bytes};
    run_columns(a, l, tiles, r, rows, place,
                smaller(most, a.output_width - static_cast<int32_t>(x)), columns, strip);
  }
  if (last.output > 0) run_columns(a, l, tiles, r, rows, last, 1, columns, strip);
}

// Output rows r .. r + rows - 1 of one block.
template <class Vec>
void run_block(const ConvolutionArguments& a, const Layout& l, int32_t r, int32_t rows,
               const Place& last, uint8_t* columns, const BlockEpilogue<Vec>& epilogue) {
  const ConvolutionShape& s = a.constants->shape;
  const std::byte* packed =
      a.constants->packed + epilogue.channel / Wide::channels * block_bytes<Wide>(l);
  Strip<Vec> strip{};
  strip.columns = columns;
  strip.column_bytes = static_cast<ptrdiff_t>(l.row_groups) * 4 * Vec::vector_bytes;
  strip.pixel_bytes = a.input.pixel_bytes;
  strip.row_groups = l.row_groups;
  strip.kernel_w = s.kernel_w;
  strip.stride_w = s.stride_w;
  strip.dilation_w = s.dilation_w;
  strip.bias = reinterpret_cast<const int32_t*>(packed);
  strip.weights[0] = bytes(packed) + Vec::channels * 4;
  strip.weights[1] = strip.weights[0] + Vec::channels * 4 * l.taps;
  strip.epilogue = &epilogue;
  strip.output_bytes = a.output.pixel_bytes;
  strip.residual_bytes = a.residual.pixel_bytes;
  run_rows<Vec>(a, l, r, rows, last, columns, strip);
}

bool is_half(const ConvolutionShape& s, int32_t channel) {
  return is_half_block(s.output_channels - channel);
}

// The scratch: a strip's interleaved columns. Tiles that interleave on the way use none.
uint8_t* take_columns(const ConvolutionShape& s, const Layout& l, Scratch& scratch) {
  const int64_t columns = input_columns(s, l, smaller(l.strip, s.output_width));
  return scratch.take<uint8_t>(columns * l.row_groups * 256);
}
size_t columns_bytes(const ConvolutionShape& s) {
  Scratch scratch;
  take_columns(s, layout_of(s), scratch);
  return scratch.bytes();
}

// Packs the channels [first, first + count) of one block; of so many channels there are weights.
template <class Vec>
void pack_block(const ConvolutionShape& s, const Layout& l, int32_t first, int32_t count,
                int32_t channels, const int8_t* weights, const int32_t* bias, std::byte* packed) {
  int32_t* packed_bias = reinterpret_cast<int32_t*>(packed);
  int8_t* packed_weights = reinterpret_cast<int8_t*>(packed + Vec::channels * 4);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t lane = i / 16, vector = i % 16 / 4, element = i % 4;
    const int32_t place = (vector * Vec::lanes + lane) * 4 + element;
    const int32_t channel = (first + i) % channels;
    packed_bias[place] = bias[channel];
    const int8_t* from = weights + static_cast<ptrdiff_t>(channel) * s.kernel_h * s.kernel_w;
    for (int32_t shift = 0; shift < (l.pairs ? 2 : 1); ++shift)
      for (int32_t ky = 0; ky < s.kernel_h; ++ky)
        for (int32_t kx = 0; kx < s.kernel_w; ++kx) {
          const int32_t row = ky + shift;
          const ptrdiff_t tap = l.taps * shift + static_cast<ptrdiff_t>(row / 4) * s.kernel_w + kx;
          packed_weights[(tap * Vec::channels + place) * 4 + row % 4] = from[ky * s.kernel_w + kx];
        }
  }
}

size_t blocks_bytes(const ConvolutionShape& s) {
  const Layout l = layout_of(s);
  const int32_t left = s.output_channels % Wide::channels;
  ptrdiff_t size = s.output_channels / Wide::channels * block_bytes<Wide>(l);
  if (left > 0) size += is_half_block(left) ? block_bytes<Half>(l) : block_bytes<Wide>(l);
  return static_cast<size_t>(size);
}

// All channels of a shape, of which so many have weights and the others are the same again.
void pack_blocks(const ConvolutionShape& s, int32_t channels, const int8_t* weights,
                 const int32_t* bias, std::byte* packed) {
  const Layout l = layout_of(s);
  __builtin_memset(packed, 0, blocks_bytes(s));
  for (int32_t c = 0; c < s.output_channels; c += Wide::channels) {
    const int32_t count = smaller(Wide::channels, s.output_channels - c);
    if (is_half_block(count))
      pack_block<Half>(s, l, c, count, channels, weights, bias, packed);
    else
      pack_block<Wide>(s, l, c, count, channels, weights, bias, packed);
    packed += block_bytes<Wide>(l);
  }
}

// As run; `last` is where the last column lies, if it is none of those that follow each other.
void run_blocks(const ConvolutionArguments& a, const Place& last) {
  const ConvolutionShape& s = a.constants->shape;
  const Layout l = layout_of(s);
  Scratch scratch(a.scratch);
  uint8_t* columns = take_columns(s, l, scratch);
  const std::byte* prepared = a.constants->prepared;
  const int32_t first = a.channel_begin / Wide::channels;
  const int32_t end = divide_up(a.channel_end, Wide::channels);
  // Rows outside, so that the input passes through the caches once.
  for (int32_t r = 0; r < a.output_rows;) {
    const int32_t rows = l.pairs && r + 1 < a.output_rows ? 2 : 1;
    for (int32_t i = first; i < end; ++i) {
      if (is_half(s, i * Wide::channels))
        run_block<Half>(a, l, r, rows, last, columns, *block_epilogue_at<Half>(prepared, i));
      else
        run_block<Wide>(a, l, r, rows, last, columns, *block_epilogue_at<Wide>(prepared, i));
    }
    r += rows;
  }
}

// Whether so many pixels of this run lie side by side.
bool lie_together(const ConvolutionArguments& a, int32_t pixels) {
  const ptrdiff_t channels = a.constants->shape.output_channels;
  return a.output_width >= pixels && a.input.pixel_bytes == channels &&
         a.output.pixel_bytes == channels &&
         (!a.constants->shape.has_residual || a.residual.pixel_bytes == channels);
}

// The pixels left over make a group with those before them, which are written once more.
void run_together(const ConvolutionArguments& a, int32_t pixels) {
  const ConvolutionShape& s = a.constants->shape;
  ConvolutionConstants constants = *a.constants;
  constants.shape = widened(s, pixels);
  constants.packed += blocks_bytes(s);
  constants.prepared += block_epilogues_bytes(s.output_channels);
  ConvolutionArguments b = a;
  b.constants = &constants;
  b.output_width = a.output_width / pixels;
  b.channel_end = constants.shape.output_channels;
  b.output.pixel_bytes = b.residual.pixel_bytes = constants.shape.output_channels;
  const ptrdiff_t rest =
      a.output_width % pixels == 0 ? 0 : ptrdiff_t{a.output_width - pixels} * s.output_channels;
  run_blocks(b, {rest, rest, rest});
}

}  // namespace

bool accepts(const ConvolutionShape& s) {
  return s.input == ElementType::u8 && s.groups == s.input_channels &&
         s.groups == s.output_channels;
}

size_t packed_bytes(const ConvolutionShape& s) {
  const int32_t pixels = pixels_together(s);
  return blocks_bytes(s) + (pixels > 1 ? blocks_bytes(widened(s, pixels)) : 0);
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  pack_blocks(s, s.output_channels, weights, bias, packed);
  if (const int32_t pixels = pixels_together(s); pixels > 1)
    pack_blocks(widened(s, pixels), s.output_channels, weights, bias, packed + blocks_bytes(s));
}

size_t prepared_bytes(const ConvolutionShape& s) {
  const int32_t channels = s.output_channels, pixels = pixels_together(s);
  return block_epilogues_bytes(channels) +
         (pixels > 1 ? block_epilogues_bytes(pixels * channels) : 0);
}

void prepare(const ConvolutionConstants& constants, std::byte* prepared) {
  const ConvolutionShape& s = constants.shape;
  prepare_blocks(constants, prepared);
  if (const int32_t pixels = pixels_together(s); pixels > 1)
    prepare_repeated_blocks(constants, pixels * s.output_channels,
                            prepared + block_epilogues_bytes(s.output_channels));
}

size_t scratch_bytes(const ConvolutionShape& s) {
  const int32_t pixels = pixels_together(s);
  const size_t alone = columns_bytes(s);
  const size_t together = pixels > 1 ? columns_bytes(widened(s, pixels)) : 0;
  return alone > together ? alone : together;
}

void run(const ConvolutionArguments& a) {
  const int32_t pixels = pixels_together(a.constants->shape);
  if (pixels > 1 && lie_together(a, pixels)) return run_together(a, pixels);
  run_blocks(a, {});
}

}  // namespace octavo::kernels::avx512::depthwise
