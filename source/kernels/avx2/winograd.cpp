// Convolution 3x3 by transforms and vpmaddwd.
#include "kernels/avx2/winograd.h"

#include "kernels/avx2/rows.h"

namespace octavo::kernels::avx2 {
namespace {

struct Words {
  // Measured on Zen 3.
  static constexpr double direct = 27, transformed = 29, for_input = 8, for_output = 16, read = 6;

  static OCTAVO_INLINE __m256i dot(__m256i sum, __m256i values, __m256i weights) {
    return avx2::dot(sum, values, weights);
  }
};

}  // namespace

constinit const ConvolutionKernel winograd =
    common::Winograd<Pairs<Words>>::row("avx2_winograd", feature::avx2);

}  // namespace octavo::kernels::avx2
