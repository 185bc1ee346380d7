// Dense convolution and products of activations by usmmla: two pixels and two channels, eight of
// the depth, an instruction. Unsigned inputs meet signed weights: nothing is shifted, and rows are
// read where they are.
#include "kernels/i8mm/rows.h"
#include "kernels/neon/matmul.h"

namespace octavo::kernels::i8mm {
namespace {

using namespace neon;

struct Bytes {
  static constexpr int pixels = 8;
  static constexpr ptrdiff_t element_bytes = 1;
  static constexpr bool shifted = false;
  static constexpr int32_t together = 8;

  // Of a step: [8 channels][8].
  static int32_t place(int32_t k, int32_t lane, int32_t) {
    return k / 8 * step_weights + lane * 8 + k % 8;
  }
  static bool needs_care(const int8_t*, int32_t) { return false; }

  // A register of sums is [2 pixels][2 channels].
  template <int P>
  static OCTAVO_INLINE void accumulate(const Operands& o, Sums<P>& sums) {
    constexpr int pairs = (P + 1) / 2;
    int32x4_t sum[pairs][4];
    unroll<4 * pairs>([&](auto i) __attribute__((always_inline)) {
      constexpr int c = decltype(i)::value % 4;
      const int32x2_t bias = vld1_s32(o.bias + 2 * c);
      sum[decltype(i)::value / 4][c] = vcombine_s32(bias, bias);
    });
    o.each_run<P>([&](const std::byte*(&x)[P], const std::byte* w) __attribute__((always_inline)) {
      const ptrdiff_t end = ptrdiff_t{o.steps} * 8;
      for (ptrdiff_t k = 0; k < end; k += 8, w += step_weights) {
        uint8x16_t value[pairs];
        unroll<pairs>([&](auto i) __attribute__((always_inline)) {
          constexpr int p = 2 * decltype(i)::value, next = p + 1 < P ? p + 1 : p;
          value[decltype(i)::value] = vcombine_u8(bytes_of(x[p] + k), bytes_of(x[next] + k));
        });
        unroll<4>([&](auto c4) __attribute__((always_inline)) {
          constexpr int c = decltype(c4)::value;
          const int8x16_t weights = weights_of(w + 16 * c);
          unroll<pairs>([&](auto i) __attribute__((always_inline)) {
            constexpr int p = decltype(i)::value;
            sum[p][c] = vusmmlaq_s32(sum[p][c], value[p], weights);
          });
        });
      }
    });
    unroll<P>([&](auto i) __attribute__((always_inline)) {
      constexpr int p = decltype(i)::value, pair = p / 2;
      const auto pixel = [&](int32x4_t a, int32x4_t b) __attribute__((always_inline)) {
        const int64x2_t first = vreinterpretq_s64_s32(a), second = vreinterpretq_s64_s32(b);
        return vreinterpretq_s32_s64(p % 2 == 0 ? vzip1q_s64(first, second)
                                                : vzip2q_s64(first, second));
      };
      sums.of[p] = {pixel(sum[pair][0], sum[pair][1]), pixel(sum[pair][2], sum[pair][3])};
    });
  }
};

constexpr FeatureSet features = feature::neon | feature::dotprod | feature::i8mm;

}  // namespace

constinit const ConvolutionKernel dense = Dense<Bytes>::row("i8mm_dense", features);
constinit const ConvolutionKernel groups = Dense<Bytes>::wider_groups_row("i8mm_groups", features);
constinit const MatMulKernel matmul = MatMul<Bytes>::row("i8mm_matmul", features);

}  // namespace octavo::kernels::i8mm
