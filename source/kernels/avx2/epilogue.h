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

// The same of 32 values at a time, without gathers: knots as bytes, of which vpshufb finds 16 of 64
// at a time.
struct Knots {
  __m128i low[4], high[4], next_low[4], next_high[4];  // of knots i and i + 1, sixteen i each

  explicit OCTAVO_INLINE Knots(const int16_t* knots) {
    const __m128i byte = _mm_set1_epi16(255);
    const auto split = [&](const int16_t* from, __m128i& lows,
                           __m128i& highs) __attribute__((always_inline)) {
      const __m128i a = load_half(from), b = load_half(from + 8);
      lows = _mm_packus_epi16(_mm_and_si128(a, byte), _mm_and_si128(b, byte));
      highs = _mm_packus_epi16(_mm_srli_epi16(a, 8), _mm_srli_epi16(b, 8));
    };
    unroll<4>([&](auto s) __attribute__((always_inline)) {
      constexpr int i = decltype(s)::value;
      split(knots + 16 * i, low[i], high[i]);
      split(knots + 16 * i + 1, next_low[i], next_high[i]);
    });
  }
};

// f[i] of 8 channels each, in place.
OCTAVO_INLINE void table_values(const Knots& knots, __m256 (&f)[4]) {
  // 16 bits of the argument, and the conversion saturates below; packing works in 128-bit lanes,
  // and unpacking takes it back.
  const auto rounded = [&](int i) __attribute__((always_inline)) {
    return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_set1_ps(32767.0f), f[i]));
  };
  const __m256i sign = _mm256_set1_epi16(-32768);
  const __m256i u0 = _mm256_xor_si256(_mm256_packs_epi32(rounded(0), rounded(1)), sign);
  const __m256i u1 = _mm256_xor_si256(_mm256_packs_epi32(rounded(2), rounded(3)), sign);
  const __m256i index = _mm256_packus_epi16(_mm256_srli_epi16(u0, 10), _mm256_srli_epi16(u1, 10));
  __m256i low = _mm256_setzero_si256(), high = low, next_low = low, next_high = low;
  unroll<4>([&](auto s) __attribute__((always_inline)) {
    constexpr int i = decltype(s)::value;
    // The place among these sixteen; elsewhere the top bit, by which vpshufb gives zero.
    const __m256i place =
        _mm256_adds_epu8(_mm256_xor_si256(index, _mm256_set1_epi8(16 * i)), _mm256_set1_epi8(0x70));
    const auto add = [&](__m256i& sum, __m128i table) __attribute__((always_inline)) {
      sum = _mm256_or_si256(sum, _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), place));
    };
    add(low, knots.low[i]);
    add(high, knots.high[i]);
    add(next_low, knots.next_low[i]);
    add(next_high, knots.next_high[i]);
  });
  const auto between = [&](__m256i u, __m256i here, __m256i next, __m256& first,
                           __m256& second) __attribute__((always_inline)) {
    const __m256i d = _mm256_and_si256(u, _mm256_set1_epi16(1023));
    const __m256i rest = _mm256_sub_epi16(_mm256_set1_epi16(1024), d);
    first = _mm256_cvtepi32_ps(
        _mm256_madd_epi16(_mm256_unpacklo_epi16(here, next), _mm256_unpacklo_epi16(rest, d)));
    second = _mm256_cvtepi32_ps(
        _mm256_madd_epi16(_mm256_unpackhi_epi16(here, next), _mm256_unpackhi_epi16(rest, d)));
  };
  between(u0, _mm256_unpacklo_epi8(low, high), _mm256_unpacklo_epi8(next_low, next_high), f[0],
          f[1]);
  between(u1, _mm256_unpackhi_epi8(low, high), _mm256_unpackhi_epi8(next_low, next_high), f[2],
          f[3]);
}

