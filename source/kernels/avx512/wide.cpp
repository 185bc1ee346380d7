// Dense convolution of 16-bit activations by vpdpwssd: pointwise, k x k, fully connected
// and in groups. Sums are exact: no pair of products is saturated.
//
// A tile is P pixels of a row by V vectors of 16 output channels; a pair of inputs is
// broadcast and meets a vector of 16 x 2 weights, 8-bit in memory and widened on the way.
//
// Packed, for each vector of output channels (these never cross a group): the bias, then
// [tap][pair of inputs][channel][2 inputs] as int8, zero behind a tap's last input.
#include "kernels/avx512/rows.h"
#include "kernels/avx512/words.h"
#include "kernels/scratch.h"

namespace octavo::kernels::avx512::wide {
namespace {

constexpr int32_t most_pixels = 6;

struct Layout {
  int32_t group_inputs, group_outputs, group_vectors, pairs;
  ptrdiff_t vectors;
  ptrdiff_t vector_bytes;
};

Layout layout_of(const ConvolutionShape& s) {
  Layout l;
  l.group_inputs = s.input_channels / s.groups;
  l.group_outputs = s.output_channels / s.groups;
  l.group_vectors = divide_up(l.group_outputs, 16);
  l.vectors = static_cast<ptrdiff_t>(l.group_vectors) * s.groups;
  l.pairs = divide_up(l.group_inputs, 2);
  l.vector_bytes = 64 + static_cast<ptrdiff_t>(s.kernel_h) * s.kernel_w * l.pairs * 32;
  return l;
}

// What a tile reads and writes.
struct Tile {
  const ConvolutionShape* shape;
  const std::byte* const* rows;  // of the input, of the windows' first row
  ptrdiff_t column;              // bytes from a row's start to the first window and channel
  ptrdiff_t pixel_bytes;
  int32_t pairs;
  const std::byte* packed;  // of the first vector
  ptrdiff_t vector_bytes;
  const EpilogueArrays* epilogue;
  int32_t channel, channels;  // the first of the epilogue's, and how many (of V * 16) exist
  std::byte* output;          // the first pixel, the group's first channel
  const std::byte* residual;  // null without
  ptrdiff_t output_bytes, residual_bytes;
  bool fits, arguments_fit;  // see epilogue.h
};

template <int V, int P>
void compute(const Tile& t) {
  const ConvolutionShape& s = *t.shape;
  const ptrdiff_t vector_bytes = t.vector_bytes, pairs = t.pairs;
  const ptrdiff_t step = s.stride_w * t.pixel_bytes;
  __m512i acc[P][V];
  unroll<V>([&](auto v) __attribute__((always_inline)) {
    constexpr int i = decltype(v)::value;
    const __m512i bias = _mm512_loadu_si512(t.packed + i * vector_bytes);
    unroll<P>([&](auto p) __attribute__((always_inline)) { acc[decltype(p)::value][i] = bias; });
  });
  const std::byte* weights = t.packed + 64;
  for (int32_t ky = 0; ky < s.kernel_h; ++ky) {
    const uint8_t* from = bytes(t.rows[ky * s.dilation_h]) + t.column;
    for (int32_t kx = 0; kx < s.kernel_w; ++kx, from += s.dilation_w * t.pixel_bytes) {
      const uint8_t* x[P];
      unroll<P>([&](auto p) __attribute__((always_inline)) {
        x[decltype(p)::value] = from + decltype(p)::value * step;
      });
      for (ptrdiff_t k = 0; k < pairs; ++k, weights += 32) {
        __m512i w[V];
        unroll<V>([&](auto v) __attribute__((always_inline)) {
          constexpr int i = decltype(v)::value;
          w[i] = _mm512_cvtepi8_epi16(
              _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + i * vector_bytes)));
        });
        unroll<P>([&](auto p) __attribute__((always_inline)) {
          constexpr int pixel = decltype(p)::value;
          const __m512i pair = _mm512_set1_epi32(load_dword(x[pixel] + 4 * k));
          unroll<V>([&](auto v) __attribute__((always_inline)) {
            constexpr int i = decltype(v)::value;
            acc[pixel][i] = _mm512_dpwssd_epi32(acc[pixel][i], pair, w[i]);
          });
        });
      }
    }
  }
  alignas(64) int32_t sums[P * V * 16];
  unroll<P * V>([&](auto i) __attribute__((always_inline)) {
    constexpr int pixel = decltype(i)::value / V, vector = decltype(i)::value % V;
    _mm512_store_si512(sums + decltype(i)::value * 16, acc[pixel][vector]);
  });
  std::byte* output[P];
  const std::byte* residual[P];
  for (int p = 0; p < P; ++p) {
    output[p] = t.output + p * t.output_bytes;
    if (t.residual != nullptr) residual[p] = t.residual + p * t.residual_bytes;
  }
  finish_pixels(*t.epilogue, {sums, P, V, t.residual == nullptr ? nullptr : residual, 0, output, 0,
                              t.channel, t.channels, t.fits, t.arguments_fit});
}

