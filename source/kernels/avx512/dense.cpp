// Dense convolution by vpdpbusd: pointwise, k x k, the 3-channel stem, fully connected
// (one pixel), and groups of many channels, each a dense convolution of its own.
//
// A tile is P pixels by V vectors of 16 output channels; a dword of four input bytes is broadcast
// and meets a vector of 16 x 4 weights.
#include "kernels/avx512/dense.h"

#include "kernels/avx512/rows.h"

namespace octavo::kernels::avx512::dense {
namespace {

constexpr int32_t most_pixels = 8;
constexpr int32_t chunk_step = 24;  // a multiple of the tiles' widths
constexpr int32_t most_chunk = 192;

Layout layout_of(const ConvolutionShape& s) {
  return layout_of(s, 1);
}

template <int V, int P>
void compute(const Tile& t) {
  __m512i acc[P][V];
  unroll<V>([&](auto v) __attribute__((always_inline)) {
    constexpr int i = decltype(v)::value;
    const __m512i bias = _mm512_loadu_si512(t.bias + 16 * i);
    unroll<P>([&](auto p) __attribute__((always_inline)) { acc[decltype(p)::value][i] = bias; });
  });
  const uint8_t *weights = t.weights, *ahead = t.ahead;
  const ptrdiff_t step = t.vector_bytes;
  const uint8_t* const* inputs = t.inputs;
  for (int32_t run = 0; run < t.runs.count; ++run, inputs += t.run_step) {
    const uint8_t* x[P];
    unroll<P>([&](auto p) __attribute__((always_inline)) {
      x[decltype(p)::value] = inputs[decltype(p)::value] + t.input_offset;
    });
    const ptrdiff_t end = static_cast<ptrdiff_t>(t.runs.quads) * 4;
    for (ptrdiff_t k = 0; k < end; k += 4, weights += 64, ahead += 64) {
      prefetch_near(ahead);
      __m512i w[V];
      unroll<V>([&](auto v) __attribute__((always_inline)) {
        constexpr int i = decltype(v)::value;
        w[i] = _mm512_loadu_si512(weights + i * step);
        // One pixel waits for its weights alone, which come from far.
        if constexpr (P == 1) prefetch(weights + i * step + 2048);
      });
      unroll<P>([&](auto p) __attribute__((always_inline)) {
        constexpr int pixel = decltype(p)::value;
        const __m512i four = _mm512_set1_epi32(load_dword(x[pixel] + k));
        unroll<V>([&](auto v) __attribute__((always_inline)) {
          constexpr int i = decltype(v)::value;
          acc[pixel][i] = _mm512_dpbusd_epi32(acc[pixel][i], four, w[i]);
        });
      });
    }
  }
  finish_tile(t, acc);
}

using Compute = void (*)(const Tile&);

// 32 registers: V * P accumulators, V weights, the rest for broadcasts. [V - 1][P - 1]
constexpr int32_t pixels_at_most[4] = {8, 8, 8, 6};
constexpr Compute computes[4][most_pixels] = {
    {compute<1, 1>, compute<1, 2>, compute<1, 3>, compute<1, 4>, compute<1, 5>, compute<1, 6>,
     compute<1, 7>, compute<1, 8>},
    {compute<2, 1>, compute<2, 2>, compute<2, 3>, compute<2, 4>, compute<2, 5>, compute<2, 6>,
     compute<2, 7>, compute<2, 8>},
    {compute<3, 1>, compute<3, 2>, compute<3, 3>, compute<3, 4>, compute<3, 5>, compute<3, 6>,
     compute<3, 7>, compute<3, 8>},
    {compute<4, 1>, compute<4, 2>, compute<4, 3>, compute<4, 4>, compute<4, 5>, compute<4, 6>,
     nullptr, nullptr}};
// As many pixels as leave their inputs and outputs, beside the weights, in the level-1
// cache; or, where the weights alone do not fit, in part of the level-2 cache.
int32_t chunk_size(const ConvolutionShape& s, const Layout& l) {
  if (s.groups > 1) return l.taps <= 256 ? most_chunk : chunk_step;
  const ptrdiff_t weights = l.vectors * l.vector_bytes;
  const ptrdiff_t pixel = l.quads * 4 + s.output_channels * element_bytes(s.output);
  const ptrdiff_t cache = weights <= 16384 ? 16384 : 262144;
  const int32_t steps = static_cast<int32_t>(cache / (pixel * chunk_step));
  return chunk_step * smaller(larger(steps, 1), most_chunk / chunk_step);
}

Room take_room(const ConvolutionShape& s, const Layout& l, Scratch& scratch) {
  return take_room(l, no_more_than_all(s, chunk_size(s, l)), scratch);
}

Chunk first_chunk(const ConvolutionArguments& a, const Layout& l) {
  Scratch scratch(a.scratch);
  return chunk_of(a, l, take_room(a.constants->shape, l, scratch));
}

// At most 4 vectors of output channels, of all pixels of a chunk.
void run_vectors(const Chunk& k, int32_t vectors, Tile& t) {
  const int32_t tiles = divide_up(k.pixels, pixels_at_most[vectors - 1]);
  for (int32_t i = 0; i < tiles; ++i) {
    // Tiles of nearly equal size: 49 pixels are 4 x 6 + 5 x 5, not 8 x 6 + 1.
    const int32_t from = part_begin(i, k.pixels, tiles), to = part_begin(i + 1, k.pixels, tiles);
    set_pixels(k, from, t);
    t.ahead = t.weights + (i < vectors ? (vectors + i) * t.vector_bytes : 0);
    computes[vectors - 1][to - from - 1](t);
  }
}

// Output channels [begin, end) of one group, counted from the group's first.
void run_group(const Chunk& k, int32_t group, int32_t begin, int32_t end, Tile& t) {
  set_group(k, group, t);
  each_block(begin, end, 4, t.epilogue->activation != Activation::none,
             [&](int32_t vector, int32_t vectors) {
               set_vectors(k, group, vector, vectors, end, t);
               run_vectors(k, vectors, t);
             });
}

}  // namespace

bool accepts(const ConvolutionShape& s) {
  return s.input == ElementType::u8 && s.groups == 1;
}

bool accepts_pointwise(const ConvolutionShape& s) {
  return accepts(s) && s.kernel_h == 1 && s.kernel_w == 1;
}

bool accepts_grouped(const ConvolutionShape& s) {
  return s.input == ElementType::u8 && s.groups > 1 && s.output_channels < unsplit;
}

size_t packed_bytes(const ConvolutionShape& s) {
  return bytes_of(layout_of(s));
}

std::byte* packed_column(const ConvolutionShape& s, ptrdiff_t vector, std::byte* packed) {
  const Layout l = layout_of(s);
  return packed + l.bias_bytes + vector * l.vector_bytes;
}

int32_t* packed_bias(const ConvolutionShape&, ptrdiff_t vector, std::byte* packed) {
  return reinterpret_cast<int32_t*>(packed) + 16 * vector;
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
  const Layout l = layout_of(a.constants->shape);
  Chunk k = first_chunk(a, l);
  Tile t = tile_of(k);
  for (next_chunk(k); k.pixels > 0; next_chunk(k))
    run_group(k, 0, a.channel_begin, a.channel_end, t);
}

void run_grouped(const ConvolutionArguments& a) {
  const Layout l = layout_of(a.constants->shape);
  Chunk k = first_chunk(a, l);
  Tile t = tile_of(k);
  for (next_chunk(k); k.pixels > 0; next_chunk(k))
    for (int32_t group = 0; group < a.constants->shape.groups; ++group)
      run_group(k, group, 0, l.group_outputs, t);
}

}  // namespace octavo::kernels::avx512::dense
