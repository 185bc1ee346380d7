// Convolution 3x3 of stride 1 by F(4x4, 3x3) of Winograd's minimal filtering (Lavin and Gray 2016):
// 16 outputs of a channel take 36 products with each input channel instead of 144. In integers, to
// the bit.
//
//   m = (G g G^T) . (B^T d B), summed over the input channels;   y = A^T m A
//
//         4  0 -5  0  1  0          6  0  0
//         0 -4 -4  1  1  0         -1 -1 -1           1  4  4  1  1  0
//   B^T = 0  4 -4 -1  1  0     G = -1  1 -1     A^T = 0  2 -2  1 -1  0
//         0 -2 -1  2  1  0          1  2  4           0  1  1  1  1  0
//         0  2 -1 -2  1  0          1 -2  4           0  1 -1  2 -2  1
//         0  4  0 -5  0  1          0  0  6
//
// The rows of G and A are scaled so that there are no fractions: y is the sum times f[i] * f[j]
// with f = 24, 12, 6, 6. Transformed bytes keep to 17,340 and transformed weights to 49 * 127:
// words, whose products vpmaddwd adds. All sums are taken modulo 2^32, in which 9 has an inverse;
// what is left of f[i] * f[j] is at most 2^6, so that a sum within 2^25 is found again by a shift.
// Blocks with heavier weights than that allows sum few channels at a time
// (`Layout::safe_channels`).
#include "kernels/avx2/dense.h"
#include "kernels/avx2/rows.h"
#include "kernels/scratch.h"

