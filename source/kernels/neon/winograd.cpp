// The products of common/winograd.h by smlal: a word of each tile meets 8 output channels' weights.
#include "kernels/common/winograd.h"

#include "kernels/neon/dense.h"
#include "kernels/neon/rows.h"

namespace octavo::kernels::neon {
namespace {

struct Words : Storing {
  static constexpr int32_t vector_bytes = 16;
  static constexpr int32_t block = neon::block, together = 1, tiles = 8;
  // By llvm-mca, between a Cortex-A53 and a Cortex-A72: see docs/performance.md.
  static constexpr double direct = 5.5, transformed = 3.5, for_input = 40, for_output = 60,
                          read = 2.5;

  template <int T>
  static void multiply(const int16_t* values, ptrdiff_t tile_step, const std::byte* weights,
                       const std::byte*, int32_t steps, int32_t* sums) {
    Int sum[T];
    unroll<T>([&](auto t)
                  __attribute__((always_inline)) { sum[decltype(t)::value] = Vector::all(0); });
    for (; steps >= 8; steps -= 8, values += 8, weights += 8 * block * 2) {
      int16x8_t x[T];
      unroll<T>([&](auto t) __attribute__((always_inline)) {
        x[decltype(t)::value] = words_of(values + decltype(t)::value * tile_step);
      });
      unroll<8>([&](auto k8) __attribute__((always_inline)) {
        constexpr int k = decltype(k8)::value;
        const int16x8_t w = words_of(weights + k * block * 2);
        unroll<T>([&](auto t8) __attribute__((always_inline)) {
          constexpr int t = decltype(t8)::value;
          sum[t].low = vmlal_laneq_s16(sum[t].low, vget_low_s16(w), x[t], k);
          sum[t].high = vmlal_high_laneq_s16(sum[t].high, w, x[t], k);
        });
      });
    }
    for (; steps > 0; --steps, ++values, weights += block * 2) {
      const int16x8_t w = words_of(weights);
      unroll<T>([&](auto t8) __attribute__((always_inline)) {
        constexpr int t = decltype(t8)::value;
        const int16_t x = values[t * tile_step];
        sum[t].low = vmlal_n_s16(sum[t].low, vget_low_s16(w), x);
        sum[t].high = vmlal_high_n_s16(sum[t].high, w, x);
      });
    }
    unroll<T>([&](auto t8) __attribute__((always_inline)) {
      constexpr int t = decltype(t8)::value;
      Vector::store(sums + t * common::winograd::products * block, sum[t]);
    });
  }

  template <int P>
  static void store_pixels(const int32_t* sums, const Outputs& o) {
    Sums<P> of;
    unroll<P>([&](auto p) __attribute__((always_inline)) {
      of.of[decltype(p)::value] = Vector::load(sums + decltype(p)::value * block);
    });
    finish(o, of);
  }

  static void store(const int32_t* sums, int32_t pixels, const Outputs& o) {
    static constexpr void (*of[])(const int32_t*, const Outputs&) = {
        store_pixels<1>, store_pixels<2>, store_pixels<3>, store_pixels<4>};
    of[pixels - 1](sums, o);
  }
};

}  // namespace

constinit const ConvolutionKernel winograd =
    common::Winograd<Words>::row("neon_winograd", feature::neon);

}  // namespace octavo::kernels::neon