// t of numerics.md before the residual, from f, for the channels c .. c + 7.
template <Activation A>
OCTAVO_INLINE __m256 activate_as(const EpilogueArrays& e, __m256 f, int32_t c) {
  if constexpr (A == Activation::none) return f;
  const __m256 r = _mm256_loadu_ps(e.output_multiplier + c);
  const __m256 alpha = _mm256_set1_ps(e.alpha), beta = _mm256_set1_ps(e.beta);
  if constexpr (A == Activation::clip) return _mm256_mul_ps(clamp(f, alpha, beta), r);
  if constexpr (A == Activation::table) return _mm256_mul_ps(table_value(e.table, f), r);
  const __m256 gate = clamp(_mm256_add_ps(_mm256_mul_ps(f, alpha), beta), _mm256_setzero_ps(),
                            _mm256_set1_ps(1.0f));
  if constexpr (A == Activation::hard_sigmoid) return _mm256_mul_ps(gate, r);
  return _mm256_mul_ps(_mm256_mul_ps(f, gate), r);
}

OCTAVO_INLINE __m256 activate(const EpilogueArrays& e, __m256 f, int32_t c) {
  __m256 t = f;
  with_activation(
      e.activation, [&]<Activation A>()
                        __attribute__((always_inline)) { t = activate_as<A>(e, f, c); });
  return t;
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
    auto* to = reinterpret_cast<__m128i*>(pixel + element_bytes(e.output) * c);
    if (count >= 8)
      return e.output == ElementType::i16 ? _mm_storeu_si128(to, stored)
                                          : _mm_storel_epi64(to, stored);
    _mm_store_si128(reinterpret_cast<__m128i*>(packed), stored);
  }
  const ptrdiff_t size = element_bytes(e.output);
  __builtin_memcpy(pixel + size * c, packed, static_cast<size_t>(size * smaller(count, 8)));
}

OCTAVO_INLINE __m256 with_residual(const EpilogueArrays& e, __m256 t, const std::byte* residual,
                                   int32_t c) {
  if (residual == nullptr) return t;
  const __m256i x = centred(load_stored(residual, e.residual, c), e.residual_zero + c);
  return _mm256_add_ps(
      t, _mm256_mul_ps(_mm256_cvtepi32_ps(x), _mm256_loadu_ps(e.residual_multiplier + c)));
}

// t of numerics.md from the accumulators of 8 channels.
template <Activation A>
OCTAVO_INLINE __m256 value(const EpilogueArrays& e, __m256i sum, const std::byte* residual,
                           int32_t c) {
  const __m256 f = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(e.multiplier + c));
  return with_residual(e, activate_as<A>(e, f, c), residual, c);
}

// Rounds and stores the first `count` of 16 channels as u8.
OCTAVO_INLINE void store_bytes(const EpilogueArrays& e, __m256 t0, __m256 t1, std::byte* pixel,
                               int32_t c, int32_t count) {
  const __m256 low0 = _mm256_loadu_ps(e.lo + c), high0 = _mm256_loadu_ps(e.hi + c);
  const __m256 low1 = _mm256_loadu_ps(e.lo + c + 8), high1 = _mm256_loadu_ps(e.hi + c + 8);
  const __m256i q0 = _mm256_add_epi32(_mm256_cvtps_epi32(clamp(t0, low0, high0)), load(e.zero + c));
  const __m256i q1 =
      _mm256_add_epi32(_mm256_cvtps_epi32(clamp(t1, low1, high1)), load(e.zero + c + 8));
  // Packing works in 128-bit lanes: the middle quarters change places.
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(q0, q1), 0xd8);
  const __m128i bytes =
      _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  if (count >= 16) return _mm_storeu_si128(reinterpret_cast<__m128i*>(pixel + c), bytes);
  alignas(16) std::byte part[16];
  _mm_store_si128(reinterpret_cast<__m128i*>(part), bytes);
  __builtin_memcpy(pixel + c, part, static_cast<size_t>(count));
}

// From the accumulators of `count` of 16 channels to the stored values. All 16 entries
// of the channel arrays are readable.
template <Activation A>
OCTAVO_INLINE void finish(const EpilogueArrays& e, const int32_t* sums, const std::byte* residual,
                          std::byte* pixel, int32_t c, int32_t count) {
  const __m256 t0 = value<A>(e, load(sums), residual, c);
  if (e.output == ElementType::u8 && count > 8)
    return store_bytes(e, t0, value<A>(e, load(sums + 8), residual, c + 8), pixel, c, count);
  store(e, t0, pixel, c, count);
  if (count > 8) store(e, value<A>(e, load(sums + 8), residual, c + 8), pixel, c + 8, count - 8);
}

