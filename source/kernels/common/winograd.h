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
// with f = 24, 12, 6, 6. Transformed bytes keep to 17,340 and transformed weights to 49 * 128:
// words. All sums of their products are taken modulo 2^32, in which 9 has an inverse; what is left
// of f[i] * f[j] is at most 2^6, so that a sum within 2^25 is found again by a shift. Blocks whose
// weights allow more sum few input channels at a time.
//
// Written in the compiler's vectors, which any ISA has; only products and stores are an ISA's own.
#pragma once

#include "kernels/common/basics.h"
#include "kernels/scratch.h"

namespace octavo::kernels::common {
namespace {

namespace winograd {

constexpr int32_t tile = 4, window = 6, products = window * window;  // of a side; of a tile
constexpr int32_t pixels = tile * tile;
constexpr int32_t most_tiles = 32;            // at a time: their products stay near
constexpr uint32_t inverse_of_9 = 954437177;  // modulo 2^32
// 112 channels of 9 weights of -128 by inputs of 255: within 2^25.
constexpr int64_t most_sum = int64_t{1} << 25;
constexpr int32_t safe_channels = 112;

template <class T, int Lanes>
using Vector __attribute__((vector_size(Lanes * sizeof(T)))) = T;

template <class V, class T>
OCTAVO_INLINE V load(const T* p) {
  V x;
  __builtin_memcpy(&x, p, sizeof(V));
  return x;
}
template <class V, class T>
OCTAVO_INLINE void store(T* p, const V& x) {
  __builtin_memcpy(p, &x, sizeof(V));
}

// B^T d
template <class V>
OCTAVO_INLINE void transform_input(const V (&d)[window], V (&t)[window]) {
  const V a = d[4] - 4 * d[2], b = d[3] - 4 * d[1];
  const V c = d[4] - d[2], half_e = d[3] - d[1], e = half_e + half_e;
  t[0] = 4 * d[0] + (a - d[2]);
  t[1] = a + b;
  t[2] = a - b;
  t[3] = c + e;
  t[4] = c - e;
  t[5] = d[5] - 4 * d[3] - b;
}

// G g
template <class V>
OCTAVO_INLINE void transform_weights(const V (&g)[3], V (&t)[window]) {
  const V outer = g[0] + g[2], middle = g[1] + g[1], weighted = g[0] + 4 * g[2];
  t[0] = 6 * g[0];
  t[1] = -outer - g[1];
  t[2] = g[1] - outer;
  t[3] = weighted + middle;
  t[4] = weighted - middle;
  t[5] = 6 * g[2];
}

// A^T m, modulo 2^32
template <class V>
OCTAVO_INLINE void transform_sums(const V (&m)[window], V (&y)[tile]) {
  const V s1 = m[1] + m[2], d1 = m[1] - m[2], s2 = m[3] + m[4], d2 = m[3] - m[4];
  y[0] = m[0] + s2 + 4 * s1;
  y[1] = d1 + d1 + d2;
  y[2] = s1 + s2;
  y[3] = d1 + m[5] + (d2 + d2);
}

// Of an output's weights, how many input channels may be summed at a time.
inline int32_t channels_at_a_time(const int8_t* weights, int32_t channels) {
  int64_t above = 0, below = 0;
  for (ptrdiff_t k = 0; k < ptrdiff_t{9} * channels; ++k) {
    above += weights[k] > 0 ? weights[k] : 0;
    below -= weights[k] < 0 ? weights[k] : 0;
  }
  const bool fits = 255 * (above > below ? above : below) < most_sum;
  return fits ? channels : smaller(channels, safe_channels);
}

}  // namespace winograd

// An Isa has
//   vector_bytes             of a register
//   block                    output channels that are computed at a time
//   together                 weights of a channel that lie side by side, of as many input channels
//   tiles                    that meet a block's weights at a time
//   direct, transformed      products a cycle, roughly, of the direct way and of words
//   for_input, for_output    cycles of the transforms, a tile and a channel
//   read                     bytes of weights that come from afar in a cycle
//   Outputs                  what is written: outputs_of(arguments), then for each block
//                            set_channels(channel, count, proof, outputs)
//   prove(constants, channel, count)  what its stores want to know, found out once
//   multiply<T>(values, tile_step, weights, ahead, steps, sums)  of T tiles the sums of products
//                            with a block: `steps` times `together` words of each tile, from values
//                            + tile * tile_step on; tile t's go to sums + t * products * block. The
//                            64 bytes a step from `ahead` on are wanted soon.
//   store(sums, pixels, outputs)  up to four pixels, [pixel][block]
template <class Isa>
struct Winograd {
  static constexpr int32_t block = Isa::block, together = Isa::together;
  static constexpr int32_t tile = winograd::tile, window = winograd::window;
  static constexpr int32_t products = winograd::products;
  static constexpr int32_t value_lanes = Isa::vector_bytes / 2, sum_lanes = value_lanes / 2;
  static constexpr int32_t weight_lanes = block * together;
  using Words = winograd::Vector<int16_t, value_lanes>;
  using Bytes = winograd::Vector<uint8_t, value_lanes>;
  using Sums = winograd::Vector<uint32_t, sum_lanes>;
  using SignedSums = winograd::Vector<int32_t, sum_lanes>;
  using Weights = winograd::Vector<int16_t, weight_lanes>;
  using ByteWeights = winograd::Vector<int8_t, weight_lanes>;

