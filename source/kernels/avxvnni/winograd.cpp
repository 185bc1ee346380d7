// Convolution 3x3 by transforms and vpdpwssd on 256 bits; compiled twice, as dense.cpp is.
#include "kernels/avx2/winograd.h"

#include "kernels/avxvnni/rows.h"

namespace octavo::kernels::avxvnni {
namespace {

struct Words {
  // Measured on Zen 5.
  static constexpr double direct = 57, transformed = 30, for_input = 8, for_output = 16, read = 16;

  static OCTAVO_INLINE __m256i dot(__m256i sum, __m256i values, __m256i weights) {
#ifdef __AVXVNNI__
    return _mm256_dpwssd_avx_epi32(sum, values, weights);
#else
    return _mm256_dpwssd_epi32(sum, values, weights);
#endif
  }
};

}  // namespace

#ifdef __AVXVNNI__
constinit const ConvolutionKernel winograd =
    common::Winograd<avx2::Pairs<Words>>::row("avxvnni_winograd", feature::avx2 | feature::avxvnni);
#else
constinit const ConvolutionKernel evex_winograd = common::Winograd<avx2::Pairs<Words>>::row(
    "avxvnni_winograd_evex", feature::avx2 | feature::avx512 | feature::avx512vnni);
#endif

}  // namespace octavo::kernels::avxvnni
