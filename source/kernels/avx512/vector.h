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
