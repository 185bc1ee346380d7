// One row a kernel. This file is compiled without AVX-512: it runs on every machine.
#include "kernels/avx512/kernels.h"
#include "kernels/avx512/rows.h"

namespace octavo::kernels {

namespace {

constexpr FeatureSet vnni = feature::avx512 | feature::avx512vnni;

constexpr ConvolutionKernel convolutions[] = {
    {"avx512vnni_depthwise", vnni, avx512::depthwise::accepts, 64, avx512::depthwise::packed_bytes,
     avx512::depthwise::pack, avx512::depthwise::scratch_bytes, avx512::depthwise::run},
    {"avx512vnni_pointwise", vnni, avx512::dense::accepts_pointwise, 16,
     avx512::dense::packed_bytes, avx512::dense::pack, avx512::dense::scratch_bytes,
     avx512::dense::run},
    {"avx512vnni_dense", vnni, avx512::dense::accepts, 16, avx512::dense::packed_bytes,
     avx512::dense::pack, avx512::dense::scratch_bytes, avx512::dense::run},
    {"avx512vnni_grouped", vnni, avx512::grouped::accepts, 64, avx512::grouped::packed_bytes,
     avx512::grouped::pack, avx512::grouped::scratch_bytes, avx512::grouped::run},
    {"avx512vnni_groups", vnni, avx512::dense::accepts_grouped, avx512::dense::unsplit,
     avx512::dense::packed_bytes, avx512::dense::pack, avx512::dense::scratch_bytes,
     avx512::dense::run_grouped},
    {"avx512_wide", feature::avx512, avx512::wide::accepts, 16, avx512::wide::packed_bytes,
     avx512::wide::pack, avx512::wide::scratch_bytes, avx512::wide::run},
};

constexpr PoolKernel pools[] = {
    {"avx512_pool", feature::avx512, avx512::pool::accepts, avx512::pool::run},
};

constexpr ElementwiseKernel elementwises[] = {
    {"avx512_elementwise", feature::avx512, avx512::elementwise::accepts, avx512::elementwise::run},
};

}  // namespace

std::span<const ConvolutionKernel> avx512_convolution_kernels() {
  return convolutions;
}
std::span<const PoolKernel> avx512_pool_kernels() {
  return pools;
}
std::span<const ElementwiseKernel> avx512_elementwise_kernels() {
  return elementwises;
}

}  // namespace octavo::kernels
