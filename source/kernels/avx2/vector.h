// Helpers of the AVX2 kernels. Everything in this folder that is compiled for AVX2 lives
// in anonymous namespaces and uses no function of the standard library: an inline
// function shared with the rest of the program could be linked from here and run on a
// machine without AVX2.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernels/kernel.h"

namespace octavo::kernels::avx2 {
namespace {

#define OCTAVO_INLINE inline __attribute__((always_inline))

template <int I>
struct Index {
  static constexpr int value = I;
};

template <class F, int... I>
OCTAVO_INLINE void unroll_indices(const F& f, std::integer_sequence<int, I...>) {
  (f(Index<I>{}), ...);
}

// f(Index<0>) ... f(Index<N - 1>), as straight code: gcc keeps an array of vectors in
// registers only if every index is a constant before it optimizes.
template <int N, class F>
OCTAVO_INLINE void unroll(const F& f) {
  unroll_indices(f, std::make_integer_sequence<int, N>{});
}

OCTAVO_INLINE void prefetch(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
}

// Stops gcc from computing a vector again wherever it is used.
OCTAVO_INLINE void keep_in_register(__m256i& x) {
  __asm__("" : "+x"(x));
}

OCTAVO_INLINE int32_t smaller(int32_t a, int32_t b) {
  return a < b ? a : b;
}
OCTAVO_INLINE int32_t larger(int32_t a, int32_t b) {
  return a > b ? a : b;
}
OCTAVO_INLINE int32_t divide_up(int32_t a, int32_t b) {
  return (a + b - 1) / b;
}

// Where the i-th of `parts` nearly equal parts of 0 .. n begins.
OCTAVO_INLINE int32_t part_begin(int32_t i, int32_t n, int32_t parts) {
  return static_cast<int32_t>(static_cast<int64_t>(i) * n / parts);
}

OCTAVO_INLINE ptrdiff_t element_bytes(ElementType type) {
  return type == ElementType::f32 ? 4 : type == ElementType::i16 ? 2 : 1;
}

OCTAVO_INLINE bool is_activation(ElementType type) {
  return type == ElementType::u8 || type == ElementType::i16;
}

OCTAVO_INLINE __m256i load(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
OCTAVO_INLINE __m128i load_half(const void* p) {
  return _mm_loadu_si128(static_cast<const __m128i*>(p));
}

OCTAVO_INLINE int32_t load_dword(const void* p) {
  int32_t value;
  __builtin_memcpy(&value, p, sizeof(value));
  return value;
}

// sum + a[2i] * b[2i] + a[2i + 1] * b[2i + 1]
OCTAVO_INLINE __m256i dot(__m256i sum, __m256i a, __m256i b) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

}  // namespace
}  // namespace octavo::kernels::avx2
