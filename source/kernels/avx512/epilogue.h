// The epilogue of docs/numerics.md on 16 channels at a time.
#pragma once

#include "kernels/avx512/vector.h"

namespace octavo::kernels::avx512 {
namespace {

OCTAVO_INLINE __m512 clamp(__m512 x, __m512 low, __m512 high) {
  // Of equal values (zeros of either sign) the bound is taken, as the reference does.
  return _mm512_min_ps(_mm512_max_ps(x, low), high);
}

// T(f): 65 knots on a 16-bit argument. k[i] * (1024 - d) + k[i + 1] * d is the same
// exact integer as k[i] * 1024 + (k[i + 1] - k[i]) * d.
OCTAVO_INLINE __m512 table_value(const int16_t* knots, __m512 f) {
  const __m512i u = _mm512_add_epi32(
      _mm512_cvtps_epi32(clamp(f, _mm512_set1_ps(-32768.0f), _mm512_set1_ps(32767.0f))),
      _mm512_set1_epi32(32768));
  const __m512i i = _mm512_srli_epi32(u, 10);
  const __m512i d = _mm512_and_si512(u, _mm512_set1_epi32(1023));
  // The index in both words of a lane; the lower word takes k[i], the upper k[i + 1].
  const __m512i both = _mm512_or_si512(i, _mm512_slli_epi32(i, 16));
  const __m512i here =
      _mm512_permutex2var_epi16(_mm512_loadu_si512(knots), both, _mm512_loadu_si512(knots + 32));
  const __m512i next = _mm512_permutex2var_epi16(_mm512_loadu_si512(knots + 1), both,
                                                 _mm512_loadu_si512(knots + 33));
  const __m512i pair = _mm512_mask_blend_epi16(0xaaaaaaaa, here, next);
  const __m512i weight =
      _mm512_or_si512(_mm512_sub_epi32(_mm512_set1_epi32(1024), d), _mm512_slli_epi32(d, 16));
  return _mm512_cvtepi32_ps(_mm512_madd_epi16(pair, weight));
}

struct Pair {
  __m512 first, second;
};

// The same of 32 values at a time where every |f| is below 2^31 (arguments_fit): packing with
// saturation is then the clamp, and what it brings into another order the products bring back.
class Knots {
 public:
  explicit OCTAVO_INLINE Knots(const int16_t* knots)
      : low_(_mm512_loadu_si512(knots)),
        high_(_mm512_loadu_si512(knots + 32)),
        low_rise_(_mm512_sub_epi16(_mm512_loadu_si512(knots + 1), low_)),
        high_rise_(_mm512_sub_epi16(_mm512_loadu_si512(knots + 33), high_)) {}

  OCTAVO_INLINE Pair operator()(__m512 f0, __m512 f1) const {
    // Words of u - 32768, whose upper 6 bits count from the middle: the upper half comes first.
    const __m512i u = _mm512_packs_epi32(_mm512_cvtps_epi32(f0), _mm512_cvtps_epi32(f1));
    const __m512i i = _mm512_srli_epi16(u, 10), d = _mm512_and_si512(u, _mm512_set1_epi16(1023));
    const __m512i here = _mm512_permutex2var_epi16(high_, i, low_);
    const __m512i rise = _mm512_permutex2var_epi16(high_rise_, i, low_rise_);
    const __m512i whole = _mm512_set1_epi16(1024);
    return {_mm512_cvtepi32_ps(_mm512_madd_epi16(_mm512_unpacklo_epi16(here, rise),
                                                 _mm512_unpacklo_epi16(whole, d))),
            _mm512_cvtepi32_ps(_mm512_madd_epi16(_mm512_unpackhi_epi16(here, rise),
                                                 _mm512_unpackhi_epi16(whole, d)))};
  }

 private:
  __m512i low_, high_, low_rise_, high_rise_;
};

// clip, and the gate of hard_swish and hard_sigmoid.
class Bounds {
 public:
  explicit OCTAVO_INLINE Bounds(const EpilogueArrays& e)
      : alpha_(_mm512_set1_ps(e.alpha)), beta_(_mm512_set1_ps(e.beta)) {}

  OCTAVO_INLINE __m512 clipped(__m512 f) const { return clamp(f, alpha_, beta_); }
  OCTAVO_INLINE __m512 gate(__m512 f) const {
    return clamp(_mm512_add_ps(_mm512_mul_ps(f, alpha_), beta_), _mm512_setzero_ps(),
                 _mm512_set1_ps(1.0f));
  }

