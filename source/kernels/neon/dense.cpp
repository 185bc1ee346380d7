// Dense convolution and products of activations on every Armv8 core: bytes by smull and smlal,
// words by smlal.
#include "kernels/neon/dense.h"

#include "kernels/neon/matmul.h"
#include "kernels/neon/rows.h"

namespace octavo::kernels::neon {
namespace {

// Two products of bytes fit a word, and sadalp adds pairs of words to the sums: 16 MACs in three
// instructions. The one pair of products that does not fit, twice -128 * -128, is met in blocks
// whose weights hold it only; there each product is added alone. A sum is four lanes of
// partial sums over the depth.
struct Bytes {
  static constexpr int pixels = 4;
  static constexpr ptrdiff_t element_bytes = 1;
  static constexpr bool shifted = true;
  static constexpr int32_t together = 8;

  // Of a run: [4 channels][pair of steps][4 channels][16], and [4 channels][8] at its end.
  static int32_t place(int32_t k, int32_t lane, int32_t steps) {
    const int32_t half = lane / 4 * steps * 32, pair = k / 16;
    if (pair < steps / 2) return half + pair * 64 + lane % 4 * 16 + k % 16;
    return half + pair * 64 + lane % 4 * 8 + k % 8;
  }

  static bool needs_care(const int8_t* run, int32_t steps) {
    for (int32_t lane = 0; lane < block; ++lane)
      for (int32_t k = 0; k < steps / 2 * 16; ++k)
        if (k % 16 < 8 && run[place(k, lane, steps)] == -128 &&
            run[place(k + 8, lane, steps)] == -128)
          return true;
    return false;
  }

  template <bool Careful>
  static OCTAVO_INLINE int32x4_t add_products(int32x4_t sum, int8x16_t x, int8x16_t w) {
    const int16x8_t products = vmull_s8(vget_low_s8(x), vget_low_s8(w));
    if constexpr (Careful) return vpadalq_s16(vpadalq_s16(sum, products), vmull_high_s8(x, w));
    return vpadalq_s16(sum, vmlal_high_s8(products, x, w));
  }

  // Four channels, from `offset` within a run's weights on.
  template <int P, bool Careful>
  static OCTAVO_INLINE void accumulate_half(const Operands& o, ptrdiff_t offset,
                                            int32x4_t (&total)[P]) {
    int32x4_t sum[P][4];
    unroll<4 * P>([&](auto i) __attribute__((always_inline)) {
      sum[decltype(i)::value / 4][decltype(i)::value % 4] = vdupq_n_s32(0);
    });
    o.each_run<P>([&](const std::byte*(&x)[P], const std::byte* w) __attribute__((always_inline)) {
      w += offset;
      ptrdiff_t k = 0;
      for (const ptrdiff_t end = ptrdiff_t{o.steps / 2} * 16; k < end; k += 16, w += 64) {
        int8x16_t value[P];
        unroll<P>([&](auto p) __attribute__((always_inline)) {
          value[decltype(p)::value] = weights_of(x[decltype(p)::value] + k);
        });
        unroll<4>([&](auto c4) __attribute__((always_inline)) {
          constexpr int c = decltype(c4)::value;
          const int8x16_t weights = weights_of(w + 16 * c);
          unroll<P>([&](auto p4) __attribute__((always_inline)) {
            constexpr int p = decltype(p4)::value;
            sum[p][c] = add_products<Careful>(sum[p][c], value[p], weights);
          });
        });
      }
      if (o.steps % 2 == 0) return;
      unroll<4 * P>([&](auto i) __attribute__((always_inline)) {
        constexpr int p = decltype(i)::value / 4, c = decltype(i)::value % 4;
        const int8x8_t weights = vreinterpret_s8_u8(bytes_of(w + 8 * c));
        sum[p][c] =
            vpadalq_s16(sum[p][c], vmull_s8(vreinterpret_s8_u8(bytes_of(x[p] + k)), weights));
      });
    });
    unroll<P>([&](auto p4) __attribute__((always_inline)) {
      constexpr int p = decltype(p4)::value;
      total[p] = vpaddq_s32(vpaddq_s32(sum[p][0], sum[p][1]), vpaddq_s32(sum[p][2], sum[p][3]));
    });
  }

  template <int P, bool Careful>
  static OCTAVO_INLINE void accumulate_all(const Operands& o, Sums<P>& sums) {
    int32x4_t low[P], high[P];
    accumulate_half<P, Careful>(o, 0, low);
    accumulate_half<P, Careful>(o, ptrdiff_t{o.steps} * 32, high);
    const Int bias = Vector::load(o.bias);
    unroll<P>([&](auto p4) __attribute__((always_inline)) {
      constexpr int p = decltype(p4)::value;
      sums.of[p] = {vaddq_s32(low[p], bias.low), vaddq_s32(high[p], bias.high)};
    });
  }

  template <int P>
  static OCTAVO_INLINE void accumulate(const Operands& o, Sums<P>& sums) {
    o.careful ? accumulate_all<P, true>(o, sums) : accumulate_all<P, false>(o, sums);
  }
};

// 16-bit activations: a word of the input, broadcast, meets the weights of 8 channels.
struct Words {
  static constexpr int pixels = 8;
  static constexpr ptrdiff_t element_bytes = 2;
  static constexpr bool shifted = false;
  static constexpr int32_t together = 1;

  static int32_t place(int32_t k, int32_t lane, int32_t) { return k * 8 + lane; }
  static bool needs_care(const int8_t*, int32_t) { return false; }

  template <int P>
  static OCTAVO_INLINE void accumulate(const Operands& o, Sums<P>& sums) {
    const Int bias = Vector::load(o.bias);
    Int sum[P];
    unroll<P>([&](auto p) __attribute__((always_inline)) { sum[decltype(p)::value] = bias; });
    o.each_run<P>([&](const std::byte*(&x)[P], const std::byte* w) __attribute__((always_inline)) {
      for (ptrdiff_t step = 0; step < o.steps; ++step, w += step_weights) {
        int16x8_t value[P];
        unroll<P>([&](auto p) __attribute__((always_inline)) {
          value[decltype(p)::value] = words_of(x[decltype(p)::value] + step * 16);
        });
        unroll<8>([&](auto k8) __attribute__((always_inline)) {
          constexpr int k = decltype(k8)::value;
          const int16x8_t weights = vmovl_s8(vreinterpret_s8_u8(bytes_of(w + 8 * k)));
          unroll<P>([&](auto p8) __attribute__((always_inline)) {
            constexpr int p = decltype(p8)::value;
            sum[p].low = vmlal_laneq_s16(sum[p].low, vget_low_s16(weights), value[p], k);
            sum[p].high = vmlal_high_laneq_s16(sum[p].high, weights, value[p], k);
          });
        });
      }
    });
    unroll<P>([&](auto p) __attribute__((always_inline)) {
      sums.of[decltype(p)::value] = sum[decltype(p)::value];
    });
  }
};

constexpr FeatureSet features = feature::neon;

}  // namespace

constinit const ConvolutionKernel dense = Dense<Bytes>::row("neon_dense", features);
constinit const ConvolutionKernel groups = Dense<Bytes>::grouped_row("neon_groups", features);
constinit const ConvolutionKernel wide = Dense<Words>::row("neon_wide", features);
constinit const ConvolutionKernel wide_groups =
    Dense<Words>::grouped_row("neon_wide_groups", features);
constinit const MatMulKernel matmul = MatMul<Bytes>::row("neon_matmul", features);
constinit const MatMulKernel matmul_wide = MatMul<Words>::row("neon_matmul_wide", features);

}  // namespace octavo::kernels::neon
