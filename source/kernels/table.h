// What a folder of kernels offers: one row a kernel, best first.
#pragma once

#include <span>

#include "base/result.h"
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

// Whether every row has all of its functions; the Error names the row and what it lacks.
Status check(const KernelTable& table);
// Of all tables of this build.
Status check_tables();

}  // namespace octavo::kernels
