// The AVX-512 kernels: convolutions by vpdpbusd (VNNI), pools and elementwise steps.
#pragma once

#include <span>

#include "kernels/kernel.h"

namespace octavo::kernels {

std::span<const ConvolutionKernel> avx512_convolution_kernels();
std::span<const PoolKernel> avx512_pool_kernels();
std::span<const ElementwiseKernel> avx512_elementwise_kernels();
std::span<const NormalizeKernel> avx512_normalize_kernels();
std::span<const MatMulKernel> avx512_matmul_kernels();
std::span<const ResizeKernel> avx512_resize_kernels();

}  // namespace octavo::kernels
