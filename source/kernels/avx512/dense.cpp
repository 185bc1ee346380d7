// Dense convolution by vpdpbusd: pointwise, k x k, the 3-channel stem, fully connected
// (one pixel), and groups of many channels, each a dense convolution of its own.
//
// An output pixel is a product of runs: bytes that lie side by side in the input, so
// many for each tap or, where the taps of a kernel row follow each other in memory, for
// each kernel row. Runs are padded to whole dwords: the bytes read beyond a run meet
// zero weights. A tile is P pixels by V vectors of 16 output channels; a dword of four
// input bytes is broadcast and meets a vector of 16 x 4 weights.
//
// Packed: the bias, int32, of whole vectors; then for each vector of output channels
// all dwords of all runs, [vector][run][dword][16][4]. Vectors never cross a group.
#include "kernels/avx512/epilogue.h"
#include "kernels/avx512/rows.h"

namespace octavo::kernels::avx512::dense {
namespace {

constexpr int32_t most_pixels = 8;

struct Layout {
  int32_t group_inputs, group_outputs;
  bool merged;                     // a run is a kernel row; else a tap
  int32_t runs, run_bytes, quads;  // quads: dwords a run
  int32_t group_vectors, vectors;
  ptrdiff_t vector_bytes;  // of packed weights
  ptrdiff_t bias_bytes;
};

Layout layout_of(const ConvolutionShape& s) {
  Layout l;
  l.group_inputs = s.input_channels / s.groups;
  l.group_outputs = s.output_channels / s.groups;
  l.merged = s.groups == 1 && s.kernel_w > 1 && s.dilation_w == 1;
  l.runs = l.merged ? s.kernel_h : s.kernel_h * s.kernel_w;
  l.run_bytes = l.merged ? s.kernel_w * l.group_inputs : l.group_inputs;
  l.quads = divide_up(l.run_bytes, 4);
  l.group_vectors = divide_up(l.group_outputs, 16);
  l.vectors = l.group_vectors * s.groups;
  l.vector_bytes = static_cast<ptrdiff_t>(l.runs) * l.quads * 64;
  l.bias_bytes = static_cast<ptrdiff_t>(l.vectors) * 64;
  return l;
}

// What a tile reads and writes.
struct Tile {
  const uint8_t* const* inputs;  // [run][P]
  int32_t runs, quads;
  const uint8_t* weights;  // of the first vector
  ptrdiff_t vector_bytes;
  const int32_t* bias;
  const EpilogueArrays* epilogue;
  bool saturates;                            // see saturation_clamps
  int32_t channel, channels;                 // the group's first, and how many (of V * 16) exist
  ptrdiff_t output_offset, residual_offset;  // of the group's first channel in a pixel
  std::byte* output[most_pixels];
  const std::byte* residual[most_pixels];  // null without
};

// Stores the channels of one pixel, saturated to u8.
template <int V>
OCTAVO_INLINE void store_saturated(const Tile& t, const __m512i (&q)[4], __m512i zero01,
                                   __m512i zero23, std::byte* output) {
  // Packing works in 128-bit lanes: a dword of each vector comes to lie side by side.
  const __m512i in_order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i words01 = _mm512_adds_epi16(_mm512_packs_epi32(q[0], q[1]), zero01);
  __m512i words23 = words01;
  if constexpr (V > 2) words23 = _mm512_adds_epi16(_mm512_packs_epi32(q[2], q[3]), zero23);
  const __m512i packed = _mm512_permutexvar_epi32(in_order, _mm512_packus_epi16(words01, words23));
  if (t.channels == V * 16) {
    if constexpr (V == 1) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(output), _mm512_castsi512_si128(packed));
      return;
    } else if constexpr (V == 2) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(output), _mm512_castsi512_si256(packed));
      return;
    } else if constexpr (V == 4) {
      _mm512_storeu_si512(output, packed);
      return;
    }
  }
  _mm512_mask_storeu_epi8(output, lanes64(t.channels), packed);
}