// From the accumulators of two pixels, [16] each, by a table: as finish.
OCTAVO_INLINE void finish_by_table(const EpilogueArrays& e, const Knots& knots,
                                   const int32_t* sums0, const int32_t* sums1,
                                   const std::byte* residual0, const std::byte* residual1,
                                   std::byte* pixel0, std::byte* pixel1, int32_t c, int32_t count) {
  const __m256 m0 = _mm256_loadu_ps(e.multiplier + c), m1 = _mm256_loadu_ps(e.multiplier + c + 8);
  __m256 f[4] = {_mm256_mul_ps(_mm256_cvtepi32_ps(load(sums0)), m0),
                 _mm256_mul_ps(_mm256_cvtepi32_ps(load(sums0 + 8)), m1),
                 _mm256_mul_ps(_mm256_cvtepi32_ps(load(sums1)), m0),
                 _mm256_mul_ps(_mm256_cvtepi32_ps(load(sums1 + 8)), m1)};
  table_values(knots, f);
  const auto store_pixel = [&](__m256 t0, __m256 t1, const std::byte* residual,
                               std::byte* pixel) __attribute__((always_inline)) {
    t0 = with_residual(e, _mm256_mul_ps(t0, _mm256_loadu_ps(e.output_multiplier + c)), residual, c);
    t1 = with_residual(e, _mm256_mul_ps(t1, _mm256_loadu_ps(e.output_multiplier + c + 8)), residual,
                       c + 8);
    if (e.output == ElementType::u8 && count > 8) return store_bytes(e, t0, t1, pixel, c, count);
    store(e, t0, pixel, c, count);
    if (count > 8) store(e, t1, pixel, c + 8, count - 8);
  };
  store_pixel(f[0], f[1], residual0, pixel0);
  store_pixel(f[2], f[3], residual1, pixel1);
}

OCTAVO_INLINE bool all_of(__m256 condition) {
  return _mm256_movemask_ps(condition) == 0xff;
}

OCTAVO_INLINE __m256 magnitude(const float* p) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), _mm256_loadu_ps(p));
}

// Whether, for the 8 channels from c on, rounding first and saturating to 0..255 after
// is the same as clamping first: no activation, the limits are those of u8, and t stays
// below 2^31, so that its conversion is never out of range. Then packing with saturation
// does the clamp for nothing. Entries beyond a tensor's channels are zeros: `absent`.
OCTAVO_INLINE bool saturation_clamps(const EpilogueArrays& e, bool residual, int32_t c,
                                     int32_t count) {
  if (e.activation != Activation::none || e.output != ElementType::u8) return false;
  if (residual && e.residual != ElementType::u8) return false;
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256 absent =
      _mm256_castsi256_ps(_mm256_cmpgt_epi32(lanes, _mm256_set1_epi32(count - 1)));
  const __m256 z = _mm256_cvtepi32_ps(load(e.zero + c));
  __m256 ok =
      _mm256_cmp_ps(_mm256_loadu_ps(e.lo + c), _mm256_sub_ps(_mm256_setzero_ps(), z), _CMP_EQ_OQ);
  ok = _mm256_and_ps(ok, _mm256_cmp_ps(_mm256_loadu_ps(e.hi + c),
                                       _mm256_sub_ps(_mm256_set1_ps(255.0f), z), _CMP_EQ_OQ));
  ok = _mm256_and_ps(ok,
                     _mm256_cmp_ps(magnitude(e.multiplier + c), _mm256_set1_ps(0.5f), _CMP_LE_OQ));
  if (residual)
    ok = _mm256_and_ps(ok, _mm256_cmp_ps(magnitude(e.residual_multiplier + c),
                                         _mm256_set1_ps(1048576.0f), _CMP_LE_OQ));
  return all_of(_mm256_or_ps(ok, absent));
}

