// What AVX-VNNI (Intel's client cores since 2021, whose AVX-512 is off) does better than
// kernels/avx2. This file is compiled without either: it runs on every machine.
#include "kernels/table.h"

#include "kernels/avxvnni/rows.h"

namespace octavo::kernels {

KernelTable avxvnni_table() {
  using namespace avxvnni;
  static const ConvolutionKernel convolutions[] = {winograd, dense, groups};
  static const MatMulKernel matmuls[] = {matmul};
  return {.convolutions = convolutions,
          .pools = {},
          .elementwises = {},
          .normalizes = {},
          .matmuls = matmuls,
          .resizes = {}};
}

}  // namespace octavo::kernels
