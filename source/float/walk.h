// Walks over tensors whose axes have arbitrary strides: broadcasts, transposes,
// slices and reductions are all the same loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "graph/operator.h"

namespace octavo {

// Product of the axes [first, last).
inline int64_t product(const Shape& shape, size_t first, size_t last) {
  int64_t count = 1;
  for (size_t axis = first; axis < last; ++axis) count *= shape[axis];
  return count;
}
inline int64_t product(const Shape& shape) {
  return product(shape, 0, shape.size());
}

inline Shape row_major_strides(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (size_t axis = shape.size(); axis-- > 1;) {
    strides[axis - 1] = strides[axis] * shape[axis];
  }
  return strides;
}

// Strides with which a tensor of shape `from` is read as one of shape `to`: axes align
// at the end, an axis of 1 repeats.
inline Shape broadcast_strides(const Shape& from, const Shape& to) {
  const Shape own = row_major_strides(from);
  Shape strides(to.size(), 0);
  const size_t missing = to.size() - from.size();
  for (size_t axis = 0; axis < from.size(); ++axis) {
    if (from[axis] != 1) strides[missing + axis] = own[axis];
  }
  return strides;
}

// N tensors walked together over one shape, with as few axes as describe it.
template <size_t N>
struct Walk {
  struct Axis {
    int64_t size = 1;
    std::array<int64_t, N> strides{};
  };
  std::vector<Axis> axes;  // never empty; the last one is the row
};

template <size_t N>
Walk<N> make_walk(const Shape& shape, const std::array<Shape, N>& strides) {
  Walk<N> walk;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 1) continue;
    typename Walk<N>::Axis next{shape[axis], {}};
    for (size_t i = 0; i < N; ++i) next.strides[i] = strides[i][axis];
    bool continues = !walk.axes.empty();  // this axis goes on where the previous one steps
    for (size_t i = 0; continues && i < N; ++i) {
      continues = walk.axes.back().strides[i] == next.strides[i] * next.size;
    }
    if (continues) {
      walk.axes.back().size *= next.size;
      walk.axes.back().strides = next.strides;
    } else {
      walk.axes.push_back(next);
    }
  }
  if (walk.axes.empty()) walk.axes.push_back({});
  return walk;
}

// row(offsets): once for each row, in row-major order; offsets are those of its first element.
template <size_t N, class Row>
void for_each_row(const Walk<N>& walk, Row row) {
  const size_t outer = walk.axes.size() - 1;
  std::vector<int64_t> index(outer, 0);
  std::array<int64_t, N> offsets{};
  while (true) {
    row(offsets);
    size_t axis = outer;
    for (; axis > 0; --axis) {
      const auto& moved = walk.axes[axis - 1];
      for (size_t i = 0; i < N; ++i) offsets[i] += moved.strides[i];
      if (++index[axis - 1] < moved.size) break;
      for (size_t i = 0; i < N; ++i) offsets[i] -= moved.strides[i] * moved.size;
      index[axis - 1] = 0;
    }
    if (axis == 0) return;
  }
}

}  // namespace octavo
