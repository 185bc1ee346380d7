// A permute step made ready for the layouts of its two tensors.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "plan/limits.h"
#include "runtime/layout.h"

namespace octavo::runtime {

// Loops, outermost first, that copy runs of elements which stay together.
struct Permutation {
  struct Axis {
    ptrdiff_t count = 1;
    ptrdiff_t source = 0, target = 0;  // what a step along it adds
  };
  // One of the step's axes may be three here: of rows, columns and channels.
  static constexpr size_t most_axes = 3 * plan_limit::permuted_axes;
  std::array<Axis, most_axes> axis{};
  int axes = 0;
  // Offsets are bytes from the first pixel; or, where rows or pixels of one of the layouts end at
  // no common distance inside an axis, elements counted row-major.
  bool in_bytes = true;
  ptrdiff_t run = 1;  // bytes, or elements
  // The two innermost axes are a matrix of single elements: the last lies together in the
  // target, the last but one in the source. A run is then a row of the target.
  bool transposes = false;
  ptrdiff_t runs = 1;
  int32_t element_bytes = 1;
};

// `dims` are those of x, in row-major order; axis i of y is axis perm[i] of these.
Permutation analyse_permute(const std::vector<int32_t>& dims, const std::vector<int32_t>& perm,
                            const TensorLayout& x, const TensorLayout& y);

// The runs [begin, end); x and y are the tensors' first pixels.
void permute(const std::byte* x, const TensorLayout& x_layout, std::byte* y,
             const TensorLayout& y_layout, const Permutation& order, ptrdiff_t begin,
             ptrdiff_t end);

}  // namespace octavo::runtime
