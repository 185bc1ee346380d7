// The reference: docs/numerics.md in plain C++, slow and obvious. It accepts every
// shape and every type; all other kernels are tested for equality with it.
#pragma once

#include <span>

#include "kernels/kernel.h"

namespace octavo::kernels {

std::span<const ConvolutionKernel> reference_convolution_kernels();
std::span<const PoolKernel> reference_pool_kernels();
std::span<const ElementwiseKernel> reference_elementwise_kernels();
std::span<const NormalizeKernel> reference_normalize_kernels();
std::span<const MatMulKernel> reference_matmul_kernels();
std::span<const ResizeKernel> reference_resize_kernels();

}  // namespace octavo::kernels
