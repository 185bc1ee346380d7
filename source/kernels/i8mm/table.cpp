// What usmmla (Cortex-A510, A710, Neoverse N2, V1 and later) does better than kernels/dotprod.
#include "kernels/table.h"

#include "kernels/i8mm/rows.h"

namespace octavo::kernels {

KernelTable i8mm_table() {
  using namespace i8mm;
  static const ConvolutionKernel convolutions[] = {dense, groups};
  static const MatMulKernel matmuls[] = {matmul};
  return {.convolutions = convolutions,
          .pools = {},
          .elementwises = {},
          .normalizes = {},
          .matmuls = matmuls,
          .resizes = {}};
}

}  // namespace octavo::kernels
