// The epilogue of docs/numerics.md on 8 channels at a time.
#pragma once

#include "kernels/avx2/vector.h"

namespace octavo::kernels::avx2 {
namespace {

OCTAVO_INLINE __m256 clamp(__m256 x, __m256 low, __m256 high) {
  // Of equal values (zeros of either sign) the bound is taken, as the reference does.
  return _mm256_min_ps(_mm256_max_ps(x, low), high);
}

// T(f): 65 knots on a 16-bit argument. k[i] * (1024 - d) + k[i + 1] * d is the same
// exact integer as k[i] * 1024 + (k[i + 1] - k[i]) * d.
OCTAVO_INLINE __m256 table_value(const int16_t* knots, __m256 f) {
  const __m256i u = _mm256_add_epi32(
      _mm256_cvtps_epi32(clamp(f, _mm256_set1_ps(-32768.0f), _mm256_set1_ps(32767.0f))),
      _mm256_set1_epi32(32768));
  const __m256i i = _mm256_srli_epi32(u, 10);
  const __m256i d = _mm256_and_si256(u, _mm256_set1_epi32(1023));
  // One gather reads both knots of a segment.
  const __m256i pair = _mm256_i32gather_epi32(reinterpret_cast<const int*>(knots), i, 2);
  const __m256i weight =
      _mm256_or_si256(_mm256_sub_epi32(_mm256_set1_epi32(1024), d), _mm256_slli_epi32(d, 16));
  return _mm256_cvtepi32_ps(_mm256_madd_epi16(pair, weight));
}

// t of numerics.md before the residual, from f, for the channels c .. c + 7.
OCTAVO_INLINE __m256 activate(const EpilogueArrays& e, __m256 f, int32_t c) {
  if (e.activation == Activation::none) return f;
  const __m256 r = _mm256_loadu_ps(e.output_multiplier + c);
  const __m256 alpha = _mm256_set1_ps(e.alpha), beta = _mm256_set1_ps(e.beta);
  if (e.activation == Activation::clip) return _mm256_mul_ps(clamp(f, alpha, beta), r);
  if (e.activation == Activation::table) return _mm256_mul_ps(table_value(e.table, f), r);
  const __m256 gate = clamp(_mm256_add_ps(_mm256_mul_ps(f, alpha), beta), _mm256_setzero_ps(),
                            _mm256_set1_ps(1.0f));
  if (e.activation == Activation::hard_sigmoid) return _mm256_mul_ps(gate, r);
  return _mm256_mul_ps(_mm256_mul_ps(f, gate), r);
}

// The stored values of 8 channels of a tensor. Lanes beyond a tensor's last channel
// come from its slack or its next pixel.
OCTAVO_INLINE __m256i load_stored(const std::byte* pixel, ElementType type, int32_t c) {
  if (type == ElementType::i16) return _mm256_cvtepi16_epi32(load_half(pixel + 2 * c));
  const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(pixel + c));
  return type == ElementType::u8 ? _mm256_cvtepu8_epi32(eight) : _mm256_cvtepi8_epi32(eight);
}

// stored - zero
OCTAVO_INLINE __m256i centred(__m256i stored, const int32_t* zero) {
  return _mm256_sub_epi32(stored, load(zero));
}

// Rounds and stores the first `count` of 8 channels.
OCTAVO_INLINE void store(const EpilogueArrays& e, __m256 t, std::byte* pixel, int32_t c,
                         int32_t count) {
  alignas(32) std::byte packed[32];
  if (e.output == ElementType::f32) {
    _mm256_store_ps(reinterpret_cast<float*>(packed), t);
  } else {
    t = clamp(t, _mm256_loadu_ps(e.lo + c), _mm256_loadu_ps(e.hi + c));
    const __m256i q = _mm256_add_epi32(_mm256_cvtps_epi32(t), load(e.zero + c));
    // Within the limits of the output's type: packing does not saturate.
    const __m128i words =
        _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    __m128i stored = words;
    if (e.output == ElementType::u8) stored = _mm_packus_epi16(words, words);
    if (e.output == ElementType::i8) stored = _mm_packs_epi16(words, words);
    if (e.output == ElementType::u8 && count >= 8)
      return _mm_storel_epi64(reinterpret_cast<__m128i*>(pixel + c), stored);
    _mm_store_si128(reinterpret_cast<__m128i*>(packed), stored);
  }
  const ptrdiff_t size = element_bytes(e.output);
  __builtin_memcpy(pixel + size * c, packed, static_cast<size_t>(size * smaller(count, 8)));
}

// From the accumulators of 8 channels to the stored values.
OCTAVO_INLINE void finish(const EpilogueArrays& e, __m256i sum, const std::byte* residual,
                          std::byte* pixel, int32_t c, int32_t count) {
  const __m256 f = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(e.multiplier + c));
  __m256 t = activate(e, f, c);
  if (residual != nullptr) {
    const __m256i x = centred(load_stored(residual, e.residual, c), e.residual_zero + c);
    t = _mm256_add_ps(
        t, _mm256_mul_ps(_mm256_cvtepi32_ps(x), _mm256_loadu_ps(e.residual_multiplier + c)));
  }
  store(e, t, pixel, c, count);
}

}  // namespace
}  // namespace octavo::kernels::avx2
