// What AMX does better than kernels/avx512, which finishes its sums. This file is compiled without
// either: it runs on every machine.
#include "kernels/table.h"

#include "kernels/amx/rows.h"

namespace octavo::kernels {

KernelTable amx_table() {
  static const ConvolutionKernel convolutions[] = {amx::dense, amx::grouped};
  static const MatMulKernel matmuls[] = {amx::matmul};
  return {.convolutions = convolutions,
          .pools = {},
          .elementwises = {},
          .normalizes = {},
          .matmuls = matmuls,
          .resizes = {}};
}

}  // namespace octavo::kernels
