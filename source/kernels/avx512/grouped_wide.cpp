// Convolution of 16-bit activations in groups of 4, 8 or 16 channels, as many out as in, by
// vpdpwssd. A lane of 8 input words holds the whole group of the sums that are formed in it
// (word_blocks.h), or of 16 channels a half, whose other half is in the lane beside: so the
// operand of a vector is a dword of each lane spread over that lane, one vpshufd, and every
// product is a useful one.
//
// Packed, for each block of 32 channels (16 at a tensor's end): the bias in the order of the sums,
// then [tap][dword, those of the lane itself first][vector that reads it][channel][2 inputs] as
// int16.
#include "kernels/avx512/rows.h"
#include "kernels/avx512/word_blocks.h"

namespace octavo::kernels::avx512::grouped_wide {
namespace {

constexpr int32_t block = WideWords::channels;
constexpr int32_t most_pixels = 7;  // maps of classifiers are 7, 14, 28 and 56 wide

int32_t taps_of(const ConvolutionShape& s) {
  return s.kernel_h * s.kernel_w;
}

int32_t group_dwords(const ConvolutionShape& s) {
  return s.output_channels / s.groups / 2;
}

bool is_half(const ConvolutionShape& s, int32_t channel) {
  return s.output_channels - channel <= HalfWords::channels;
}

template <class Vec>
ptrdiff_t block_bytes(const ConvolutionShape& s) {
  return Vec::channels * 4 * (1 + static_cast<ptrdiff_t>(taps_of(s)) * group_dwords(s));
}

// Pixels of an output row, all channels of one block.
struct Tile {
  const ConvolutionShape* shape;
  const std::byte* const* rows;  // of the input, of the windows' first row
  ptrdiff_t column;              // bytes from a row's start to the first window and channel
  ptrdiff_t pixel_bytes;
  const std::byte* packed;
  WordOutputs outputs;
};

// The dwords of each lane times the weights of one or of both vectors, which are passed over.
template <class Vec, int V, int P>
OCTAVO_INLINE void multiply(const typename Vec::Int (&pixel)[P], const std::byte*& weights,
                            typename Vec::Int (&low)[P], typename Vec::Int (&high)[P]) {
  using Int = typename Vec::Int;
  constexpr int vb = Vec::vector_bytes;
  unroll<4>([&](auto d4) __attribute__((always_inline)) {
    constexpr int dword = decltype(d4)::value;
    Int first = Vec::load(weights + dword * V * vb), second = first;
    keep_in_register(first);
    if constexpr (V == 2) {
      second = Vec::load(weights + (dword * V + 1) * vb);
      keep_in_register(second);
    }
    unroll<P>([&](auto p) __attribute__((always_inline)) {
      constexpr int i = decltype(p)::value;
      const Int data = Vec::template spread_dword<dword>(pixel[i]);
      if constexpr (V == 2 || dword < 2) low[i] = Vec::dot(low[i], data, first);
      if constexpr (V == 2 || dword >= 2) high[i] = Vec::dot(high[i], data, second);
    });
  });
  weights += 4 * V * vb;
}

// D dwords a group: 2, 4 or 8.
template <class Vec, int D, int P>
void compute(const Tile& t) {
  using Int = typename Vec::Int;
  constexpr int vectors = D == 2 ? 1 : 2;
  const ConvolutionShape& s = *t.shape;
  const ptrdiff_t step = s.stride_w * t.pixel_bytes;
  Int low[P], high[P];
  unroll<P>([&](auto p) __attribute__((always_inline)) {
    low[decltype(p)::value] = Vec::load(t.packed);
    high[decltype(p)::value] = Vec::load(t.packed + Vec::vector_bytes);
  });
  const std::byte* weights = t.packed + 2 * Vec::vector_bytes;
  for (int32_t ky = 0; ky < s.kernel_h; ++ky) {
    const std::byte* from = t.rows[ky * s.dilation_h] + t.column;
    for (int32_t kx = 0; kx < s.kernel_w; ++kx, from += s.dilation_w * t.pixel_bytes) {
      Int pixel[P];
      unroll<P>([&](auto p) __attribute__((always_inline)) {
        constexpr int i = decltype(p)::value;
        pixel[i] = Vec::load(from + i * step);
        keep_in_register(pixel[i]);
      });
      multiply<Vec, vectors, P>(pixel, weights, low, high);
      if constexpr (D == 8) {
        unroll<P>([&](auto p) __attribute__((always_inline)) {
          pixel[decltype(p)::value] = Vec::swap_lanes(pixel[decltype(p)::value]);
        });
        multiply<Vec, vectors, P>(pixel, weights, low, high);
      }
    }
  }
  finish_word_block<Vec, P>(t.outputs, low, high);
}

using Compute = void (*)(const Tile&);

template <class Vec, int D>
constexpr Compute computes[most_pixels] = {compute<Vec, D, 1>, compute<Vec, D, 2>,
                                           compute<Vec, D, 3>, compute<Vec, D, 4>,
                                           compute<Vec, D, 5>, compute<Vec, D, 6>,
                                           compute<Vec, D, 7>};

template <class Vec>
const Compute* choose_computes(const ConvolutionShape& s) {
  const int32_t dwords = group_dwords(s);
  return dwords == 2 ? computes<Vec, 2> : dwords == 4 ? computes<Vec, 4> : computes<Vec, 8>;
}

template <class Vec>
void pack_block(const ConvolutionShape& s, int32_t first, int32_t count, const int8_t* weights,
                const int32_t* bias, std::byte* packed) {
  const int32_t taps = taps_of(s), dwords = group_dwords(s), inputs = dwords * 2;
  auto* packed_bias = reinterpret_cast<int32_t*>(packed);
  auto* packed_weights = reinterpret_cast<int16_t*>(packed + Vec::channels * 4);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t lane = i / 8, vector = i % 8 / 4, place = place_in_block<Vec>(i);
    packed_bias[place] = bias[first + i];
    const int8_t* from = weights + static_cast<ptrdiff_t>(first + i) * taps * inputs;
    for (int32_t tap = 0; tap < taps; ++tap)
      for (int32_t k = 0; k < inputs; ++k) {
        const int32_t dword = k / 2;
        const int32_t slot = dwords == 2   ? vector * 2 + dword
                             : dwords == 4 ? dword * 2 + vector
                                           : ((dword / 4 ^ lane % 2) * 4 + dword % 4) * 2 + vector;
        const ptrdiff_t at = static_cast<ptrdiff_t>(tap) * dwords * Vec::channels +
                             slot * (Vec::channels / 2) + place % (Vec::channels / 2);
        packed_weights[at * 2 + k % 2] = from[tap * inputs + k];
      }
  }
}

}  // namespace