  // Packed: the bias of whole blocks; how many input channels of each block are summed at a time;
  // the transformed weights, [block][product][step][output channel][together].
  struct Layout {
    int32_t blocks, steps;
    ptrdiff_t bias_bytes, parts_bytes, product_bytes, block_bytes;
    int32_t value_channels;  // of a tile's transformed inputs: whole vectors
  };

  static Layout layout_of(const ConvolutionShape& s) {
    Layout l;
    l.blocks = divide_up(s.output_channels, block);
    l.steps = divide_up(s.input_channels, together);
    l.bias_bytes = ptrdiff_t{l.blocks} * block * 4;
    l.parts_bytes = (ptrdiff_t{l.blocks} * 4 + 63) / 64 * 64;
    l.product_bytes = ptrdiff_t{l.steps} * weight_lanes * 2;
    l.block_bytes = products * l.product_bytes;
    l.value_channels = divide_up(s.input_channels, value_lanes) * value_lanes;
    return l;
  }

  // Cycles of a map by each way, roughly; tiles that a run of few rows fills in part count in full.
  // Transformed weights are eight times as many bytes: where few tiles meet them, to read them
  // costs more than the products that are saved, and where blocks are hardly filled, too much
  // memory.
  static bool pays(const ConvolutionShape& s) {
    const Layout l = layout_of(s);
    const double inputs = double{together} * l.steps, outputs = double{block} * l.blocks;
    if (4.0 * s.output_channels < 3 * outputs) return false;
    const int32_t rows = s.run_rows == 0 ? s.output_height : s.run_rows;  // of a run
    const double tiles =
        double(divide_up(rows, tile)) * s.output_height / rows * divide_up(s.output_width, tile);
    const double direct = 9 / Isa::direct * inputs * outputs * s.output_height * s.output_width;
    const double transformed =
        tiles * (products / Isa::transformed * inputs * outputs +
                 Isa::for_input * l.value_channels + Isa::for_output * outputs);
    return transformed + products * 2 / Isa::read * inputs * outputs < 0.9 * direct;
  }

  static bool accepts(const ConvolutionShape& s) {
    return s.input == ElementType::u8 && s.groups == 1 && s.kernel_h == 3 && s.kernel_w == 3 &&
           s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 && s.dilation_w == 1 && pays(s);
  }

  static size_t packed_bytes(const ConvolutionShape& s) {
    const Layout l = layout_of(s);
    return static_cast<size_t>(l.bias_bytes + l.parts_bytes + l.blocks * l.block_bytes);
  }