 private:
  __m512 alpha_, beta_;
};

// An activation of 32 values, before r of numerics.md; what it needs is read once. Of tables
// where arguments_fit.
template <Activation A>
class Function {
 public:
  explicit OCTAVO_INLINE Function(const EpilogueArrays& e) : needs_(needs(e)) {}

  OCTAVO_INLINE Pair operator()(__m512 f0, __m512 f1) const {
    if constexpr (A == Activation::table)
      return needs_(f0, f1);
    else
      return {value(f0), value(f1)};
  }

  OCTAVO_INLINE __m512 value(__m512 f) const {
    if constexpr (A == Activation::none) return f;
    if constexpr (A == Activation::clip) return needs_.clipped(f);
    if constexpr (A == Activation::hard_sigmoid) return needs_.gate(f);
    if constexpr (A == Activation::hard_swish) return _mm512_mul_ps(f, needs_.gate(f));
  }

 private:
  static OCTAVO_INLINE auto needs(const EpilogueArrays& e) {
    if constexpr (A == Activation::table)
      return Knots(e.table);
    else
      return Bounds(e);
  }
  decltype(needs({})) needs_;
};

// t of numerics.md before the residual, from f, for the channels c .. c + 15.
template <Activation A>
OCTAVO_INLINE __m512 activate_as(const EpilogueArrays& e, __m512 f, int32_t c) {
  if constexpr (A == Activation::none) return f;
  const __m512 r = _mm512_loadu_ps(e.output_multiplier + c);
  if constexpr (A == Activation::table)
    return _mm512_mul_ps(table_value(e.table, f), r);
  else
    return _mm512_mul_ps(Function<A>(e).value(f), r);
}

// Of the channels c .. c + 15 and next .. next + 15. `fit`: see arguments_fit.
template <Activation A>
OCTAVO_INLINE Pair activate_pair(const EpilogueArrays& e, __m512 f0, __m512 f1, int32_t c,
                                 int32_t next, bool fit) {
  if constexpr (A == Activation::table) {
    if (fit) {
      const Pair values = Function<A>(e)(f0, f1);
      return {_mm512_mul_ps(values.first, _mm512_loadu_ps(e.output_multiplier + c)),
              _mm512_mul_ps(values.second, _mm512_loadu_ps(e.output_multiplier + next))};
    }
  }
  return {activate_as<A>(e, f0, c), activate_as<A>(e, f1, next)};
}

OCTAVO_INLINE __m512 activate(const EpilogueArrays& e, __m512 f, int32_t c) {
  __m512 t = f;
  with_activation(
      e.activation, [&]<Activation A>()
                        __attribute__((always_inline)) { t = activate_as<A>(e, f, c); });
  return t;
}

// The stored values of 16 channels of a tensor. Lanes beyond a tensor's last channel
// come from its slack or its next pixel.
OCTAVO_INLINE __m512i load_stored(const std::byte* pixel, ElementType type, int32_t c) {
  if (type == ElementType::u8)
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(pixel + c)));
  if (type == ElementType::i8)
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(pixel + c)));
  return _mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(pixel + 2 * c)));
}

OCTAVO_INLINE __m512 add_residual(const EpilogueArrays& e, __m512 t, __m512i stored, int32_t c) {
  const __m512i x = _mm512_sub_epi32(stored, _mm512_loadu_si512(e.residual_zero + c));
  return _mm512_add_ps(
      t, _mm512_mul_ps(_mm512_cvtepi32_ps(x), _mm512_loadu_ps(e.residual_multiplier + c)));
}

// The stored integers of t.
OCTAVO_INLINE __m512i quantize(const EpilogueArrays& e, __m512 t, int32_t c) {
  t = clamp(t, _mm512_loadu_ps(e.lo + c), _mm512_loadu_ps(e.hi + c));
  return _mm512_add_epi32(_mm512_cvtps_epi32(t), _mm512_loadu_si512(e.zero + c));
}