namespace octavo::kernels::avx2 {
namespace {

constexpr int32_t tile = 4, window = 6, products = window * window;  // of a side; of a tile
constexpr int32_t block = 16;                                        // output channels
constexpr int32_t most_tiles = 32;  // at a time: their products stay near
constexpr int32_t together = 6;     // tiles that meet a block's weights: 12 registers of sums
constexpr int32_t inverse_of_9 = 954437177;  // modulo 2^32
// 112 channels of 9 weights of 127 by inputs of 255: within 2^25.
constexpr int32_t most_sum = 1 << 25, safe_channels = 112;

// Packed: the bias of whole blocks; how many input channels of each block are summed at a time; the
// transformed weights, [block][product][pair of input channels][output channel][2].
struct Layout {
  int32_t blocks, pairs;  // pairs of input channels
  ptrdiff_t bias_bytes, parts_bytes, block_bytes;
  int32_t value_channels;  // of a tile's transformed inputs: whole vectors
};

Layout layout_of(const ConvolutionShape& s) {
  Layout l;
  l.blocks = divide_up(s.output_channels, block);
  l.pairs = divide_up(s.input_channels, 2);
  l.bias_bytes = ptrdiff_t{l.blocks} * block * 4;
  l.parts_bytes = (ptrdiff_t{l.blocks} * 4 + 63) / 64 * 64;
  l.block_bytes = ptrdiff_t{products} * l.pairs * block * 4;
  l.value_channels = divide_up(s.input_channels, 16) * 16;
  return l;
}

// Cycles of a map by each way, roughly, measured on Zen 3. Transformed weights are eight times as
// many bytes, which come from afar where there are many: with few tiles to meet they cost more than
// the products that they save.
bool pays(const ConvolutionShape& s) {
  const Layout l = layout_of(s);
  const double inputs = 2.0 * l.pairs, outputs = double{block} * l.blocks;
  const double tiles = double(divide_up(s.output_height, tile)) * divide_up(s.output_width, tile);
  const double direct = 9 / 27.0 * inputs * outputs * s.output_height * s.output_width;
  const double transformed =
      tiles * (products / 29.0 * inputs * outputs + 8 * l.value_channels + 16 * outputs);
  return transformed + products * 2 / 6.0 * inputs * outputs < 0.9 * direct;
}

bool accepts(const ConvolutionShape& s) {
  return s.input == ElementType::u8 && s.groups == 1 && s.kernel_h == 3 && s.kernel_w == 3 &&
         s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 && s.dilation_w == 1 && pays(s);
}

size_t packed_bytes(const ConvolutionShape& s) {
  const Layout l = layout_of(s);
  return static_cast<size_t>(l.bias_bytes + l.parts_bytes + l.blocks * l.block_bytes);
}

// Of an output's weights, how many input channels may be summed at a time.
int32_t channels_at_a_time(const int8_t* weights, int32_t channels) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i positive = zero, negative = zero;  // four sums each
  const auto add = [&](__m256i w) __attribute__((always_inline)) {
    const __m256i above = _mm256_max_epi8(w, zero), below = _mm256_min_epi8(w, zero);
    positive = _mm256_add_epi64(positive, _mm256_sad_epu8(above, zero));
    negative = _mm256_add_epi64(negative, _mm256_sad_epu8(_mm256_sub_epi8(zero, below), zero));
  };
  const int32_t taps = 9 * channels, whole = taps / 32 * 32;
  for (int32_t k = 0; k < whole; k += 32) add(load(weights + k));
  alignas(32) int8_t rest[32] = {};
  __builtin_memcpy(rest, weights + whole, static_cast<size_t>(taps - whole));
  add(load(rest));
  alignas(32) int64_t sums[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(sums), positive);
  _mm256_store_si256(reinterpret_cast<__m256i*>(sums + 4), negative);
  const int64_t above = sums[0] + sums[1] + sums[2] + sums[3];
  const int64_t below = sums[4] + sums[5] + sums[6] + sums[7];
  const bool fits = 255 * (above > below ? above : below) < most_sum;
  return fits ? channels : smaller(channels, safe_channels);
}

// G g for a row or column of words.
OCTAVO_INLINE void transform_weights(const __m256i (&g)[3], __m256i (&t)[window]) {
  const auto twice = [](__m256i x) { return _mm256_add_epi16(x, x); };
  const auto times_6 = [&](__m256i x) { return twice(_mm256_add_epi16(twice(x), x)); };
  const __m256i outer = _mm256_add_epi16(g[0], g[2]), middle = twice(g[1]);
  const __m256i weighted = _mm256_add_epi16(g[0], twice(twice(g[2])));
  t[0] = times_6(g[0]);
  t[1] = _mm256_sub_epi16(_mm256_setzero_si256(), _mm256_add_epi16(outer, g[1]));
  t[2] = _mm256_sub_epi16(g[1], outer);
  t[3] = _mm256_add_epi16(weighted, middle);
  t[4] = _mm256_sub_epi16(weighted, middle);
  t[5] = times_6(g[2]);
}

// The 3x3 weights of a pair of input channels for 8 output channels, [tap][output][2], to all
// products' place.
void pack_pair(const int8_t (&taps)[9][block * 2], int32_t first, ptrdiff_t product_bytes,
               std::byte* to) {
  __m256i rows[window][3], t[window];
  for (int32_t x = 0; x < 3; ++x) {
    __m256i g[3];
    for (int32_t y = 0; y < 3; ++y)
      g[y] = _mm256_cvtepi8_epi16(load_half(taps[3 * y + x] + 2 * first));
    transform_weights(g, t);
    for (int32_t y = 0; y < window; ++y) rows[y][x] = t[y];
  }
  for (int32_t y = 0; y < window; ++y) {
    transform_weights(rows[y], t);
    for (int32_t x = 0; x < window; ++x)
      _mm256_storeu_si256(
          reinterpret_cast<__m256i*>(to + (y * window + x) * product_bytes + 4 * first), t[x]);
  }
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  const Layout l = layout_of(s);
  const int32_t channels = s.input_channels;
  __builtin_memset(packed, 0, static_cast<size_t>(l.bias_bytes + l.parts_bytes));
  __builtin_memcpy(packed, bias, static_cast<size_t>(s.output_channels) * 4);
  auto* parts = reinterpret_cast<int32_t*>(packed + l.bias_bytes);
  std::byte* to = packed + l.bias_bytes + l.parts_bytes;
  for (int32_t b = 0; b < l.blocks; ++b, to += l.block_bytes) {
    const int32_t outputs = smaller(block, s.output_channels - b * block);
    const int8_t* from = weights + ptrdiff_t{b} * block * 9 * channels;
    parts[b] = channels;
    for (int32_t o = 0; o < outputs; ++o)
      parts[b] =
          smaller(parts[b], channels_at_a_time(from + ptrdiff_t{o} * 9 * channels, channels));
    for (int32_t pair = 0; pair < l.pairs; ++pair) {
      int8_t taps[9][block * 2] = {};
      const auto existing = static_cast<size_t>(smaller(2, channels - 2 * pair));
      for (int32_t o = 0; o < outputs; ++o)
        for (int32_t tap = 0; tap < 9; ++tap)
          __builtin_memcpy(taps[tap] + 2 * o, from + (ptrdiff_t{o} * 9 + tap) * channels + 2 * pair,
                           existing);
      for (int32_t first = 0; first < block; first += 8)
        pack_pair(taps, first, ptrdiff_t{l.pairs} * block * 4, to + ptrdiff_t{pair} * block * 4);
    }
  }
}

size_t prepared_bytes(const ConvolutionShape& s) {
  return static_cast<size_t>(layout_of(s).blocks);
}

void prepare(const ConvolutionConstants& k, std::byte* prepared) {
  Storing::prepare(k, prepared);
}

// A rectangle of tiles at a time: several rows of them where they are short.
struct Room {
  int32_t rows, columns;  // of tiles at most
  ptrdiff_t value_step;   // words from one of the 36 values of all tiles to the next
  int16_t* values;        // transformed inputs, [36][tile][channel]
  int32_t* sums;          // of products with them, [tile][36][16]
  int32_t* outputs;       // [16 pixels][16] of a tile, where channels are summed by parts
};

Room take_room(const ConvolutionShape& s, Scratch& scratch) {
  const Layout l = layout_of(s);
  Room room;
  room.columns = smaller(divide_up(s.output_width, tile), most_tiles);
  room.rows = smaller(larger(1, most_tiles / room.columns), divide_up(s.output_height, tile));
  const ptrdiff_t tiles = ptrdiff_t{room.rows} * room.columns;
  // A vector more, or the values of a tile would all fall into the same sets of the cache.
  room.value_step = tiles * l.value_channels + 16;
  room.values = scratch.take<int16_t>(products * room.value_step);
  room.sums = scratch.take<int32_t>(tiles * products * block);
  room.outputs = scratch.take<int32_t>(tiles * tile * tile * block);
  return room;
}

size_t scratch_bytes(const ConvolutionShape& s) {
  Scratch scratch;
  take_room(s, scratch);
  return scratch.bytes();
}

// B^T d for 16 channels of words.
OCTAVO_INLINE void transform_input(const __m256i (&d)[window], __m256i (&t)[window]) {
  const auto times_4 = [](__m256i x) { return _mm256_slli_epi16(x, 2); };
  const __m256i a = _mm256_sub_epi16(d[4], times_4(d[2]));
  const __m256i b = _mm256_sub_epi16(d[3], times_4(d[1]));
  const __m256i c = _mm256_sub_epi16(d[4], d[2]), half_e = _mm256_sub_epi16(d[3], d[1]);
  const __m256i e = _mm256_add_epi16(half_e, half_e);
  t[0] = _mm256_add_epi16(times_4(d[0]), _mm256_sub_epi16(a, d[2]));
  t[1] = _mm256_add_epi16(a, b);
  t[2] = _mm256_sub_epi16(a, b);
  t[3] = _mm256_add_epi16(c, e);
  t[4] = _mm256_sub_epi16(c, e);
  t[5] = _mm256_sub_epi16(_mm256_sub_epi16(d[5], times_4(d[3])), b);
}

// A^T m for 8 channels of sums, modulo 2^32.
OCTAVO_INLINE void transform_sums(const __m256i (&m)[window], __m256i (&y)[tile]) {
  const __m256i s1 = _mm256_add_epi32(m[1], m[2]), d1 = _mm256_sub_epi32(m[1], m[2]);
  const __m256i s2 = _mm256_add_epi32(m[3], m[4]), d2 = _mm256_sub_epi32(m[3], m[4]);
  y[0] = _mm256_add_epi32(_mm256_add_epi32(m[0], s2), _mm256_slli_epi32(s1, 2));
  y[1] = _mm256_add_epi32(_mm256_add_epi32(d1, d1), d2);
  y[2] = _mm256_add_epi32(s1, s2);
  y[3] = _mm256_add_epi32(_mm256_add_epi32(d1, m[5]), _mm256_add_epi32(d2, d2));
}

// The windows of a tile, of all channels.
void transform_tile(const std::byte* const (&row)[window], const ptrdiff_t (&column)[window],
                    int32_t channels, ptrdiff_t step, int16_t* values) {
  for (int32_t c = 0; c < channels; c += 16) {
    __m256i columns[window][window];  // [column][row]
    for (int32_t x = 0; x < window; ++x) {
      __m256i d[window];
      unroll<window>([&](auto y) __attribute__((always_inline)) {
        d[decltype(y)::value] =
            _mm256_cvtepu8_epi16(load_half(row[decltype(y)::value] + column[x] + c));
      });
      transform_input(d, columns[x]);
    }
    for (int32_t y = 0; y < window; ++y) {
      __m256i d[window], t[window];
      unroll<window>([&](auto x) __attribute__((always_inline)) {
        d[decltype(x)::value] = columns[decltype(x)::value][y];
      });
      transform_input(d, t);
      unroll<window>([&](auto x) __attribute__((always_inline)) {
        constexpr int i = decltype(x)::value;
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(values + (y * window + i) * step + c), t[i]);
      });
    }
  }
}