  // A step of a block, [tap][output channel][together], to the places of its 36 products.
  static void pack_step(const int8_t (&taps)[9][weight_lanes], ptrdiff_t product_bytes,
                        std::byte* to) {
    Weights rows[window][3], t[window];
    for (int32_t x = 0; x < 3; ++x) {
      Weights g[3];
      for (int32_t y = 0; y < 3; ++y)
        g[y] = __builtin_convertvector(winograd::load<ByteWeights>(taps[3 * y + x]), Weights);
      winograd::transform_weights(g, t);
      for (int32_t y = 0; y < window; ++y) rows[y][x] = t[y];
    }
    for (int32_t y = 0; y < window; ++y) {
      winograd::transform_weights(rows[y], t);
      for (int32_t x = 0; x < window; ++x)
        winograd::store(to + (y * window + x) * product_bytes, t[x]);
    }
  }

  static void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
                   std::byte* packed) {
    const Layout l = layout_of(s);
    const int32_t channels = s.input_channels;
    const ptrdiff_t taps_of_output = ptrdiff_t{9} * channels;
    __builtin_memset(packed, 0, static_cast<size_t>(l.bias_bytes + l.parts_bytes));
    __builtin_memcpy(packed, bias, static_cast<size_t>(s.output_channels) * 4);
    auto* parts = reinterpret_cast<int32_t*>(packed + l.bias_bytes);
    std::byte* to = packed + l.bias_bytes + l.parts_bytes;
    for (int32_t b = 0; b < l.blocks; ++b, to += l.block_bytes) {
      const int32_t outputs = smaller(block, s.output_channels - b * block);
      const int8_t* from = weights + b * block * taps_of_output;
      parts[b] = channels;
      for (int32_t o = 0; o < outputs; ++o)
        parts[b] =
            smaller(parts[b], winograd::channels_at_a_time(from + o * taps_of_output, channels));
      for (int32_t step = 0; step < l.steps; ++step) {
        int8_t taps[9][weight_lanes] = {};
        const int32_t first = step * together, count = smaller(together, channels - first);
        for (int32_t o = 0; o < outputs; ++o)
          for (int32_t tap = 0; tap < 9; ++tap)
            __builtin_memcpy(taps[tap] + o * together,
                             from + o * taps_of_output + ptrdiff_t{tap} * channels + first,
                             static_cast<size_t>(count));
        pack_step(taps, l.product_bytes, to + ptrdiff_t{step} * weight_lanes * 2);
      }
    }
  }

  // A proof a block.
  using Proof = decltype(Isa::prove(std::declval<const ConvolutionConstants&>(), 0, 0));

  static size_t prepared_bytes(const ConvolutionShape& s) {
    return static_cast<size_t>(layout_of(s).blocks) * sizeof(Proof);
  }

  static void prepare(const ConvolutionConstants& k, std::byte* prepared) {
    const int32_t channels = k.shape.output_channels;
    auto* proof = reinterpret_cast<Proof*>(prepared);
    for (int32_t c = 0; c < channels; c += block)
      *proof++ = Isa::prove(k, c, smaller(channels - c, block));
  }

  // A rectangle of tiles at a time: several rows of them where they are short.
  struct Room {
    int32_t rows, columns;  // of tiles at most
    ptrdiff_t value_step;   // words from one of the 36 values of all tiles to the next
    int16_t* values;        // transformed inputs, [36][tile][channel]
    int32_t* sums;          // of products with them, [tile][36][block]
    int32_t* outputs;       // [tile][16 pixels][block]
  };

  static Room take_room(const ConvolutionShape& s, Scratch& scratch) {
    const Layout l = layout_of(s);
    Room room;
    room.columns = smaller(divide_up(s.output_width, tile), winograd::most_tiles);
    room.rows =
        smaller(larger(1, winograd::most_tiles / room.columns), divide_up(s.output_height, tile));
    const ptrdiff_t tiles = ptrdiff_t{room.rows} * room.columns;
    // A vector more, or the values of a tile would all fall into the same sets of the cache.
    room.value_step = tiles * l.value_channels + value_lanes;
    room.values = scratch.take<int16_t>(products * room.value_step);
    room.sums = scratch.take<int32_t>(tiles * products * block);
    room.outputs = scratch.take<int32_t>(tiles * winograd::pixels * block);
    return room;
  }

  static size_t scratch_bytes(const ConvolutionShape& s) {
    Scratch scratch;
    take_room(s, scratch);
    return scratch.bytes();
  }

  // Tiles [row, row + rows) x [column, column + columns) of what a run writes.
  struct Chunk {
    const ConvolutionArguments* arguments;
    Room room;
    int32_t row, rows, column, columns;