using Compute = void (*)(const Tile&);

constexpr Compute computes[4][most_pixels] = {
    {compute<1, 1>, compute<1, 2>, compute<1, 3>, compute<1, 4>, compute<1, 5>, compute<1, 6>},
    {compute<2, 1>, compute<2, 2>, compute<2, 3>, compute<2, 4>, compute<2, 5>, compute<2, 6>},
    {compute<3, 1>, compute<3, 2>, compute<3, 3>, compute<3, 4>, compute<3, 5>, compute<3, 6>},
    {compute<4, 1>, compute<4, 2>, compute<4, 3>, compute<4, 4>, compute<4, 5>, compute<4, 6>}};

// Output channels [begin, end) of one group, counted from the group's first, of row r.
void run_group(const ConvolutionArguments& a, const Layout& l, int32_t r, int32_t group,
               int32_t begin, int32_t end, Tile& t) {
  const ConvolutionShape& s = *a.shape;
  const ptrdiff_t first_input = ptrdiff_t{2} * group * l.group_inputs;
  const ptrdiff_t first_output =
      static_cast<ptrdiff_t>(group) * l.group_outputs * element_bytes(a.epilogue.output);
  const ptrdiff_t first_residual =
      static_cast<ptrdiff_t>(group) * l.group_outputs * element_bytes(a.epilogue.residual);
  t.rows = a.input.row + r * s.stride_h;
  const int32_t last = divide_up(end, 16);
  for (int32_t vector = begin / 16; vector < last;) {
    const int32_t blocks = divide_up(last - vector, 4);  // of nearly equal width
    const int32_t vectors = divide_up(last - vector, blocks);
    const ptrdiff_t index = static_cast<ptrdiff_t>(group) * l.group_vectors + vector;
    t.packed = a.packed + index * l.vector_bytes;
    t.channel = vector * 16;
    t.channels = smaller(end - vector * 16, vectors * 16);
    const int32_t tiles = divide_up(a.output_width, most_pixels);
    for (int32_t i = 0; i < tiles; ++i) {
      const int32_t from = part_begin(i, a.output_width, tiles),
                    to = part_begin(i + 1, a.output_width, tiles);
      t.column = static_cast<ptrdiff_t>(from) * s.stride_w * t.pixel_bytes + first_input;
      t.output = a.output.row[r] + from * t.output_bytes + first_output;
      if (s.has_residual) t.residual = a.residual.row[r] + from * t.residual_bytes + first_residual;
      computes[vectors - 1][to - from - 1](t);
    }
    vector += vectors;
  }
}

// The scratch: the epilogue's arrays of one group.
float* take_arrays(const ConvolutionShape& s, const Layout& l, Scratch& scratch) {
  if (s.groups == 1) return nullptr;
  return reinterpret_cast<float*>(
      scratch.take<std::byte>(static_cast<int64_t>(group_arrays_bytes(l.group_outputs))));
}

