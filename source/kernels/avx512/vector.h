// Helpers of the AVX-512 kernels. Everything in this folder that is compiled for
// AVX-512 lives in anonymous namespaces and uses no function of the standard
// library: an inline function shared with the rest of the program could be linked
// from here and run on a machine without AVX-512.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernels/kernel.h"

namespace octavo::kernels::avx512 {
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

OCTAVO_INLINE const uint8_t* bytes(const std::byte* p) {
  return reinterpret_cast<const uint8_t*>(p);
}

OCTAVO_INLINE void prefetch(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
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

}  // namespace
}  // namespace octavo::kernels::avx512
