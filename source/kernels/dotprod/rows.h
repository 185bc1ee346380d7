// The rows of the table, each beside its kernel.
#pragma once

#include "kernels/kernel.h"

namespace octavo::kernels::dotprod {

extern const ConvolutionKernel depthwise, dense, groups;
extern const MatMulKernel matmul;

}  // namespace octavo::kernels::dotprod
