// Helpers of the AVX2 kernels. Everything in this folder that is compiled for AVX2 lives
// in anonymous namespaces and uses no function of the standard library: an inline
// function shared with the rest of the program could be linked from here and run on a
// machine without AVX2.
#pragma once

#include <immintrin.h>

#include "kernels/common/basics.h"

namespace octavo::kernels::avx2 {
namespace {

using namespace common;

OCTAVO_INLINE void prefetch(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
}

// Stops gcc from computing a vector again wherever it is used.
OCTAVO_INLINE void keep_in_register(__m256i& x) {
  __asm__("" : "+x"(x));
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
