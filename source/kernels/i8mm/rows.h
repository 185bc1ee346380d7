// The rows of the table, each beside its kernel.
#pragma once

#include "kernels/kernel.h"

namespace octavo::kernels::i8mm {

extern const ConvolutionKernel dense, groups;
extern const MatMulKernel matmul;

}  // namespace octavo::kernels::i8mm