Tile tile_of(const ConvolutionArguments& a, const Layout& l) {
  Tile t{};
  t.shape = a.shape;
  t.pixel_bytes = a.input.pixel_bytes;
  t.pairs = l.pairs;
  t.vector_bytes = l.vector_bytes;
  t.epilogue = &a.epilogue;
  t.output_bytes = a.output.pixel_bytes;
  t.residual_bytes = a.residual.pixel_bytes;
  return t;
}

}  // namespace

bool accepts(const ConvolutionShape& s) {
  return s.input == ElementType::i16 && s.groups == 1;
}

bool accepts_grouped(const ConvolutionShape& s) {
  return s.input == ElementType::i16 && s.groups > 1 && s.output_channels < dense::unsplit;
}

size_t packed_bytes(const ConvolutionShape& s) {
  const Layout l = layout_of(s);
  return static_cast<size_t>(l.vectors * l.vector_bytes);
}

std::byte* packed_column(const ConvolutionShape& s, ptrdiff_t vector, std::byte* packed) {
  return packed + vector * layout_of(s).vector_bytes + 64;
}

int32_t* packed_bias(const ConvolutionShape& s, ptrdiff_t vector, std::byte* packed) {
  return reinterpret_cast<int32_t*>(packed + vector * layout_of(s).vector_bytes);
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  const Layout l = layout_of(s);
  __builtin_memset(packed, 0, packed_bytes(s));
  for (int32_t o = 0; o < s.output_channels; ++o) {
    const int32_t in_group = o % l.group_outputs, lane = in_group % 16;
    const ptrdiff_t vector =
        static_cast<ptrdiff_t>(o / l.group_outputs) * l.group_vectors + in_group / 16;
    packed_bias(s, vector, packed)[lane] = bias[o];
    std::byte* to = packed_column(s, vector, packed) + 2 * lane;
    for (int32_t tap = 0; tap < s.kernel_h * s.kernel_w; ++tap, to += l.pairs * 32) {
      int32_t k = 0;
      for (; k + 2 <= l.group_inputs; k += 2, weights += 2)
        __builtin_memcpy(to + k * 16, weights, 2);
      if (k < l.group_inputs) to[k * 16] = static_cast<std::byte>(*weights++);
    }
  }
}

size_t scratch_bytes(const ConvolutionShape& s, int32_t) {
  Scratch scratch;
  take_arrays(s, layout_of(s), scratch);
  return scratch.bytes();
}

void run(const ConvolutionArguments& a) {
  const Layout l = layout_of(*a.shape);
  Tile t = tile_of(a, l);
  t.fits = conversion_fits(a.epilogue, a.shape->has_residual, a.channel_begin, a.channel_end);
  t.arguments_fit = arguments_fit(a.epilogue, a.channel_begin, a.channel_end);
  for (int32_t r = 0; r < a.output_rows; ++r)
    run_group(a, l, r, 0, a.channel_begin, a.channel_end, t);
}

void run_grouped(const ConvolutionArguments& a) {
  const ConvolutionShape& s = *a.shape;
  const Layout l = layout_of(s);
  Tile t = tile_of(a, l);
  Scratch scratch(a.scratch);
  float* arrays = take_arrays(s, l, scratch);
  for (int32_t group = 0; group < s.groups; ++group) {
    const EpilogueArrays epilogue = group_epilogue(
        a.epilogue, s.has_residual, group * l.group_outputs, l.group_outputs, arrays);
    t.epilogue = &epilogue;
    t.fits = conversion_fits(epilogue, s.has_residual, 0, l.group_outputs);
    t.arguments_fit = arguments_fit(epilogue, 0, l.group_outputs);
    for (int32_t r = 0; r < a.output_rows; ++r) run_group(a, l, r, group, 0, l.group_outputs, t);
  }
}

}  // namespace octavo::kernels::avx512::wide