// V vectors of 8 channels of a pixel, where saturation clamps; what is the same for all
// pixels of a tile stays in registers.
template <int V>
struct Saturation {
  __m256 multiplier[V];
  __m256i zero;

  OCTAVO_INLINE Saturation(const EpilogueArrays& e, int32_t c) {
    multiplier[0] = _mm256_loadu_ps(e.multiplier + c);
    multiplier[V - 1] = _mm256_loadu_ps(e.multiplier + c + 8 * (V - 1));
    zero = _mm256_packs_epi32(load(e.zero + c), load(e.zero + c + 8 * (V - 1)));
  }

  template <bool Residual>
  OCTAVO_INLINE __m256i rounded(const EpilogueArrays& e, __m256i sum, int v,
                                const std::byte* residual, int32_t c) const {
    __m256 t = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), multiplier[v]);
    if constexpr (Residual) {
      const __m256i x = centred(load_stored(residual, ElementType::u8, c), e.residual_zero + c);
      t = _mm256_add_ps(
          t, _mm256_mul_ps(_mm256_cvtepi32_ps(x), _mm256_loadu_ps(e.residual_multiplier + c)));
    }
    return _mm256_cvtps_epi32(t);
  }

  // Two vectors of each of two pixels, which may be one: what is packed together needs one
  // exchange of quarters.
  template <bool Residual>
  OCTAVO_INLINE void store_two(const EpilogueArrays& e, const __m256i (&sum0)[V],
                               const __m256i (&sum1)[V], const std::byte* residual0,
                               const std::byte* residual1, std::byte* pixel0, std::byte* pixel1,
                               int32_t c, int32_t count) const {
    const auto words = [&](const __m256i(&sum)[V], const std::byte* residual)
                           __attribute__((always_inline)) {
      return _mm256_adds_epi16(
          _mm256_packs_epi32(rounded<Residual>(e, sum[0], 0, residual, c),
                             rounded<Residual>(e, sum[1], 1, residual, c + 8)),
          zero);
    };
    const __m256i bytes = _mm256_permutevar8x32_epi32(
        _mm256_packus_epi16(words(sum0, residual0), words(sum1, residual1)),
        _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    const __m128i first = _mm256_castsi256_si128(bytes);
    const __m128i second = _mm256_extracti128_si256(bytes, 1);
    if (count >= 16) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(pixel0 + c), first);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(pixel1 + c), second);
      return;
    }
    alignas(16) std::byte part[32];
    _mm_store_si128(reinterpret_cast<__m128i*>(part), first);
    _mm_store_si128(reinterpret_cast<__m128i*>(part + 16), second);
    __builtin_memcpy(pixel0 + c, part, static_cast<size_t>(count));
    __builtin_memcpy(pixel1 + c, part + 16, static_cast<size_t>(count));
  }

  // A vector of each of two pixels, which may be one.
  template <bool Residual>
  OCTAVO_INLINE void store_pixels(const EpilogueArrays& e, __m256i sum0, __m256i sum1,
                                  const std::byte* residual0, const std::byte* residual1,
                                  std::byte* pixel0, std::byte* pixel1, int32_t c,
                                  int32_t count) const {
    const __m128i bytes = packed(rounded<Residual>(e, sum0, 0, residual0, c),
                                 rounded<Residual>(e, sum1, 0, residual1, c));
    if (count >= 8) {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(pixel0 + c), bytes);
      _mm_storeh_pd(reinterpret_cast<double*>(pixel1 + c), _mm_castsi128_pd(bytes));
      return;
    }
    alignas(16) std::byte part[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(part), bytes);
    __builtin_memcpy(pixel0 + c, part, static_cast<size_t>(count));
    __builtin_memcpy(pixel1 + c, part + 8, static_cast<size_t>(count));
  }

 private:
  OCTAVO_INLINE __m128i packed(__m256i q0, __m256i q1) const {
    // Packing works in 128-bit lanes: the middle quarters change places.
    const __m256i words =
        _mm256_permute4x64_epi64(_mm256_adds_epi16(_mm256_packs_epi32(q0, q1), zero), 0xd8);
    return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  }
};

}  // namespace
}  // namespace octavo::kernels::avx2
