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
  int32_t channel, channels;  // the first, and how many (of V * 16) exist
  std::byte* output;          // the first pixel
  const std::byte* residual;  // null without
  ptrdiff_t output_bytes, residual_bytes;
  Proofs proofs;
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
  std::byte* output[P];
  for (int p = 0; p < P; ++p) output[p] = t.output + p * t.output_bytes;
  if (ends_in_words(*t.epilogue, t.proofs, t.residual != nullptr))
    return finish_words<V, P>(*t.epilogue, acc, output, t.channel, t.channels);
  alignas(64) int32_t sums[P * V * 16];
  unroll<P * V>([&](auto i) __attribute__((always_inline)) {
    constexpr int pixel = decltype(i)::value / V, vector = decltype(i)::value % V;
    _mm512_store_si512(sums + decltype(i)::value * 16, acc[pixel][vector]);
  });
  const std::byte* residual[P];
  for (int p = 0; p < P; ++p)
    if (t.residual != nullptr) residual[p] = t.residual + p * t.residual_bytes;
  finish_pixels(*t.epilogue, {sums, P, V, t.residual == nullptr ? nullptr : residual, output,
                              t.channel, t.channels, t.proofs});
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
  const ConvolutionShape& s = a.constants->shape;
  const ptrdiff_t first_input = ptrdiff_t{2} * group * l.group_inputs;
  t.rows = a.input.row + r * s.stride_h;
  const int32_t last = divide_up(end, 16);
  for (int32_t vector = begin / 16; vector < last;) {
    const int32_t blocks = divide_up(last - vector, 4);  // of nearly equal width
    const int32_t vectors = divide_up(last - vector, blocks);
    const ptrdiff_t index = static_cast<ptrdiff_t>(group) * l.group_vectors + vector;
    t.packed = a.constants->packed + index * l.vector_bytes;
    t.channel = group * l.group_outputs + vector * 16;
    t.channels = smaller(end - vector * 16, vectors * 16);
    const int32_t tiles = divide_up(a.output_width, most_pixels);
    for (int32_t i = 0; i < tiles; ++i) {
      const int32_t from = part_begin(i, a.output_width, tiles),
                    to = part_begin(i + 1, a.output_width, tiles);
      t.column = static_cast<ptrdiff_t>(from) * s.stride_w * t.pixel_bytes + first_input;
      t.output = a.output.row[r] + from * t.output_bytes;
      if (s.has_residual) t.residual = a.residual.row[r] + from * t.residual_bytes;
      computes[vectors - 1][to - from - 1](t);
    }
    vector += vectors;
  }
}

Tile tile_of(const ConvolutionArguments& a, const Layout& l) {
  Tile t{};
  t.shape = &a.constants->shape;
  t.pixel_bytes = a.input.pixel_bytes;
  t.pairs = l.pairs;
  t.vector_bytes = l.vector_bytes;
  t.epilogue = &a.constants->epilogue;
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

size_t prepared_bytes(const ConvolutionShape& s) {
  return proofs_bytes(s.groups);
}

void prepare(const ConvolutionConstants& constants, std::byte* prepared) {
  prepare_proofs(constants, constants.shape.groups, prepared);
}

size_t scratch_bytes(const ConvolutionShape&) {
  return 0;
}

void run(const ConvolutionArguments& a) {
  const Layout l = layout_of(a.constants->shape);
  Tile t = tile_of(a, l);
  t.proofs = proofs_of(a.constants->prepared, 0);
  for (int32_t r = 0; r < a.output_rows; ++r)
    run_group(a, l, r, 0, a.channel_begin, a.channel_end, t);
}

void run_grouped(const ConvolutionArguments& a) {
  const ConvolutionShape& s = a.constants->shape;
  const Layout l = layout_of(s);
  Tile t = tile_of(a, l);
  for (int32_t group = 0; group < s.groups; ++group) {
    t.proofs = proofs_of(a.constants->prepared, group);
    for (int32_t r = 0; r < a.output_rows; ++r) run_group(a, l, r, group, 0, l.group_outputs, t);
  }
}

}  // namespace octavo::kernels::avx512::wide
