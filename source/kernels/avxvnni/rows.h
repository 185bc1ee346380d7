// The rows of the table, each beside its kernel.
#pragma once

#include "kernels/kernel.h"

namespace octavo::kernels::avxvnni {

extern const ConvolutionKernel dense, groups, winograd;
extern const MatMulKernel matmul;

// The same in AVX-512's encoding: no table has these.
extern const ConvolutionKernel evex_dense, evex_groups, evex_winograd;
extern const MatMulKernel evex_matmul;

}  // namespace octavo::kernels::avxvnni
