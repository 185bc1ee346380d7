// Dense convolution and products of activations by sdot: four products and their sum a lane. The
// input is staged as u8 - 128; the bias makes up for it.
#include "kernels/dotprod/rows.h"
#include "kernels/neon/matmul.h"

namespace octavo::kernels::dotprod {
namespace {

using namespace neon;

struct Bytes {
  static constexpr int pixels = 8;
  static constexpr ptrdiff_t element_bytes = 1;
  static constexpr bool shifted = true;
  static constexpr int32_t together = 4;

  // Of a step: [2 quads of the depth][8 channels][4].
  static int32_t place(int32_t k, int32_t lane, int32_t) {
    return k / 8 * step_weights + k % 8 / 4 * 32 + lane * 4 + k % 4;
  }
  static bool needs_care(const int8_t*, int32_t) { return false; }

  // For cores that work in order each register is loaded anew as soon as its last sdot is under
  // way, half a step before it is needed (beyond the last step: from the slack). Inputs are
  // loaded 8 bytes at a time, which there costs no cycle beside sdot; 16 only the weights, four
  // loads for 4 P sdots.
  template <int P>
  static OCTAVO_INLINE void accumulate(const Operands& o, Sums<P>& sums) {
    const Int bias = Vector::load(o.bias);
    Int sum[P];
    unroll<P>([&](auto p) __attribute__((always_inline)) { sum[decltype(p)::value] = bias; });
    o.each_run<P>([&](const std::byte*(&x)[P], const std::byte* w) __attribute__((always_inline)) {
      const auto inputs = [&](int p, ptrdiff_t k) __attribute__((always_inline)) {
        return vreinterpret_s8_u8(bytes_of(x[p] + k));
      };
      int8x8_t value[P];
      unroll<P>([&](auto p) __attribute__((always_inline)) {
        value[decltype(p)::value] = inputs(decltype(p)::value, 0);
      });
      int8x16_t low = weights_of(w), high = weights_of(w + 16);
      const ptrdiff_t end = ptrdiff_t{o.steps} * 8;
      for (ptrdiff_t k = 8; k <= end; k += 8) {
        const int8x16_t next_low = weights_of(w + 32), next_high = weights_of(w + 48);
        unroll<P>([&](auto p8) __attribute__((always_inline)) {
          constexpr int p = decltype(p8)::value;
          sum[p].low = vdotq_lane_s32(sum[p].low, low, value[p], 0);
          sum[p].high = vdotq_lane_s32(sum[p].high, high, value[p], 0);
        });
        w += step_weights;
        low = weights_of(w);
        high = weights_of(w + 16);
        unroll<P>([&](auto p8) __attribute__((always_inline)) {
          constexpr int p = decltype(p8)::value;
          sum[p].low = vdotq_lane_s32(sum[p].low, next_low, value[p], 1);
          sum[p].high = vdotq_lane_s32(sum[p].high, next_high, value[p], 1);
          value[p] = inputs(p, k);
        });
      }
    });
    unroll<P>([&](auto p) __attribute__((always_inline)) {
      sums.of[decltype(p)::value] = sum[decltype(p)::value];
    });
  }
};

constexpr FeatureSet features = feature::neon | feature::dotprod;

}  // namespace

constinit const ConvolutionKernel dense = Dense<Bytes>::row("dotprod_dense", features);
constinit const ConvolutionKernel groups = Dense<Bytes>::grouped_row("dotprod_groups", features);
constinit const MatMulKernel matmul = MatMul<Bytes>::row("dotprod_matmul", features);

}  // namespace octavo::kernels::dotprod
