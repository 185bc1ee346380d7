// Depthwise convolution of 16-bit activations by vpdpwssd: two kernel rows are interleaved
// word by word, so that a lane's pair of products is two taps of one channel.
//
// A block is 32 channels, one vector of input words; vpunpck works in 128-bit lanes, so that its
// two vectors of sums are in the order of word_blocks.h. A last kernel row without a partner meets
// itself with zero weights.
//
// Packed, for each block: the bias in that order, then [pair of kernel rows][kernel column]
// [two vectors][channel][2 rows] as int16.
#include "kernels/avx512/rows.h"
#include "kernels/avx512/word_blocks.h"

namespace octavo::kernels::avx512::depthwise_wide {
namespace {

constexpr int32_t block = WideWords::channels, most_pixels = 8;

int32_t row_pairs(const ConvolutionShape& s) {
  return divide_up(s.kernel_h, 2);
}

ptrdiff_t block_bytes(const ConvolutionShape& s) {
  return 128 * (1 + static_cast<ptrdiff_t>(row_pairs(s)) * s.kernel_w);
}

// P pixels of a row, all channels of one block.
struct Tile {
  const ConvolutionShape* shape;
  const std::byte* const* rows;  // of the input, of the windows' first row
  ptrdiff_t column;              // bytes from a row's start to the first window and channel
  ptrdiff_t pixel_bytes;
  const std::byte* packed;
  WordOutputs outputs;
};

template <int P>
void compute(const Tile& t) {
  const ConvolutionShape& s = *t.shape;
  const ptrdiff_t step = s.stride_w * t.pixel_bytes;
  __m512i low[P], high[P];
  unroll<P>([&](auto p) __attribute__((always_inline)) {
    low[decltype(p)::value] = _mm512_loadu_si512(t.packed);
    high[decltype(p)::value] = _mm512_loadu_si512(t.packed + 64);
  });
  const std::byte* weights = t.packed + 128;
  for (int32_t ky = 0; ky < s.kernel_h; ky += 2) {
    const int32_t partner = ky + 1 < s.kernel_h ? ky + 1 : ky;
    const std::byte* upper = t.rows[ky * s.dilation_h] + t.column;
    const std::byte* lower = t.rows[partner * s.dilation_h] + t.column;
    for (int32_t kx = 0; kx < s.kernel_w; ++kx, weights += 128) {
      const __m512i w_low = _mm512_loadu_si512(weights), w_high = _mm512_loadu_si512(weights + 64);
      unroll<P>([&](auto p) __attribute__((always_inline)) {
        constexpr int i = decltype(p)::value;
        __m512i a = _mm512_loadu_si512(upper + i * step);
        __m512i b = _mm512_loadu_si512(lower + i * step);
        keep_in_register(a);
        keep_in_register(b);
        low[i] = _mm512_dpwssd_epi32(low[i], _mm512_unpacklo_epi16(a, b), w_low);
        high[i] = _mm512_dpwssd_epi32(high[i], _mm512_unpackhi_epi16(a, b), w_high);
      });
      upper += s.dilation_w * t.pixel_bytes;
      lower += s.dilation_w * t.pixel_bytes;
    }
  }
  finish_word_block<WideWords, P>(t.outputs, low, high);
}

using Compute = void (*)(const Tile&);

constexpr Compute computes[most_pixels] = {compute<1>, compute<2>, compute<3>, compute<4>,
                                           compute<5>, compute<6>, compute<7>, compute<8>};

}  // namespace

bool accepts(const ConvolutionShape& s) {
  return s.input == ElementType::i16 && s.groups == s.input_channels &&
         s.groups == s.output_channels;
}

size_t packed_bytes(const ConvolutionShape& s) {
  return static_cast<size_t>(divide_up(s.output_channels, block) * block_bytes(s));
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  __builtin_memset(packed, 0, packed_bytes(s));
  for (int32_t c = 0; c < s.output_channels; ++c) {
    const int32_t place = place_in_block<WideWords>(c % block);
    std::byte* to = packed + c / block * block_bytes(s);
    reinterpret_cast<int32_t*>(to)[place] = bias[c];
    int16_t* widened = reinterpret_cast<int16_t*>(to + 128);
    for (int32_t ky = 0; ky < s.kernel_h; ++ky)
      for (int32_t kx = 0; kx < s.kernel_w; ++kx) {
        const ptrdiff_t tap = static_cast<ptrdiff_t>(ky / 2) * s.kernel_w + kx;
        widened[(tap * block + place) * 2 + ky % 2] = *weights++;
      }
  }
}

size_t prepared_bytes(const ConvolutionShape& s) {
  return word_blocks_bytes(s.output_channels);
}

void prepare(const ConvolutionConstants& constants, std::byte* prepared) {
  prepare_word_blocks(constants, false, prepared);
}

size_t scratch_bytes(const ConvolutionShape&) {
  return 0;
}

void run(const ConvolutionArguments& a) {
  const ConvolutionShape& s = a.constants->shape;
  Tile t{};
  t.shape = &s;
  t.pixel_bytes = a.input.pixel_bytes;
  t.outputs.epilogue = &a.constants->epilogue;
  t.outputs.output_bytes = a.output.pixel_bytes;
  t.outputs.residual_bytes = a.residual.pixel_bytes;
  const WordBlocks& prepared = word_blocks_of(a.constants->prepared);
  t.outputs.proofs = prepared.proofs;
  const int32_t tiles = divide_up(a.output_width, most_pixels);
  for (int32_t r = 0; r < a.output_rows; ++r) {
    t.rows = a.input.row + r * s.stride_h;
    for (int32_t c = a.channel_begin; c < a.channel_end; c += block) {
      t.packed = a.constants->packed + c / block * block_bytes(s);
      t.outputs.block = prepared.block_of(c);
      t.outputs.channel = c;
      t.outputs.channels = smaller(block, a.channel_end - c);
      for (int32_t i = 0; i < tiles; ++i) {
        const int32_t from = part_begin(i, a.output_width, tiles),
                      to = part_begin(i + 1, a.output_width, tiles);
        t.column = static_cast<ptrdiff_t>(from) * s.stride_w * t.pixel_bytes + 2 * c;
        t.outputs.output = a.output.row[r] + from * t.outputs.output_bytes;
        if (s.has_residual)
          t.outputs.residual = a.residual.row[r] + from * t.outputs.residual_bytes;
        computes[to - from - 1](t);
      }
    }
  }
}

}  // namespace octavo::kernels::avx512::depthwise_wide
