// The products of common/winograd.h by vpdpwssd: words of two input channels, broadcast, meet 32
// output channels' weights.
#include "kernels/common/winograd.h"

#include "kernels/avx512/dense.h"
#include "kernels/avx512/rows.h"

namespace octavo::kernels::avx512 {
namespace {

struct Pairs {
  static constexpr int32_t vector_bytes = 64;
  static constexpr int32_t block = 32, together = 2, tiles = 12;  // 24 of 32 registers are sums
  // Measured on Zen 5.
  static constexpr double direct = 110, transformed = 55, for_input = 5, for_output = 10, read = 32;

  template <int T>
  static void multiply(const int16_t* values, ptrdiff_t tile_step, const std::byte* weights,
                       const std::byte* ahead, int32_t steps, int32_t* sums) {
    __m512i sum[T][2];
    unroll<2 * T>([&](auto i) __attribute__((always_inline)) {
      sum[decltype(i)::value / 2][decltype(i)::value % 2] = _mm512_setzero_si512();
    });
    for (int32_t k = 0; k < steps;
         ++k, values += together, weights += block * together * 2, ahead += 64) {
      prefetch(ahead);
      __m512i w[2] = {_mm512_loadu_si512(weights), _mm512_loadu_si512(weights + 64)};
      keep_in_register(w[0]);
      keep_in_register(w[1]);
      unroll<T>([&](auto t12) __attribute__((always_inline)) {
        constexpr int t = decltype(t12)::value;
        const __m512i x =
            _mm512_set1_epi32(common::winograd::load<int32_t>(values + t * tile_step));
        sum[t][0] = _mm512_dpwssd_epi32(sum[t][0], x, w[0]);
        sum[t][1] = _mm512_dpwssd_epi32(sum[t][1], x, w[1]);
      });
    }
    unroll<2 * T>([&](auto i) __attribute__((always_inline)) {
      constexpr int t = decltype(i)::value / 2, v = decltype(i)::value % 2;
      _mm512_storeu_si512(sums + t * common::winograd::products * block + v * 16, sum[t][v]);
    });
  }

  struct Outputs : dense::Tile {
    bool has_residual;
  };

  static Outputs outputs_of(const ConvolutionArguments& a) {
    Outputs o{};
    o.epilogue = &a.constants->epilogue;
    o.has_residual = a.constants->shape.has_residual;
    return o;
  }
  static Proofs prove(const ConvolutionConstants& k, int32_t channel, int32_t count) {
    return avx512::prove(k, channel, channel + count);
  }
  static void set_channels(int32_t channel, int32_t count, const Proofs& proofs, Outputs& o) {
    o.channel = channel;
    o.channels = count;
    o.proofs = proofs;
  }

  template <int P>
  static void store_pixels(const int32_t* sums, const Outputs& o) {
    __m512i sum[P][2];
    unroll<2 * P>([&](auto i) __attribute__((always_inline)) {
      sum[decltype(i)::value / 2][decltype(i)::value % 2] =
          _mm512_load_si512(sums + decltype(i)::value * 16);
    });
    dense::finish_tile(o, sum);
  }

  static void store(const int32_t* sums, int32_t pixels, const Outputs& o) {
    static constexpr void (*of[])(const int32_t*, const Outputs&) = {
        store_pixels<1>, store_pixels<2>, store_pixels<3>, store_pixels<4>};
    of[pixels - 1](sums, o);
  }
};

}  // namespace

constinit const ConvolutionKernel winograd =
    common::Winograd<Pairs>::row("avx512vnni_winograd", feature::avx512 | feature::avx512vnni);

}  // namespace octavo::kernels::avx512
