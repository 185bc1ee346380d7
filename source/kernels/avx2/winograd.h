// The products of common/winograd.h on 256 bits: words of two input channels, broadcast, meet 16
// output channels' weights.
#pragma once

#include "kernels/avx2/dense.h"
#include "kernels/common/winograd.h"

namespace octavo::kernels::avx2 {
namespace {

// A Dot has the estimates of common/winograd.h and
//   dot(sum, values, weights)  a lane's two products of words, added to its sum
template <class Dot>
struct Pairs : Dot, Storing {
  static constexpr int32_t vector_bytes = 32;
  static constexpr int32_t block = 16, together = 2, tiles = 6;  // 12 of 16 registers are sums

  template <int T>
  static void multiply(const int16_t* values, ptrdiff_t tile_step, const std::byte* weights,
                       const std::byte* ahead, int32_t steps, int32_t* sums) {
    __m256i sum[T][2];
    unroll<2 * T>([&](auto i) __attribute__((always_inline)) {
      sum[decltype(i)::value / 2][decltype(i)::value % 2] = _mm256_setzero_si256();
    });
    for (int32_t k = 0; k < steps;
         ++k, values += together, weights += block * together * 2, ahead += 64) {
      prefetch(ahead);
      __m256i w[2] = {load(weights), load(weights + 32)};
      keep_in_register(w[0]);
      keep_in_register(w[1]);
      unroll<T>([&](auto t6) __attribute__((always_inline)) {
        constexpr int t = decltype(t6)::value;
        const __m256i x = _mm256_set1_epi32(load_dword(values + t * tile_step));
        sum[t][0] = Dot::dot(sum[t][0], x, w[0]);
        sum[t][1] = Dot::dot(sum[t][1], x, w[1]);
      });
    }
    unroll<2 * T>([&](auto i) __attribute__((always_inline)) {
      constexpr int t = decltype(i)::value / 2, v = decltype(i)::value % 2;
      int32_t* to = sums + t * common::winograd::products * block + v * 8;
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), sum[t][v]);
    });
  }
};

}  // namespace
}  // namespace octavo::kernels::avx2
