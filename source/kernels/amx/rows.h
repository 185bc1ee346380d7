// The rows of the table, each beside its kernel.
#pragma once

#include "kernels/kernel.h"

namespace octavo::kernels::amx {

extern const ConvolutionKernel dense, grouped;
extern const MatMulKernel matmul;

}  // namespace octavo::kernels::amx