template <int V, int P, bool Residual>
OCTAVO_INLINE void finish_saturated(const Tile& t, const __m512i (&acc)[P][V]) {
  const EpilogueArrays& e = *t.epilogue;
  const int32_t c = t.channel;
  __m512 multiplier[V];
  __m512i zero[4];
  unroll<V>([&](auto v) __attribute__((always_inline)) {
    constexpr int i = decltype(v)::value;
    multiplier[i] = _mm512_loadu_ps(e.multiplier + c + 16 * i);
    zero[i] = _mm512_loadu_si512(e.zero + c + 16 * i);
  });
  const __m512i zero01 = _mm512_packs_epi32(zero[0], V > 1 ? zero[1 % V] : zero[0]);
  const __m512i zero23 = V > 2 ? _mm512_packs_epi32(zero[2 % V], zero[V - 1]) : zero01;
  unroll<P>([&](auto p) __attribute__((always_inline)) {
    constexpr int pixel = decltype(p)::value;
    __m512i q[4];
    unroll<V>([&](auto v) __attribute__((always_inline)) {
      constexpr int i = decltype(v)::value;
      __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(acc[pixel][i]), multiplier[i]);
      if constexpr (Residual)
        value = add_residual(e, value, load_stored(t.residual[pixel], ElementType::u8, c + 16 * i),
                             c + 16 * i);
      q[i] = _mm512_cvtps_epi32(value);
    });
    if constexpr (V < 4) q[3] = q[V - 1];
    if constexpr (V < 2) q[1] = q[0];
    if constexpr (V < 3) q[2] = q[0];
    store_saturated<V>(t, q, zero01, zero23, t.output[pixel] + c);
  });
}

// Any epilogue: by way of memory, so that its code exists once and not V * P times.
template <int V, int P>
void finish_any(const Tile& t, const int32_t* acc) {
  for (int p = 0; p < P; ++p)
    for (int v = 0; v < V; ++v)
      finish(*t.epilogue, _mm512_load_si512(acc + (p * V + v) * 16), t.residual[p], t.output[p],
             t.channel + 16 * v, lanes16(t.channels - 16 * v));
}

