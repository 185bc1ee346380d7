#include "kernels/table.h"

#include "kernels/reference/kernels.h"

namespace octavo::kernels {

KernelTable reference_table() {
  return {reference_convolution_kernels(), reference_pool_kernels(),
          reference_elementwise_kernels(), reference_normalize_kernels(),
          reference_matmul_kernels(),      reference_resize_kernels()};
}

}  // namespace octavo::kernels