bool accepts(const ConvolutionShape& s) {
  const int32_t inputs = s.input_channels / s.groups;
  return s.input == ElementType::i16 && s.input_channels == s.output_channels &&
         (inputs == 4 || inputs == 8 || inputs == 16);
}

size_t packed_bytes(const ConvolutionShape& s) {
  const int32_t left = s.output_channels % block;
  ptrdiff_t size = s.output_channels / block * block_bytes<WideWords>(s);
  if (left > 0)
    size += left <= HalfWords::channels ? block_bytes<HalfWords>(s) : block_bytes<WideWords>(s);
  return static_cast<size_t>(size);
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  __builtin_memset(packed, 0, packed_bytes(s));
  for (int32_t c = 0; c < s.output_channels; c += block) {
    const int32_t count = smaller(block, s.output_channels - c);
    if (is_half(s, c))
      pack_block<HalfWords>(s, c, count, weights, bias, packed);
    else
      pack_block<WideWords>(s, c, count, weights, bias, packed);
    packed += block_bytes<WideWords>(s);
  }
}

size_t prepared_bytes(const ConvolutionShape& s) {
  return word_blocks_bytes(s.output_channels);
}

void prepare(const ConvolutionConstants& constants, std::byte* prepared) {
  prepare_word_blocks(constants, true, prepared);
}

size_t scratch_bytes(const ConvolutionShape&) {
  return 0;
}

void run(const ConvolutionArguments& a) {
  const ConvolutionShape& s = a.constants->shape;
  const WordBlocks& prepared = word_blocks_of(a.constants->prepared);
  Tile t{};
  t.shape = &s;
  t.pixel_bytes = a.input.pixel_bytes;
  t.outputs.epilogue = &a.constants->epilogue;
  t.outputs.proofs = prepared.proofs;
  t.outputs.output_bytes = a.output.pixel_bytes;
  t.outputs.residual_bytes = a.residual.pixel_bytes;
  const int32_t tiles = divide_up(a.output_width, most_pixels);
  for (int32_t c = a.channel_begin; c < a.channel_end; c += block) {
    t.packed = a.constants->packed + c / block * block_bytes<WideWords>(s);
    t.outputs.block = prepared.block_of(c);
    t.outputs.channel = c;
    t.outputs.channels = smaller(block, a.channel_end - c);
    const Compute* chosen =
        is_half(s, c) ? choose_computes<HalfWords>(s) : choose_computes<WideWords>(s);
    for (int32_t r = 0; r < a.output_rows; ++r) {
      t.rows = a.input.row + r * s.stride_h;
      for (int32_t i = 0; i < tiles; ++i) {
        const int32_t from = part_begin(i, a.output_width, tiles),
                      to = part_begin(i + 1, a.output_width, tiles);
        t.column = static_cast<ptrdiff_t>(from) * s.stride_w * t.pixel_bytes + ptrdiff_t{2} * c;
        t.outputs.output = a.output.row[r] + from * t.outputs.output_bytes;
        if (s.has_residual)
          t.outputs.residual = a.residual.row[r] + from * t.outputs.residual_bytes;
        chosen[to - from - 1](t);
      }
    }
  }
}

}  // namespace octavo::kernels::avx512::grouped_wide