// Rounds and stores those lanes of t that are channels of the tensor.
OCTAVO_INLINE void store(const EpilogueArrays& e, __m512 t, std::byte* pixel, int32_t c,
                         __mmask16 lanes) {
  if (e.output == ElementType::f32) {
    _mm512_mask_storeu_ps(pixel + 4 * static_cast<ptrdiff_t>(c), lanes, t);
    return;
  }
  const __m512i q = quantize(e, t, c);
  if (e.output == ElementType::i16) {
    const __m256i words = _mm512_cvtepi32_epi16(q);
    if (lanes == 0xffff)
      return _mm256_storeu_si256(reinterpret_cast<__m256i*>(pixel + 2 * c), words);
    return _mm256_mask_storeu_epi16(pixel + 2 * c, lanes, words);
  }
  const __m128i low = _mm512_cvtepi32_epi8(q);  // u8 and i8 are the same low byte
  if (lanes == 0xffff) return _mm_storeu_si128(reinterpret_cast<__m128i*>(pixel + c), low);
  _mm_mask_storeu_epi8(pixel + c, lanes, low);
}

// An upper bound of |f| of numerics.md, for the channels c .. c + 15.
OCTAVO_INLINE __m512 largest_argument(const EpilogueArrays& e, int32_t c) {
  const __m512 sum =
      e.largest_sum != nullptr ? _mm512_loadu_ps(e.largest_sum + c) : _mm512_set1_ps(2147483648.0f);
  return _mm512_mul_ps(sum, _mm512_abs_ps(_mm512_loadu_ps(e.multiplier + c)));
}

// An upper bound of |t| before the residual, for the channels c .. c + 15.
OCTAVO_INLINE __m512 largest_value(const EpilogueArrays& e, int32_t c) {
  const __m512 f = largest_argument(e, c);
  if (e.activation == Activation::none) return f;
  const __m512 r = _mm512_abs_ps(_mm512_loadu_ps(e.output_multiplier + c));
  if (e.activation == Activation::hard_swish) return _mm512_mul_ps(f, r);
  if (e.activation == Activation::hard_sigmoid) return r;
  if (e.activation == Activation::table) return _mm512_mul_ps(r, _mm512_set1_ps(33554432.0f));
  if (e.alpha <= 0 && e.beta >= 0 && !(e.beta <= 1073741824.0f))
    return _mm512_mul_ps(f, r);  // clipping on one side only brings f nearer to zero
  const __m512 alpha = _mm512_abs_ps(_mm512_set1_ps(e.alpha));
  const __m512 beta = _mm512_abs_ps(_mm512_set1_ps(e.beta));
  return _mm512_mul_ps(_mm512_max_ps(alpha, beta), r);
}

// Whether, for all of these channels, |t| stays below 2^31, so that its conversion is never
// out of range.
OCTAVO_INLINE bool conversion_fits(const EpilogueArrays& e, bool residual, int32_t begin,
                                   int32_t end) {
  if (e.output == ElementType::f32) return false;
  // 2^28, from values of 8 or 16 bits.
  const float most = e.residual == ElementType::i16 ? 8192.0f : 1048576.0f;
  for (int32_t c = begin; c < end; c += 16) {
    const __mmask16 lanes = lanes16(end - c);
    __mmask16 ok =
        _mm512_cmp_ps_mask(largest_value(e, c), _mm512_set1_ps(1073741824.0f), _CMP_LE_OQ);
    if (residual)
      ok &= _mm512_cmp_ps_mask(_mm512_abs_ps(_mm512_loadu_ps(e.residual_multiplier + c)),
                               _mm512_set1_ps(most), _CMP_LE_OQ);
    if ((ok & lanes) != lanes) return false;
  }
  return true;
}

// Whether, besides, the limits are those of u8: rounding first and saturating to 0..255 after
// is then the same as clamping first, and packing with saturation does the clamp for nothing.
OCTAVO_INLINE bool saturation_clamps(const EpilogueArrays& e, bool residual, int32_t begin,
                                     int32_t end) {
  if (e.output != ElementType::u8) return false;
  if (residual && e.residual != ElementType::u8) return false;
  for (int32_t c = begin; c < end; c += 16) {
    const __mmask16 lanes = lanes16(end - c);
    const __m512 z = _mm512_cvtepi32_ps(_mm512_loadu_si512(e.zero + c));
    __mmask16 ok = _mm512_cmp_ps_mask(_mm512_loadu_ps(e.lo + c),
                                      _mm512_sub_ps(_mm512_setzero_ps(), z), _CMP_EQ_OQ);
    ok &= _mm512_cmp_ps_mask(_mm512_loadu_ps(e.hi + c), _mm512_sub_ps(_mm512_set1_ps(255.0f), z),
                             _CMP_EQ_OQ);
    if ((ok & lanes) != lanes) return false;
  }
  return conversion_fits(e, residual, begin, end);
}

}  // namespace
}  // namespace octavo::kernels::avx512
