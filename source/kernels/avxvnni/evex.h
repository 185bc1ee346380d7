// For tests and benchmarks: all rows of the tables, and those of octavo_evex where it is linked,
// which are the kernels of this folder in AVX-512's encoding. The reference stays the last.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <vector>

#include "kernels/avxvnni/rows.h"

namespace octavo::kernels {

template <class Kernel>
std::vector<Kernel> with_rows(std::span<const Kernel> table, std::initializer_list<Kernel> more) {
  std::vector<Kernel> rows(table.begin(), table.end());
  rows.insert(std::prev(rows.end()), more);
  return rows;
}

inline std::vector<ConvolutionKernel> all_convolution_kernels() {
#ifdef OCTAVO_HAS_EVEX
  return with_rows(convolution_kernels(),
                   {avxvnni::evex_winograd, avxvnni::evex_dense, avxvnni::evex_groups});
#else
  return with_rows(convolution_kernels(), {});
#endif
}

inline std::vector<MatMulKernel> all_matmul_kernels() {
#ifdef OCTAVO_HAS_EVEX
  return with_rows(matmul_kernels(), {avxvnni::evex_matmul});
#else
  return with_rows(matmul_kernels(), {});
#endif
}

}  // namespace octavo::kernels