// Tiles [row, row + rows) x [column, column + columns) of what a run writes.
struct Chunk {
  const ConvolutionArguments* arguments;
  Room room;
  int32_t row, rows, column, columns;

  int32_t tiles() const { return rows * columns; }
};

// What a window reads below or right of the input goes into no output that is stored.
void transform_inputs(const Chunk& k) {
  const ConvolutionArguments& a = *k.arguments;
  const Layout l = layout_of(a.constants->shape);
  int16_t* values = k.room.values;
  for (int32_t r = k.row; r < k.row + k.rows; ++r) {
    const std::byte* row[window];
    for (int32_t y = 0; y < window; ++y)
      row[y] = a.input.row[smaller(r * tile + y, a.output_rows + 1)];
    for (int32_t t = k.column; t < k.column + k.columns; ++t, values += l.value_channels) {
      ptrdiff_t column[window];
      for (int32_t x = 0; x < window; ++x)
        column[x] = smaller(t * tile + x, a.output_width + 1) * a.input.pixel_bytes;
      transform_tile(row, column, a.constants->shape.input_channels, k.room.value_step, values);
    }
  }
}

// One of the 36 products of P tiles with a block, summed over pairs of input channels.
template <int P>
void multiply(const int16_t* values, ptrdiff_t tile_step, const std::byte* weights, int32_t pairs,
              int32_t* sums) {
  __m256i sum[P][2];
  unroll<2 * P>([&](auto i) __attribute__((always_inline)) {
    sum[decltype(i)::value / 2][decltype(i)::value % 2] = _mm256_setzero_si256();
  });
  for (int32_t k = 0; k < pairs; ++k, values += 2, weights += block * 4) {
    __m256i w[2] = {load(weights), load(weights + 32)};
    keep_in_register(w[0]);
    keep_in_register(w[1]);
    unroll<P>([&](auto p6) __attribute__((always_inline)) {
      constexpr int p = decltype(p6)::value;
      const __m256i x = _mm256_set1_epi32(load_dword(values + p * tile_step));
      sum[p][0] = dot(sum[p][0], x, w[0]);
      sum[p][1] = dot(sum[p][1], x, w[1]);
    });
  }
  unroll<2 * P>([&](auto i) __attribute__((always_inline)) {
    constexpr int p = decltype(i)::value / 2, v = decltype(i)::value % 2;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + p * products * block + v * 8), sum[p][v]);
  });
}

