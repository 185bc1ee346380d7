// The kernels of every Armv8 machine. Without dotprod, products of 8-bit operands are formed by
// smull and smlal on bytes, depthwise and of 16 bits by smlal on words.
#include "kernels/table.h"

#include "kernels/common/multiplier.h"
#include "kernels/neon/rows.h"

namespace octavo::kernels {

KernelTable neon_table() {
  using namespace neon;
  static const ConvolutionKernel convolutions[] = {
      depthwise,      common::ChannelMultiplier<depthwise>::row("neon_multiplier"),
      depthwise_wide, common::ChannelMultiplier<depthwise_wide>::row("neon_multiplier_wide"),
      winograd,       dense,
      groups,         wide,
      wide_groups};
  static const MatMulKernel matmuls[] = {matmul, matmul_wide};
  static const PoolKernel pools[] = {pool};
  static const ElementwiseKernel elementwises[] = {elementwise};
  static const NormalizeKernel normalizes[] = {layer_norm, l2, softmax, long_softmax};
  static const ResizeKernel resizes[] = {resize};
  return {.convolutions = convolutions,
          .pools = pools,
          .elementwises = elementwises,
          .normalizes = normalizes,
          .matmuls = matmuls,
          .resizes = resizes};
}

}  // namespace octavo::kernels
