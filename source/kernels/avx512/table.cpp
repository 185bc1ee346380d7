// The AVX-512 kernels, one row each: convolutions by vpdpbusd (VNNI), pools and elementwise steps.
// This file is compiled without AVX-512: it runs on every machine.
#include "kernels/table.h"

#include "kernels/avx512/rows.h"
#include "kernels/common/multiplier.h"

namespace octavo::kernels {

namespace {

constexpr FeatureSet vnni = feature::avx512 | feature::avx512vnni;

constexpr ConvolutionKernel depthwise = {"avx512vnni_depthwise",
                                         vnni,
                                         avx512::depthwise::accepts,
                                         64,
                                         avx512::depthwise::packed_bytes,
                                         avx512::depthwise::pack,
                                         avx512::depthwise::prepared_bytes,
                                         avx512::depthwise::prepare,
                                         avx512::depthwise::scratch_bytes,
                                         avx512::depthwise::run};

constexpr ConvolutionKernel depthwise_wide = {"avx512vnni_depthwise_wide",
                                              vnni,
                                              avx512::depthwise_wide::accepts,
                                              32,
                                              avx512::depthwise_wide::packed_bytes,
                                              avx512::depthwise_wide::pack,
                                              avx512::depthwise_wide::prepared_bytes,
                                              avx512::depthwise_wide::prepare,
                                              avx512::depthwise_wide::scratch_bytes,
                                              avx512::depthwise_wide::run};

constexpr PoolKernel pools[] = {
    {"avx512_pool", feature::avx512, avx512::pool::accepts, avx512::pool::run},
};

constexpr ElementwiseKernel elementwises[] = {
    {"avx512_elementwise", feature::avx512, avx512::elementwise::accepts,
     avx512::elementwise::prepared_bytes, avx512::elementwise::prepare, avx512::elementwise::run},
};

constexpr NormalizeKernel normalizes[] = {
    {"avx512_layer_norm", feature::avx512, avx512::layer_norm::accepts,
     avx512::layer_norm::prepared_bytes, avx512::layer_norm::prepare, avx512::layer_norm::run},
    {"avx512_l2", feature::avx512, avx512::l2::accepts, avx512::l2::prepared_bytes,
     avx512::l2::prepare, avx512::l2::run},
    {"avx512_softmax", feature::avx512, avx512::softmax::accepts, avx512::softmax::prepared_bytes,
     avx512::softmax::prepare, avx512::softmax::run},
};

constexpr ResizeKernel resizes[] = {
    {"avx512_resize", feature::avx512, avx512::resize::accepts, avx512::resize::run},
};

}  // namespace

KernelTable avx512_table() {
  static const ConvolutionKernel convolutions[] = {
      depthwise,
      common::ChannelMultiplier<depthwise>::row("avx512vnni_multiplier"),
      depthwise_wide,
      common::ChannelMultiplier<depthwise_wide>::row("avx512vnni_multiplier_wide"),
      {"avx512vnni_pointwise", vnni, avx512::dense::accepts_pointwise, 16,
       avx512::dense::packed_bytes, avx512::dense::pack, avx512::dense::prepared_bytes,
       avx512::dense::prepare, avx512::dense::scratch_bytes, avx512::dense::run},
      avx512::winograd,
      {"avx512vnni_dense", vnni, avx512::dense::accepts, 16, avx512::dense::packed_bytes,
       avx512::dense::pack, avx512::dense::prepared_bytes, avx512::dense::prepare,
       avx512::dense::scratch_bytes, avx512::dense::run},
      {"avx512vnni_grouped", vnni, avx512::grouped::accepts, 64, avx512::grouped::packed_bytes,
       avx512::grouped::pack, avx512::grouped::prepared_bytes, avx512::grouped::prepare,
       avx512::grouped::scratch_bytes, avx512::grouped::run},
      {"avx512vnni_groups", vnni, avx512::dense::accepts_grouped, avx512::dense::unsplit,
       avx512::dense::packed_bytes, avx512::dense::pack, avx512::dense::prepared_bytes,
       avx512::dense::prepare, avx512::dense::scratch_bytes, avx512::dense::run_grouped},
      {"avx512vnni_wide", vnni, avx512::wide::accepts, 16, avx512::wide::packed_bytes,
       avx512::wide::pack, avx512::wide::prepared_bytes, avx512::wide::prepare,
       avx512::wide::scratch_bytes, avx512::wide::run},
      {"avx512vnni_grouped_wide", vnni, avx512::grouped_wide::accepts, 32,
       avx512::grouped_wide::packed_bytes, avx512::grouped_wide::pack,
       avx512::grouped_wide::prepared_bytes, avx512::grouped_wide::prepare,
       avx512::grouped_wide::scratch_bytes, avx512::grouped_wide::run},
      {"avx512vnni_wide_groups", vnni, avx512::wide::accepts_grouped, avx512::dense::unsplit,
       avx512::wide::packed_bytes, avx512::wide::pack, avx512::wide::prepared_bytes,
       avx512::wide::prepare, avx512::wide::scratch_bytes, avx512::wide::run_grouped},
  };
  static const MatMulKernel matmuls[] = {avx512::matmul, avx512::matmul_wide};
  return {convolutions, pools, elementwises, normalizes, matmuls, resizes};
}

}  // namespace octavo::kernels