using Multiply = void (*)(const int16_t*, ptrdiff_t, const std::byte*, int32_t, int32_t*);
constexpr Multiply multiply_by_tiles[] = {multiply<1>, multiply<2>, multiply<3>,
                                          multiply<4>, multiply<5>, multiply<6>};

// All products of a block with the pairs [first, first + pairs) of input channels.
void multiply_tiles(const Chunk& k, const std::byte* weights, int32_t first, int32_t pairs) {
  const Layout l = layout_of(k.arguments->constants->shape);
  const int32_t all = k.tiles(), parts = divide_up(all, together);
  for (int32_t i = 0; i < products; ++i) {
    const int16_t* values = k.room.values + i * k.room.value_step + 2 * first;
    const std::byte* w = weights + (ptrdiff_t{i} * l.pairs + first) * block * 4;
    for (int32_t part = 0; part < parts; ++part) {
      const int32_t from = part_begin(part, all, parts), to = part_begin(part + 1, all, parts);
      multiply_by_tiles[to - from - 1](values + ptrdiff_t{from} * l.value_channels,
                                       l.value_channels, w, pairs,
                                       k.room.sums + (ptrdiff_t{from} * products + i) * block);
    }
  }
}

// From the products of a tile to sums of a convolution, [row][column][16], for 8 of its channels:
// set, from the bias on, or added to what is there.
OCTAVO_INLINE void sum_tile(const int32_t* sums, const int32_t* bias, bool adds, int32_t* outputs) {
  const __m256i begin = load(bias);
  __m256i columns[window][tile];
  for (int32_t x = 0; x < window; ++x) {
    __m256i m[window];
    unroll<window>([&](auto y) __attribute__((always_inline)) {
      m[decltype(y)::value] = load(sums + (decltype(y)::value * window + x) * block);
    });
    transform_sums(m, columns[x]);
  }
  constexpr int shift[tile] = {3, 2, 1, 1};  // f / 3
  unroll<tile>([&](auto y4) __attribute__((always_inline)) {
    constexpr int y = decltype(y4)::value;
    __m256i m[window], out[tile];
    unroll<window>([&](auto x) __attribute__((always_inline)) {
      m[decltype(x)::value] = columns[decltype(x)::value][y];
    });
    transform_sums(m, out);
    unroll<tile>([&](auto x4) __attribute__((always_inline)) {
      constexpr int x = decltype(x4)::value;
      const __m256i sum = _mm256_srai_epi32(
          _mm256_mullo_epi32(out[x], _mm256_set1_epi32(inverse_of_9)), shift[y] + shift[x]);
      auto* to = reinterpret_cast<__m256i*>(outputs + (y * tile + x) * block);
      _mm256_storeu_si256(to, _mm256_add_epi32(adds ? load(to) : begin, sum));
    });
  });
}

