// Blocks of 32 channels, a vector of input words, for kernels whose pairs of words lie in the
// 128-bit lane of their channels: of its two vectors of sums the first holds, in lane j, the
// channels 8 j + 0..3, the second 8 j + 4..7. Packing the two puts their words in order: where
// nothing but the clamp comes behind the product with the multiplier, sums go from registers to
// what is stored without a further shuffle. Where 16 channels or fewer are left, a block is a half.
#pragma once

#include "kernels/avx512/words.h"

namespace octavo::kernels::avx512 {
namespace {

struct WideWords : Zmm {
  static constexpr int channels = 32;

  static OCTAVO_INLINE Int dot(Int sum, Int a, Int b) { return _mm512_dpwssd_epi32(sum, a, b); }
  static OCTAVO_INLINE Int swap_lanes(Int a) {  // the two of each 16 channels
    return _mm512_permutex_epi64(a, 0x4e);
  }
  static OCTAVO_INLINE __m512i words_of(Int low, Int high) { return packs(low, high); }
  static OCTAVO_INLINE void store_in_order(int32_t* to, Int low, Int high) {
    const Turns sums = in_turn(low, high);
    _mm512_store_si512(to, sums.first);
    _mm512_store_si512(to + 16, sums.second);
  }
};

struct HalfWords : Ymm {
  static constexpr int channels = 16;

  static OCTAVO_INLINE Int dot(Int sum, Int a, Int b) { return _mm256_dpwssd_epi32(sum, a, b); }
  static OCTAVO_INLINE Int swap_lanes(Int a) { return _mm256_permute4x64_epi64(a, 0x4e); }
  static OCTAVO_INLINE __m512i words_of(Int low, Int high) {
    return _mm512_zextsi256_si512(packs(low, high));
  }
  static OCTAVO_INLINE void store_in_order(int32_t* to, Int low, Int high) {
    auto* halves = reinterpret_cast<__m256i*>(to);
    _mm256_store_si256(halves, _mm256_permute2x128_si256(low, high, 0x20));
    _mm256_store_si256(halves + 1, _mm256_permute2x128_si256(low, high, 0x31));
  }
};

// Where channel i of a block stands among its sums.
template <class Vec>
OCTAVO_INLINE int32_t place_in_block(int32_t i) {
  return i % 8 / 4 * (Vec::channels / 2) + i / 8 * 4 + i % 4;
}

// What a block prepares: its multipliers in the order of the sums, and the clamp in 16 bits.
struct alignas(64) WordBlock {
  float multiplier[WideWords::channels];
  WordLimits limits;
};

// Of a whole convolution; behind it, where in_words holds, a WordBlock for each block.
struct alignas(64) WordBlocks {
  Proofs proofs;
  bool in_words;  // see ends_in_words

  OCTAVO_INLINE const WordBlock* block_of(int32_t channel) const {
    return in_words ? reinterpret_cast<const WordBlock*>(this + 1) + channel / WideWords::channels
                    : nullptr;
  }
};

OCTAVO_INLINE size_t word_blocks_bytes(int32_t channels) {
  return sizeof(WordBlocks) +
         static_cast<size_t>(divide_up(channels, WideWords::channels)) * sizeof(WordBlock);
}

// has_halves: whether the last block is a half where that suffices.
__attribute__((unused)) void prepare_word_blocks(const ConvolutionConstants& k, bool has_halves,
                                                 std::byte* prepared) {
  const EpilogueArrays& e = k.epilogue;
  const int32_t channels = k.shape.output_channels;
  auto* made = reinterpret_cast<WordBlocks*>(prepared);
  prepare_proofs(k, 1, reinterpret_cast<std::byte*>(&made->proofs));
  made->in_words = ends_in_words(e, made->proofs, k.shape.has_residual);
  auto* block = reinterpret_cast<WordBlock*>(made + 1);
  for (int32_t c = 0; made->in_words && c < channels; c += WideWords::channels, ++block) {
    const bool is_half = has_halves && channels - c <= HalfWords::channels;
    for (int32_t i = 0; i < WideWords::channels; ++i) {
      const int32_t place = is_half ? i / 16 * 16 + place_in_block<HalfWords>(i % 16)
                                    : place_in_block<WideWords>(i);
      block->multiplier[place] = e.multiplier[c + i];
    }
    block->limits = word_limits(e, c, c + 16);
  }
}

OCTAVO_INLINE const WordBlocks& word_blocks_of(const std::byte* prepared) {
  return *reinterpret_cast<const WordBlocks*>(prepared);
}

// Where the sums of one block go, for pixels side by side.
struct WordOutputs {
  const EpilogueArrays* epilogue;
  const WordBlock* block;  // null where sums go by way of memory
  Proofs proofs;
  int32_t channel, channels;  // the block's first, and how many of it exist
  std::byte* output;          // the first pixel
  const std::byte* residual;  // null without
  ptrdiff_t output_bytes, residual_bytes;
};

template <class Vec, int P>
OCTAVO_INLINE void finish_word_block(const WordOutputs& o, const typename Vec::Int (&low)[P],
                                     const typename Vec::Int (&high)[P]) {
  if (o.block != nullptr) {
    // Copied, or they are read again after every store.
    const WordLimits limits = o.block->limits;
    const ElementType type = o.epilogue->output;
    const auto low_multiplier = Vec::load_floats(o.block->multiplier);
    const auto high_multiplier = Vec::load_floats(o.block->multiplier + Vec::channels / 2);
    const int32_t channel = o.channel, channels = o.channels;
    const ptrdiff_t step = o.output_bytes;
    std::byte* output = o.output;
    unroll<P>([&](auto p) __attribute__((always_inline)) {
      constexpr int i = decltype(p)::value;
      store_rounded(limits, type,
                    Vec::words_of(rounded_product<Vec>(low[i], low_multiplier),
                                  rounded_product<Vec>(high[i], high_multiplier)),
                    output, channel, channels);
      output += step;
    });
    return;
  }
  alignas(64) int32_t sums[P * Vec::channels];
  unroll<P>([&](auto p) __attribute__((always_inline)) {
    constexpr int i = decltype(p)::value;
    Vec::store_in_order(sums + i * Vec::channels, low[i], high[i]);
  });
  std::byte* output[P];
  const std::byte* residual[P];
  for (int p = 0; p < P; ++p) {
    output[p] = o.output + p * o.output_bytes;
    if (o.residual != nullptr) residual[p] = o.residual + p * o.residual_bytes;
  }
  finish_pixels(*o.epilogue,
                {sums, P, Vec::channels / 16, o.residual == nullptr ? nullptr : residual, output,
                 o.channel, o.channels, o.proofs});
}

}  // namespace
}  // namespace octavo::kernels::avx512
