// The products of common/winograd.h by vpmaddwd: words of two input channels, broadcast, meet 16
// output channels' weights.
#include "kernels/common/winograd.h"

#include "kernels/avx2/dense.h"
#include "kernels/avx2/rows.h"

namespace octavo::kernels::avx2 {
namespace {

struct Pairs : Storing {
  static constexpr int32_t vector_bytes = 32;
  static constexpr int32_t block = 16, together = 2, tiles = 6;  // 12 of 16 registers are sums
  // Measured on Zen 3.
  static constexpr double direct = 27, transformed = 29, for_input = 8, for_output = 16, read = 6;

  template <int T>
  static void multiply(const int16_t* values, ptrdiff_t tile_step, const std::byte* weights,
                       int32_t steps, int32_t* sums) {
    __m256i sum[T][2];
    unroll<2 * T>([&](auto i) __attribute__((always_inline)) {
      sum[decltype(i)::value / 2][decltype(i)::value % 2] = _mm256_setzero_si256();
    });
    for (int32_t k = 0; k < steps; ++k, values += together, weights += block * together * 2) {
      __m256i w[2] = {load(weights), load(weights + 32)};
      keep_in_register(w[0]);
      keep_in_register(w[1]);
      unroll<T>([&](auto t6) __attribute__((always_inline)) {
        constexpr int t = decltype(t6)::value;
        const __m256i x = _mm256_set1_epi32(load_dword(values + t * tile_step));
        sum[t][0] = dot(sum[t][0], x, w[0]);
        sum[t][1] = dot(sum[t][1], x, w[1]);
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

constinit const ConvolutionKernel winograd =
    common::Winograd<Pairs>::row("avx2_winograd", feature::avx2);

}  // namespace octavo::kernels::avx2
