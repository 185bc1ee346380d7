// The AVX2 kernels, for machines without VNNI: one row a kernel. Products of 8-bit operands are
// formed by vpmaddwd on operands widened to 16 bits; by vpmaddubsw, which saturates, only where the
// weights prove that it does not.
// This file is compiled without AVX2: it runs on every machine.
#include "kernels/table.h"

#include "kernels/avx2/rows.h"
#include "kernels/common/multiplier.h"

namespace octavo::kernels {

namespace {

constexpr ConvolutionKernel depthwise = {"avx2_depthwise",
                                         feature::avx2,
                                         avx2::depthwise::accepts,
                                         16,
                                         avx2::depthwise::packed_bytes,
                                         avx2::depthwise::pack,
                                         avx2::depthwise::prepared_bytes,
                                         avx2::depthwise::prepare,
                                         avx2::depthwise::scratch_bytes,
                                         avx2::depthwise::run};

constexpr PoolKernel pools[] = {
    {"avx2_pool", feature::avx2, avx2::pool::accepts, avx2::pool::run},
};

constexpr ElementwiseKernel elementwises[] = {
    {"avx2_elementwise", feature::avx2, avx2::elementwise::accepts, nullptr, nullptr,
     avx2::elementwise::run},
};

constexpr NormalizeKernel normalizes[] = {
    {"avx2_layer_norm", feature::avx2, avx2::layer_norm::accepts, nullptr, nullptr,
     avx2::layer_norm::run},
    {"avx2_l2", feature::avx2, avx2::l2::accepts, nullptr, nullptr, avx2::l2::run},
    {"avx2_softmax", feature::avx2, avx2::softmax::accepts, nullptr, nullptr, avx2::softmax::run},
    {"avx2_long_softmax", feature::avx2, avx2::softmax::accepts_long, nullptr, nullptr,
     avx2::softmax::run_long},
};

constexpr ResizeKernel resizes[] = {
    {"avx2_resize", feature::avx2, avx2::resize::accepts, avx2::resize::run},
};

}  // namespace

KernelTable avx2_table() {
  static const ConvolutionKernel convolutions[] = {
      depthwise,      common::ChannelMultiplier<depthwise>::row("avx2_multiplier"),
      avx2::winograd, avx2::bytes,
      avx2::dense,    avx2::groups};
  static const MatMulKernel matmuls[] = {avx2::matmul};
  return {convolutions, pools, elementwises, normalizes, matmuls, resizes};
}

}  // namespace octavo::kernels