// The pixels of a tile that exist.
void store_tile(const ConvolutionArguments& a, int32_t row, int32_t column, const int32_t* sums,
                Storing::Outputs& o) {
  const int32_t columns = smaller(tile, a.output_width - column);
  for (int32_t y = row; y < smaller(row + tile, a.output_rows); ++y, sums += tile * block) {
    std::byte* output[tile];
    const std::byte* residual[tile];
    for (int32_t x = 0; x < columns; ++x) {
      output[x] = a.output.row[y] + (column + x) * a.output.pixel_bytes;
      if (o.has_residual) residual[x] = a.residual.row[y] + (column + x) * a.residual.pixel_bytes;
    }
    o.output = output;
    o.residual = residual;
    store_sums(sums, columns, o);
  }
}

// A block of output channels of all tiles of a chunk.
void run_block(const Chunk& k, int32_t b, Storing::Outputs& o) {
  const ConvolutionArguments& a = *k.arguments;
  const ConvolutionShape& s = a.constants->shape;
  const Layout l = layout_of(s);
  const auto* bias = reinterpret_cast<const int32_t*>(a.constants->packed) + b * block;
  const int32_t at_a_time = reinterpret_cast<const int32_t*>(a.constants->packed + l.bias_bytes)[b];
  const std::byte* weights = a.constants->packed + l.bias_bytes + l.parts_bytes + b * l.block_bytes;
  for (int32_t first = 0; first < s.input_channels; first += at_a_time) {
    const bool is_last = first + at_a_time >= s.input_channels;
    const int32_t pairs = is_last ? l.pairs - first / 2 : at_a_time / 2;
    multiply_tiles(k, weights, first / 2, pairs);
    for (int32_t t = 0; t < k.tiles(); ++t) {
      constexpr int32_t pixels = tile * tile;
      int32_t* outputs = k.room.outputs + t * pixels * block;
      const int32_t* sums = k.room.sums + t * products * block;
      sum_tile(sums, bias, first != 0, outputs);
      sum_tile(sums + 8, bias + 8, first != 0, outputs + 8);
      if (is_last)
        store_tile(a, (k.row + t / k.columns) * tile, (k.column + t % k.columns) * tile, outputs,
                   o);
    }
  }
}

void run(const ConvolutionArguments& a) {
  const ConvolutionShape& s = a.constants->shape;
  Scratch scratch(a.scratch);
  Chunk k{&a, take_room(s, scratch), 0, 0, 0, 0};
  Storing::Outputs o = Storing::outputs_of(a);
  const int32_t rows = divide_up(a.output_rows, tile), columns = divide_up(a.output_width, tile);
  for (; k.row < rows; k.row += k.rows) {
    k.rows = smaller(k.room.rows, rows - k.row);
    for (k.column = 0; k.column < columns; k.column += k.columns) {
      k.columns = smaller(k.room.columns, columns - k.column);
      transform_inputs(k);
      for (int32_t c = a.channel_begin; c < a.channel_end; c += block) {
        const int32_t b = c / block;
        Storing::set_channels(c, smaller(block, a.channel_end - c),
                              a.constants->prepared[b] != std::byte{0}, o);
        run_block(k, b, o);
      }
    }
  }
}

}  // namespace

constinit const ConvolutionKernel winograd = {
    "avx2_winograd", feature::avx2, accepts,       block, packed_bytes, pack,
    prepared_bytes,  prepare,       scratch_bytes, run};

}  // namespace octavo::kernels::avx2