    int32_t tiles() const { return rows * columns; }
  };

  // The window of a tile, of all channels.
  static void transform_tile(const std::byte* const (&row)[window],
                             const ptrdiff_t (&column)[window], int32_t channels, ptrdiff_t step,
                             int16_t* values) {
    for (int32_t c = 0; c < channels; c += value_lanes) {
      Words columns[window][window];  // [column][row]
      for (int32_t x = 0; x < window; ++x) {
        Words d[window];
        unroll<window>([&](auto y) __attribute__((always_inline)) {
          const std::byte* from = row[decltype(y)::value] + column[x] + c;
          d[decltype(y)::value] = __builtin_convertvector(winograd::load<Bytes>(from), Words);
        });
        winograd::transform_input(d, columns[x]);
      }
      for (int32_t y = 0; y < window; ++y) {
        Words d[window], t[window];
        unroll<window>([&](auto x) __attribute__((always_inline)) {
          d[decltype(x)::value] = columns[decltype(x)::value][y];
        });
        winograd::transform_input(d, t);
        unroll<window>([&](auto x) __attribute__((always_inline)) {
          constexpr int i = decltype(x)::value;
          winograd::store(values + (y * window + i) * step + c, t[i]);
        });
      }
    }
  }

  // What a window reads below or right of the input goes into no output that is stored.
  static void transform_inputs(const Chunk& k) {
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

  using Multiply = void (*)(const int16_t*, ptrdiff_t, const std::byte*, const std::byte*, int32_t,
                            int32_t*);
  template <int... I>
  static Multiply multiply_of(int32_t tiles, std::integer_sequence<int, I...>) {
    static constexpr Multiply all[] = {Isa::template multiply<I + 1>...};
    return all[tiles - 1];
  }

  // All products of a block with the steps [first, first + steps) of input channels. Weights are
  // read from afar once a chunk: those of the next product are called for while this one's meet
  // their first tiles.
  static void multiply_tiles(const Chunk& k, const std::byte* weights, int32_t first,
                             int32_t steps) {
    const Layout l = layout_of(k.arguments->constants->shape);
    const int32_t all = k.tiles(), parts = divide_up(all, Isa::tiles);
    for (int32_t i = 0; i < products; ++i) {
      const int16_t* values = k.room.values + i * k.room.value_step + first * together;
      const std::byte* w = weights + i * l.product_bytes + ptrdiff_t{first} * weight_lanes * 2;
      for (int32_t part = 0; part < parts; ++part) {
        const int32_t from = part_begin(part, all, parts), to = part_begin(part + 1, all, parts);
        constexpr int32_t lines = weight_lanes * 2 / 64;  // a step
        const std::byte* ahead =
            w + (part < lines ? l.product_bytes + ptrdiff_t{part} * steps * 64 : 0);
        multiply_of(to - from, std::make_integer_sequence<int, Isa::tiles>{})(
            values + ptrdiff_t{from} * l.value_channels, l.value_channels, w, ahead, steps,
            k.room.sums + (ptrdiff_t{from} * products + i) * block);
      }
    }
  }

  // From the products of a tile to sums of a convolution, [pixel][block], for a vector of its
  // channels: set, from the bias on, or added to what is there.
  static OCTAVO_INLINE void sum_tile(const int32_t* sums, const int32_t* bias, bool adds,
                                     int32_t* outputs) {
    const Sums begin = winograd::load<Sums>(bias);
    Sums columns[window][tile];
    for (int32_t x = 0; x < window; ++x) {
      Sums m[window];
      unroll<window>([&](auto y) __attribute__((always_inline)) {
        m[decltype(y)::value] =
            winograd::load<Sums>(sums + (decltype(y)::value * window + x) * block);
      });
      winograd::transform_sums(m, columns[x]);
    }
    constexpr int shift[tile] = {3, 2, 1, 1};  // f / 3
    unroll<tile>([&](auto y4) __attribute__((always_inline)) {
      constexpr int y = decltype(y4)::value;
      Sums m[window], out[tile];
      unroll<window>([&](auto x) __attribute__((always_inline)) {
        m[decltype(x)::value] = columns[decltype(x)::value][y];
      });
      winograd::transform_sums(m, out);
      unroll<tile>([&](auto x4) __attribute__((always_inline)) {
        constexpr int x = decltype(x4)::value;
        const Sums scaled = out[x] * winograd::inverse_of_9;
        const Sums sum =
            reinterpret_cast<Sums>(reinterpret_cast<SignedSums>(scaled) >> (shift[y] + shift[x]));
        int32_t* to = outputs + (y * tile + x) * block;
        winograd::store(to, (adds ? winograd::load<Sums>(to) : begin) + sum);
      });
    });
  }

  // The pixels of a tile that exist.
  static void store_tile(const ConvolutionArguments& a, int32_t row, int32_t column,
                         const int32_t* sums, typename Isa::Outputs& o) {
    const int32_t columns = smaller(tile, a.output_width - column);
    for (int32_t y = row; y < smaller(row + tile, a.output_rows); ++y, sums += tile * block) {
      std::byte* output[tile];
      const std::byte* residual[tile];
      for (int32_t x = 0; x < columns; ++x) {
        output[x] = a.output.row[y] + (column + x) * a.output.pixel_bytes;
        if (o.has_residual) residual[x] = a.residual.row[y] + (column + x) * a.residual.pixel_bytes;
      }
      o.output = output;
      o.residual = o.has_residual ? residual : nullptr;
      Isa::store(sums, columns, o);
    }
  }

  // A block of output channels of all tiles of a chunk.
  static void run_block(const Chunk& k, int32_t b, typename Isa::Outputs& o) {
    const ConvolutionArguments& a = *k.arguments;
    const Layout l = layout_of(a.constants->shape);
    const int32_t channels = a.constants->shape.input_channels;
    const auto* bias = reinterpret_cast<const int32_t*>(a.constants->packed) + b * block;
    const int32_t at_a_time =
        reinterpret_cast<const int32_t*>(a.constants->packed + l.bias_bytes)[b];
    const std::byte* weights =
        a.constants->packed + l.bias_bytes + l.parts_bytes + b * l.block_bytes;
    for (int32_t first = 0; first < channels; first += at_a_time) {
      const bool is_last = first + at_a_time >= channels;
      const int32_t begin = first / together;
      multiply_tiles(k, weights, begin, is_last ? l.steps - begin : at_a_time / together);
      for (int32_t t = 0; t < k.tiles(); ++t) {
        const int32_t* sums = k.room.sums + ptrdiff_t{t} * products * block;
        int32_t* outputs = k.room.outputs + t * winograd::pixels * block;
        for (int32_t c = 0; c < block; c += sum_lanes)
          sum_tile(sums + c, bias + c, first != 0, outputs + c);
        if (is_last)
          store_tile(a, (k.row + t / k.columns) * tile, (k.column + t % k.columns) * tile, outputs,
                     o);
      }
    }
  }

  static void run(const ConvolutionArguments& a) {
    Scratch scratch(a.scratch);
    Chunk k{&a, take_room(a.constants->shape, scratch), 0, 0, 0, 0};
    typename Isa::Outputs o = Isa::outputs_of(a);
    const auto* proofs = reinterpret_cast<const Proof*>(a.constants->prepared);
    const int32_t rows = divide_up(a.output_rows, tile), columns = divide_up(a.output_width, tile);
    for (; k.row < rows; k.row += k.rows) {
      k.rows = smaller(k.room.rows, rows - k.row);
      for (k.column = 0; k.column < columns; k.column += k.columns) {
        k.columns = smaller(k.room.columns, columns - k.column);
        transform_inputs(k);
        for (int32_t c = a.channel_begin; c < a.channel_end; c += block) {
          Isa::set_channels(c, smaller(block, a.channel_end - c), proofs[c / block], o);
          run_block(k, c / block, o);
        }
      }
    }
  }

  static constexpr ConvolutionKernel row(const char* name, FeatureSet features) {
    constexpr int32_t channel_step = block > 16 ? block : 16;
    return {name, features,       accepts, channel_step,  packed_bytes,
            pack, prepared_bytes, prepare, scratch_bytes, run};
  }
};

}  // namespace
}  // namespace octavo::kernels::common
