// Inside the room: every operator that only moves data is a walk over its result that
// reads the source at a sum of offsets, one an axis.
#pragma once

#include <cstdint>
#include <vector>

#include "onnx/value.h"

namespace octavo::onnx {

// One entry an axis of the result: where, relative to the others, its j-th index lies
// in the source.
using Offsets = std::vector<std::vector<int64_t>>;

// Row-major.
Shape strides_of(const Shape& shape);
// start * stride, (start + step) * stride, ...: `count` of them.
std::vector<int64_t> axis_offsets(int64_t start, int64_t count, int64_t step, int64_t stride);

template <class Visit>
void for_each_offset(const Offsets& axes, const Visit& visit, size_t axis = 0, int64_t base = 0) {
  if (axis == axes.size()) {
    visit(base);
  } else {
    for (const int64_t offset : axes[axis]) for_each_offset(axes, visit, axis + 1, base + offset);
  }
}

template <class Number>
std::vector<Number> gather(const std::vector<Number>& source, const Offsets& offsets) {
  size_t count = 1;
  for (const auto& axis : offsets) count *= axis.size();
  std::vector<Number> out;
  out.reserve(count);
  for_each_offset(offsets,
                  [&](int64_t offset) { out.push_back(source[static_cast<size_t>(offset)]); });
  return out;
}

// The same for a constant of either kind.
Constant gather(const Constant& source, const Offsets& offsets, const Shape& shape);

}  // namespace octavo::onnx