template <int V, int P>
void compute(const Tile& t) {
  __m512i acc[P][V];
  unroll<V>([&](auto v) __attribute__((always_inline)) {
    constexpr int i = decltype(v)::value;
    const __m512i bias = _mm512_loadu_si512(t.bias + 16 * i);
    unroll<P>([&](auto p) __attribute__((always_inline)) { acc[decltype(p)::value][i] = bias; });
  });
  const uint8_t* weights = t.weights;
  const ptrdiff_t step = t.vector_bytes;
  const uint8_t* const* inputs = t.inputs;
  for (int32_t run = 0; run < t.runs; ++run, inputs += P) {
    const uint8_t* x[P];
    unroll<P>([&](auto p) __attribute__((always_inline)) {
      x[decltype(p)::value] = inputs[decltype(p)::value];
    });
    const ptrdiff_t end = static_cast<ptrdiff_t>(t.quads) * 4;
    for (ptrdiff_t k = 0; k < end; k += 4, weights += 64) {
      __m512i w[V];
      unroll<V>([&](auto v) __attribute__((always_inline)) {
        constexpr int i = decltype(v)::value;
        w[i] = _mm512_loadu_si512(weights + i * step);
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
  if (t.saturates) {
    if (t.residual[0] == nullptr) return finish_saturated<V, P, false>(t, acc);
    return finish_saturated<V, P, true>(t, acc);
  }
  alignas(64) int32_t spilled[P * V * 16];
  unroll<P>([&](auto p) __attribute__((always_inline)) {
    unroll<V>([&](auto v) __attribute__((always_inline)) {
      constexpr int pixel = decltype(p)::value, i = decltype(v)::value;
      _mm512_store_si512(spilled + (pixel * V + i) * 16, acc[pixel][i]);
    });
  });
  finish_any<V, P>(t, spilled);
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

// Where the runs of output pixel (r, x) begin, for channels from `first` on; written
// P apart.
void place_runs(const ConvolutionArguments& a, const Layout& l, int32_t first, int32_t r, int32_t x,
                const uint8_t** inputs, int32_t pixels) {
  const ConvolutionShape& s = *a.shape;
  const ptrdiff_t pixel_bytes = a.input.pixel_bytes;
  const ptrdiff_t column = static_cast<ptrdiff_t>(x) * s.stride_w * pixel_bytes + first;
  for (int32_t ky = 0; ky < s.kernel_h; ++ky) {
    const uint8_t* run = bytes(a.input.row[r * s.stride_h + ky * s.dilation_h]) + column;
    const int32_t taps = l.merged ? 1 : s.kernel_w;
    for (int32_t kx = 0; kx < taps; ++kx, run += s.dilation_w * pixel_bytes, inputs += pixels)
      *inputs = run;
  }
}

// A merged run of a pixel wider than its channels (a slice of a tensor), made contiguous.
void gather_run(const uint8_t* from, ptrdiff_t pixel_bytes, int32_t channels, int32_t taps,
                uint8_t* to) {
  for (int32_t kx = 0; kx < taps; ++kx, from += pixel_bytes, to += channels)
    __builtin_memcpy(to, from, static_cast<size_t>(channels));
}

ptrdiff_t gathered_run_bytes(const Layout& l) {
  return static_cast<ptrdiff_t>(l.quads) * 4;
}

// The parts of the scratch: pointers to runs, gathered runs, arrays of one group.
ptrdiff_t pointer_bytes(const Layout& l) {
  return static_cast<ptrdiff_t>(l.runs) * most_pixels * static_cast<ptrdiff_t>(sizeof(uint8_t*));
}
ptrdiff_t gathered_bytes(const Layout& l) {
  return l.merged ? l.runs * most_pixels * gathered_run_bytes(l) : 0;
}

// Output channels [begin, end), at most 4 vectors of one group, of all pixels.
void run_block(const ConvolutionArguments& a, const Layout& l, int32_t group, int32_t vector,
               int32_t vectors, Tile& t) {
  const int32_t first_input = group * l.group_inputs;
  const int32_t all = a.output_rows * a.output_width;
  const int32_t tiles = divide_up(all, pixels_at_most[vectors - 1]);
  const bool gather = l.merged && a.input.pixel_bytes != l.group_inputs;
  const uint8_t** inputs = reinterpret_cast<const uint8_t**>(a.scratch);
  uint8_t* gathered = reinterpret_cast<uint8_t*>(a.scratch + pointer_bytes(l));
  const int32_t index = group * l.group_vectors + vector;
  t.weights = bytes(a.packed) + l.bias_bytes + index * l.vector_bytes;
  t.bias = reinterpret_cast<const int32_t*>(a.packed) + 16 * index;
  t.inputs = inputs;
  int32_t r = 0, x = 0;
  for (int32_t i = 0; i < tiles; ++i) {
    // Tiles of nearly equal size: 49 pixels are 4 x 6 + 5 x 5, not 8 x 6 + 1.
    const int32_t pixels = (i + 1) * all / tiles - i * all / tiles;
    for (int32_t p = 0; p < pixels; ++p) {
      place_runs(a, l, first_input, r, x, inputs + p, pixels);
      for (int32_t k = 0; gather && k < l.runs; ++k) {
        const uint8_t*& run = inputs[k * pixels + p];
        uint8_t* to = gathered + (k * most_pixels + p) * gathered_run_bytes(l);
        gather_run(run, a.input.pixel_bytes, l.group_inputs, a.shape->kernel_w, to);
        run = to;
      }
      t.output[p] = a.output.row[r] + x * a.output.pixel_bytes + t.output_offset;
      t.residual[p] = a.shape->has_residual
                          ? a.residual.row[r] + x * a.residual.pixel_bytes + t.residual_offset
                          : nullptr;
      if (++x == a.output_width) x = 0, ++r;
    }
    computes[vectors - 1][pixels - 1](t);
  }
}

// Output channels [begin, end) of one group, counted from the group's first.
void run_group(const ConvolutionArguments& a, const Layout& l, int32_t group, int32_t begin,
               int32_t end, Tile& t) {
  int32_t vector = begin / 16;
  const int32_t last = divide_up(end, 16);
  while (vector < last) {
    const int32_t blocks = divide_up(last - vector, 4);  // of nearly equal width
    const int32_t vectors = divide_up(last - vector, blocks);
    t.channel = vector * 16;
    t.channels = smaller(end - vector * 16, vectors * 16);
    run_block(a, l, group, vector, vectors, t);
    vector += vectors;
  }
}

Tile tile_of(const ConvolutionArguments& a, const Layout& l) {
  Tile t{};
  t.inputs = reinterpret_cast<const uint8_t**>(a.scratch);
  t.runs = l.runs;
  t.quads = l.quads;
  t.vector_bytes = l.vector_bytes;
  return t;
}

ptrdiff_t element_bytes(ElementType type) {
  return type == ElementType::f32 ? 4 : type == ElementType::i16 ? 2 : 1;
}

// The epilogue of one group, copied to where whole vectors may be read.
EpilogueArrays group_epilogue(const ConvolutionArguments& a, const Layout& l, int32_t first,
                              float* arrays) {
  const size_t room = static_cast<size_t>(l.group_vectors) * 16;
  const size_t used = static_cast<size_t>(l.group_outputs) * sizeof(float);
  const auto copy = [&](const auto*& array) {
    float* to = arrays;
    arrays += room;
    if (array == nullptr) return;
    __builtin_memset(to, 0, room * sizeof(float));
    __builtin_memcpy(to, array + first, used);
    array = reinterpret_cast<std::remove_reference_t<decltype(array)>>(to);
  };
  EpilogueArrays e = a.epilogue;
  copy(e.multiplier);
  copy(e.lo);
  copy(e.hi);
  copy(e.zero);
  if (e.activation != Activation::none) copy(e.output_multiplier);
  if (a.shape->has_residual) copy(e.residual_multiplier);
  if (a.shape->has_residual) copy(e.residual_zero);
  return e;
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
  const Layout l = layout_of(s);
  return static_cast<size_t>(l.bias_bytes + l.vectors * l.vector_bytes);
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  const Layout l = layout_of(s);
  __builtin_memset(packed, 0, packed_bytes(s));
  int32_t* packed_bias = reinterpret_cast<int32_t*>(packed);
  int8_t* packed_weights = reinterpret_cast<int8_t*>(packed + l.bias_bytes);
  for (int32_t o = 0; o < s.output_channels; ++o) {
    const int32_t group = o / l.group_outputs, in_group = o % l.group_outputs;
    const int32_t vector = group * l.group_vectors + in_group / 16, lane = in_group % 16;
    packed_bias[vector * 16 + lane] = bias[o];
    for (int32_t run = 0; run < l.runs; ++run)
      for (int32_t k = 0; k < l.run_bytes; ++k) {
        const ptrdiff_t quad = static_cast<ptrdiff_t>(run) * l.quads + k / 4;
        packed_weights[vector * l.vector_bytes + quad * 64 + lane * 4 + k % 4] = *weights++;
      }
  }
}

size_t scratch_bytes(const ConvolutionShape& s, int32_t) {
  const Layout l = layout_of(s);
  return static_cast<size_t>(pointer_bytes(l) + gathered_bytes(l)) +
         (s.groups > 1 ? sizeof(float) * 7 * static_cast<size_t>(l.group_vectors) * 16 : 0);
}

void run(const ConvolutionArguments& a) {
  const Layout l = layout_of(*a.shape);
  Tile t = tile_of(a, l);
  t.epilogue = &a.epilogue;
  t.saturates =
      saturation_clamps(a.epilogue, a.shape->has_residual, a.channel_begin, a.channel_end);
  run_group(a, l, 0, a.channel_begin, a.channel_end, t);
}

void run_grouped(const ConvolutionArguments& a) {
  const ConvolutionShape& s = *a.shape;
  const Layout l = layout_of(s);
  Tile t = tile_of(a, l);
  float* arrays = reinterpret_cast<float*>(a.scratch + pointer_bytes(l) + gathered_bytes(l));
  for (int32_t group = 0; group < s.groups; ++group) {
    const int32_t first = group * l.group_outputs;
    const EpilogueArrays epilogue = group_epilogue(a, l, first, arrays);
    t.epilogue = &epilogue;
    t.saturates = saturation_clamps(epilogue, s.has_residual, 0, l.group_outputs);
    t.output_offset = first * element_bytes(epilogue.output);
    t.residual_offset = first * element_bytes(epilogue.residual);
    run_group(a, l, group, 0, l.group_outputs, t);
  }
}

}  // namespace octavo::kernels::avx512::dense
