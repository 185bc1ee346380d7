// Helpers of the AVX-512 kernels. Everything in this folder that is compiled for
// AVX-512 lives in anonymous namespaces and uses no function of the standard
// library: an inline function shared with the rest of the program could be linked
// from here and run on a machine without AVX-512.
#pragma once

#include <immintrin.h>

#include "kernels/common/basics.h"

namespace octavo::kernels::avx512 {
namespace {

using namespace common;

// gcc prefers reading a vector again from memory, as the operand of each instruction
// that uses it, to holding it; loads are then the bottleneck.
template <class Int>
OCTAVO_INLINE void keep_in_register(Int& x) {
  __asm__("" : "+v"(x));
}

// The other way round: gcc holds what it has read, and spills it when registers run out,
// rather than reading it again. Through a pointer of unknown origin it cannot.
OCTAVO_INLINE void forget_origin(const uint8_t*& p) {
  __asm__("" : "+r"(p));
}

OCTAVO_INLINE const uint8_t* bytes(const std::byte* p) {
  return reinterpret_cast<const uint8_t*>(p);
}

OCTAVO_INLINE void prefetch(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
}

// To the level-2 cache.
OCTAVO_INLINE void prefetch_near(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
}

OCTAVO_INLINE int32_t load_dword(const uint8_t* p) {
  int32_t value;
  __builtin_memcpy(&value, p, sizeof(value));
  return value;
}

// The first `count` of 16 (64) lanes.
OCTAVO_INLINE __mmask16 lanes16(int32_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffff : (1u << count) - 1);
}
OCTAVO_INLINE __mmask64 lanes64(int32_t count) {
  return count >= 64 ? ~0ull : (1ull << count) - 1;
}

// Vectors of one width and of half of it, for kernels whose last block of channels may be a half.
struct Zmm {
  using Int = __m512i;
  using Float = __m512;
  static constexpr int vector_bytes = 64;

  static OCTAVO_INLINE Int load(const void* p) { return _mm512_loadu_si512(p); }
  static OCTAVO_INLINE void store(void* p, Int x) { _mm512_storeu_si512(p, x); }
  static OCTAVO_INLINE Float load_floats(const float* p) { return _mm512_loadu_ps(p); }
  static OCTAVO_INLINE Int none() { return _mm512_setzero_si512(); }
  static OCTAVO_INLINE Int add(Int a, Int b) { return _mm512_add_epi32(a, b); }
  static OCTAVO_INLINE Int subtract(Int a, Int b) { return _mm512_sub_epi32(a, b); }
  static OCTAVO_INLINE Int packs(Int a, Int b) { return _mm512_packs_epi32(a, b); }
  template <int I>
  static OCTAVO_INLINE Int spread_dword(Int a) {  // dword I of each lane to the whole lane
    return _mm512_shuffle_epi32(a, static_cast<_MM_PERM_ENUM>(I * 0x55));
  }
  static OCTAVO_INLINE Float scaled(Int x, Float multiplier) {
    return _mm512_mul_ps(_mm512_cvtepi32_ps(x), multiplier);
  }
  static OCTAVO_INLINE Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
  static OCTAVO_INLINE Float clamp(Float x, Float low, Float high) {
    return _mm512_min_ps(_mm512_max_ps(x, low), high);
  }
  static OCTAVO_INLINE Int rounded(Float x) { return _mm512_cvtps_epi32(x); }
};

struct Ymm {
  using Int = __m256i;
  using Float = __m256;
  static constexpr int vector_bytes = 32;

  static OCTAVO_INLINE Int load(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
  }
  static OCTAVO_INLINE void store(void* p, Int x) {
    _mm256_storeu_si256(static_cast<__m256i*>(p), x);
  }
  static OCTAVO_INLINE Float load_floats(const float* p) { return _mm256_loadu_ps(p); }
  static OCTAVO_INLINE Int none() { return _mm256_setzero_si256(); }
  static OCTAVO_INLINE Int add(Int a, Int b) { return _mm256_add_epi32(a, b); }
  static OCTAVO_INLINE Int subtract(Int a, Int b) { return _mm256_sub_epi32(a, b); }
  static OCTAVO_INLINE Int packs(Int a, Int b) { return _mm256_packs_epi32(a, b); }
  template <int I>
  static OCTAVO_INLINE Int spread_dword(Int a) {
    return _mm256_shuffle_epi32(a, I * 0x55);
  }
  static OCTAVO_INLINE Float scaled(Int x, Float multiplier) {
    return _mm256_mul_ps(_mm256_cvtepi32_ps(x), multiplier);
  }
  static OCTAVO_INLINE Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static OCTAVO_INLINE Float clamp(Float x, Float low, Float high) {
    return _mm256_min_ps(_mm256_max_ps(x, low), high);
  }
  static OCTAVO_INLINE Int rounded(Float x) { return _mm256_cvtps_epi32(x); }
};

// What is stored of a sum, but for its zero point.
template <class Vec>
OCTAVO_INLINE typename Vec::Int rounded_product(typename Vec::Int sum,
                                                typename Vec::Float multiplier) {
  return Vec::rounded(Vec::scaled(sum, multiplier));
}

// Where the 128-bit lanes of `low` hold the first half of what is to lie together and those of
// `high` the second: both in turn, the lower lanes in `first`.
struct Turns {
  __m512i first, second;
};
OCTAVO_INLINE Turns in_turn(__m512i low, __m512i high) {
  return {
      _mm512_permutex2var_epi64(low, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), high),
      _mm512_permutex2var_epi64(low, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), high)};
}

}  // namespace
}  // namespace octavo::kernels::avx512
