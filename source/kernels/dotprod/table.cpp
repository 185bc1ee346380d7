// What sdot (Cortex-A55, A75, A76, Neoverse N1 and later) does better than kernels/neon.
#include "kernels/table.h"

#include "kernels/common/multiplier.h"
#include "kernels/dotprod/rows.h"

namespace octavo::kernels {

KernelTable dotprod_table() {
  using namespace dotprod;
  static const ConvolutionKernel convolutions[] = {
      depthwise, common::ChannelMultiplier<depthwise>::row("dotprod_multiplier"), dense, groups};
  static const MatMulKernel matmuls[] = {matmul};
  return {.convolutions = convolutions,
          .pools = {},
          .elementwises = {},
          .normalizes = {},
          .matmuls = matmuls,
          .resizes = {}};
}

}  // namespace octavo::kernels
