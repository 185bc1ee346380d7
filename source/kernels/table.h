// What a folder of kernels offers: one row a kernel, best first.
#pragma once

#include <span>

#include "kernels/kernel.h"

namespace octavo::kernels {

struct KernelTable {
  std::span<const ConvolutionKernel> convolutions;
  std::span<const PoolKernel> pools;
  std::span<const ElementwiseKernel> elementwises;
  std::span<const NormalizeKernel> normalizes;
  std::span<const MatMulKernel> matmuls;
  std::span<const ResizeKernel> resizes;
};

}  // namespace octavo::kernels
