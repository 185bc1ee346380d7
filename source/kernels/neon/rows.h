// The rows of the tables, each beside its kernel: constants, so that nothing in a file that is
// compiled for an ISA runs before the machine's features are known.
#pragma once

#include "kernels/kernel.h"

namespace octavo::kernels::neon {

extern const ConvolutionKernel winograd, dense, groups, wide, wide_groups, depthwise,
    depthwise_wide;
extern const PoolKernel pool;
extern const ElementwiseKernel elementwise;
extern const NormalizeKernel layer_norm, l2, softmax, long_softmax;
extern const MatMulKernel matmul, matmul_wide;
extern const ResizeKernel resize;

}  // namespace octavo::kernels::neon
