// Dense convolution and products of activations by tdpbusd: 16 pixels of 64 bytes meet 64 bytes of
// 16 output channels at once. Packed weights lie as those of kernels/avx512 do, whose code also
// gathers windows and finishes sums; the dwords of a vector are padded to whole tiles.
//
// A block is one or two tiles of pixels by one or two of channels: with two by two, each tile that
// is loaded is used twice. Sums stay in tiles over the whole depth and pass to the epilogue by way
// of 4 KiB that never leave the level-1 cache.
//
// A tile reads its pixels where they are, if they lie evenly and each is one run of bytes; else the
// pixels' runs are copied side by side first, once for all output channels.
#include "kernels/avx512/dense.h"

#include "kernels/amx/rows.h"
#include "kernels/amx/tile.h"
#include "kernels/avx512/matmul.h"
#include "kernels/avx512/rows.h"

namespace octavo::kernels::amx {
namespace {

using namespace avx512;
using namespace avx512::dense;
using common::divide_up;

constexpr int32_t tile_quads = tile_bytes / 4;
constexpr int32_t most_vectors = 2, most_tiles = 2;  // of a block
constexpr int32_t chunk_step = most_tiles * tile_rows, most_steps = 8;

Layout layout_of(const ConvolutionShape& s) {
  return avx512::dense::layout_of(s, tile_quads);
}

// Cycles an output pixel, by the published throughputs of Intel's cores: a product of tiles takes
// 16 for its 16 pixels, the way of a vector of sums through memory 2, the copy of a line 2.
int64_t tile_cycles(const Layout& l) {
  const int64_t depth = l.padded_quads / tile_quads;
  return l.group_vectors * (depth + 2) + (l.taps > 1 ? 2 * depth : 0);
}
// The same with vpdpbusd: on Intel's cores, three products start in two cycles.
int64_t vector_cycles(const Layout& l) {
  return l.group_vectors * l.quads * 2 / 3;
}

// A tile takes as long for a few pixels as for 16.
bool pays(const ConvolutionShape& s) {
  if (s.input != ElementType::u8) return false;
  const Layout l = layout_of(s);
  const int64_t pixels = int64_t{s.output_height} * s.output_width;
  const int64_t in_tiles = (pixels + tile_rows - 1) / tile_rows * tile_rows;
  return in_tiles * tile_cycles(l) < pixels * vector_cycles(l);
}

// As many pixels as leave room for the weights of a block beside their copied runs and outputs in
// the level-2 cache.
int32_t chunk_size(const ConvolutionShape& s, const Layout& l) {
  const ptrdiff_t pixel = l.window_bytes + s.output_channels * element_bytes(s.output);
  const int64_t steps = (int64_t{1} << 19) / (pixel * chunk_step);
  const int32_t size = chunk_step * static_cast<int32_t>(steps < 1            ? 1
                                                         : steps > most_steps ? most_steps
                                                                              : steps);
  return divide_up(no_more_than_all(s, size), chunk_step) * chunk_step;
}

// Sixteen pixels of a chunk as a tile reads them.
struct Operand {
  const uint8_t* first;
  ptrdiff_t step;
};

struct TileRoom {
  Room chunk;
  Operand* operands;  // of a chunk's tiles
  uint8_t* copied;    // [pixel][window_bytes]
  int32_t* sums;      // [pixel of a block][vectors][16]
};

TileRoom take_room(const ConvolutionShape& s, const Layout& l, Scratch& scratch) {
  TileRoom room{};
  const int32_t pixels = chunk_size(s, l);
  room.chunk = avx512::dense::take_room(l, pixels, scratch);
  room.operands = scratch.take<Operand>(pixels / tile_rows);
  room.copied = scratch.take<uint8_t>(pixels * l.window_bytes + tile_bytes);
  room.sums = scratch.take<int32_t>(most_tiles * tile_rows * most_vectors * 16);
  return room;
}

bool lie_evenly(const uint8_t* const* pixel, int32_t count) {
  for (int32_t i = 2; i < count; ++i)
    if (pixel[i] - pixel[i - 1] != pixel[1] - pixel[0]) return false;
  return true;
}

// The runs of one pixel, side by side. Whole lines are copied: what is too much is overwritten by
// the next run or meets zero weights.
void copy_runs(const Chunk& k, int32_t pixel, ptrdiff_t input_offset, uint8_t* to) {
  const ptrdiff_t run_bytes = static_cast<ptrdiff_t>(k.runs.quads) * 4;
  const uint8_t* const* from = k.room.inputs + pixel;
  for (int32_t run = 0; run < k.runs.count; ++run, from += k.room.pixels, to += run_bytes)
    for (ptrdiff_t i = 0; i < run_bytes; i += tile_bytes)
      _mm512_storeu_si512(to + i, _mm512_loadu_si512(*from + input_offset + i));
}

// The pixels of a chunk, a tile each. Rows of the last that no pixel has are left as they are: what
// they give is not stored.
void place_operands(const Chunk& k, const TileRoom& room, ptrdiff_t input_offset) {
  const ptrdiff_t step = k.layout->window_bytes;
  for (int32_t first = 0; first < k.pixels; first += tile_rows) {
    const uint8_t* const* pixel = k.room.inputs + first;
    const int32_t count = smaller(k.pixels - first, tile_rows);
    Operand& operand = room.operands[first / tile_rows];
    if (k.layout->gathered) {
      operand = {pixel[0], step};
    } else if (k.runs.count == 1 && count == tile_rows && lie_evenly(pixel, count)) {
      operand = {pixel[0] + input_offset, pixel[1] - pixel[0]};
    } else {
      operand = {room.copied + first * step, step};
      for (int32_t i = 0; i < count; ++i)
        copy_runs(k, first + i, input_offset, room.copied + (first + i) * step);
    }
  }
}

// T tiles of pixels by V vectors of channels, over the whole depth.
template <int T, int V>
void multiply(const Operand* operands, const Tile& t, int32_t* sums) {
  unroll<T * V>([&](auto sum) __attribute__((always_inline)) {
    constexpr int i = decltype(sum)::value;
    load_tile<i>(t.bias + 16 * (i % V), 0);
  });
  const uint8_t* weights = t.weights;
  const Operand first = operands[0], second = operands[T - 1];
  for (ptrdiff_t at = 0; at < t.vector_bytes; at += tile_rows * tile_bytes) {
    const ptrdiff_t k = at / tile_rows;
    load_tile<4>(first.first + k, first.step);
    load_tile<6>(weights + at, tile_bytes);
    add_products<0, 4, 6>();
    if constexpr (V == 2) {
      load_tile<7>(weights + t.vector_bytes + at, tile_bytes);
      add_products<1, 4, 7>();
    }
    if constexpr (T == 2) {
      load_tile<5>(second.first + k, second.step);
      add_products<V, 5, 6>();
      if constexpr (V == 2) add_products<3, 5, 7>();
    }
  }
  unroll<T * V>([&](auto sum) __attribute__((always_inline)) {
    constexpr int i = decltype(sum)::value;
    store_tile<i>(sums + (i / V * tile_rows * V + i % V) * 16, V * tile_bytes);
  });
}

using Multiply = void (*)(const Operand*, const Tile&, int32_t*);
constexpr Multiply multiplies[most_tiles][most_vectors] = {{multiply<1, 1>, multiply<1, 2>},
                                                           {multiply<2, 1>, multiply<2, 2>}};

// Eight pixels at a time where saturation is all of the epilogue.
template <int V, bool Residual>
int32_t finish_saturated(Tile& t, const int32_t* sums, int32_t pixels) {
  constexpr int together = 8;
  int32_t done = 0;
  for (; done + together <= pixels; done += together, sums += together * V * 16) {
    __m512i sum[together][V];
    unroll<together * V>([&](auto at) __attribute__((always_inline)) {
      constexpr int i = decltype(at)::value;
      sum[i / V][i % V] = _mm512_load_si512(sums + i * 16);
    });
    avx512::dense::finish_saturated<V, together, Residual>(t, sum);
    t.output += together;
    if constexpr (Residual) t.residual += together;
  }
  return done;
}

template <int V>
void finish(Tile t, const int32_t* sums, int32_t pixels) {
  int32_t done = 0;
  if (t.proofs.saturates && t.epilogue->activation == Activation::none)
    done = t.residual == nullptr ? finish_saturated<V, false>(t, sums, pixels)
                                 : finish_saturated<V, true>(t, sums, pixels);
  if (done < pixels) finish_any<V>(t, sums + done * V * 16, pixels - done);
}

// Output channels [begin, end) of one group, counted from the group's first, of a chunk's pixels.
void run_group(const Chunk& k, const TileRoom& room, int32_t group, int32_t begin, int32_t end,
               Tile& t) {
  set_group(k, group, t);
  place_operands(k, room, t.input_offset);
  const int32_t tiles = divide_up(k.pixels, tile_rows);
  each_block(begin, end, most_vectors, false, [&](int32_t vector, int32_t vectors) {
    set_vectors(k, group, vector, vectors, end, t);
    for (int32_t tile = 0; tile < tiles; tile += most_tiles) {
      const int32_t count = smaller(tiles - tile, most_tiles), first = tile * tile_rows;
      set_pixels(k, first, t);
      multiplies[count - 1][vectors - 1](room.operands + tile, t, room.sums);
      const int32_t pixels = smaller(k.pixels - first, count * tile_rows);
      if (vectors == 1)
        finish<1>(t, room.sums, pixels);
      else
        finish<2>(t, room.sums, pixels);
    }
  });
}

bool accepts(const ConvolutionShape& s) {
  return s.groups == 1 && pays(s);
}
// With fewer channels a group, whole groups are one product of vectors: see avx512/grouped.cpp.
bool accepts_grouped(const ConvolutionShape& s) {
  return s.groups > 1 && s.input_channels / s.groups >= 32 && s.output_channels < common::unsplit &&
         pays(s);
}

size_t packed_bytes(const ConvolutionShape& s) {
  return bytes_of(layout_of(s));
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  pack_as(layout_of(s), s, weights, bias, packed);
}

size_t prepared_bytes(const ConvolutionShape& s) {
  return proofs_bytes(s.groups);
}

void prepare(const ConvolutionConstants& constants, std::byte* prepared) {
  prepare_proofs(constants, constants.shape.groups, prepared);
}

size_t scratch_bytes(const ConvolutionShape& s) {
  Scratch scratch;
  take_room(s, layout_of(s), scratch);
  return scratch.bytes();
}

void run(const ConvolutionArguments& a) {
  const ConvolutionShape& s = a.constants->shape;
  const Layout l = layout_of(s);
  Scratch scratch(a.scratch);
  const TileRoom room = take_room(s, l, scratch);
  Chunk k = chunk_of(a, l, room.chunk);
  Tile t = tile_of(k);
  take_tiles();
  for (next_chunk(k); k.pixels > 0; next_chunk(k)) {
    if (s.groups == 1) run_group(k, room, 0, a.channel_begin, a.channel_end, t);
    for (int32_t group = 0; s.groups > 1 && group < s.groups; ++group)
      run_group(k, room, group, 0, l.group_outputs, t);
  }
  give_tiles_back();
}

// As a product of activations asks for these, and what it packs.
struct Bytes {
  static constexpr bool wide = false;
  static int32_t padded_depth(const ConvolutionShape& s) {
    return static_cast<int32_t>(layout_of(s).padded_quads) * 4;
  }
  static std::byte* column(const ConvolutionShape& s, ptrdiff_t vector, std::byte* packed) {
    const Layout l = layout_of(s);
    return packed + l.bias_bytes + vector * l.vector_bytes;
  }
  static int32_t* bias(const ConvolutionShape&, ptrdiff_t vector, std::byte* packed) {
    return reinterpret_cast<int32_t*>(packed) + 16 * vector;
  }
  static bool accepts(const ConvolutionShape& s) { return amx::accepts(s); }
  static constexpr auto packed_bytes = amx::packed_bytes;
  static constexpr auto prepared_bytes = amx::prepared_bytes;
  static constexpr auto prepare = amx::prepare;
  static constexpr auto scratch_bytes = amx::scratch_bytes;
  static constexpr auto run = amx::run;
};

constexpr FeatureSet features = feature::avx512 | feature::avx512vnni | feature::amx_int8;

}  // namespace

constinit const ConvolutionKernel dense = {"amx_dense",   features, accepts,        32,
                                           packed_bytes,  pack,     prepared_bytes, prepare,
                                           scratch_bytes, run};
constinit const ConvolutionKernel grouped = {
    "amx_grouped", features,       accepts_grouped, common::unsplit, packed_bytes,
    pack,          prepared_bytes, prepare,         scratch_bytes,   run};
constinit const MatMulKernel matmul =
    common::MatMulLoops<Bytes, Right<Bytes>>::row("amx_matmul", features);

}  // namespace octavo::kernels::amx
