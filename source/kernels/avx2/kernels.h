// The AVX2 kernels, for machines without VNNI. Products of 8-bit operands are formed by
// vpmaddwd on operands widened to 16 bits: exact, where vpmaddubsw would saturate.
#pragma once

#include <span>

#include "kernels/kernel.h"

namespace octavo::kernels {

std::span<const ConvolutionKernel> avx2_convolution_kernels();
std::span<const PoolKernel> avx2_pool_kernels();
std::span<const ElementwiseKernel> avx2_elementwise_kernels();
std::span<const NormalizeKernel> avx2_normalize_kernels();
std::span<const MatMulKernel> avx2_matmul_kernels();
std::span<const ResizeKernel> avx2_resize_kernels();

}  // namespace octavo::kernels
