// Operators that move values and compute nothing.
#include <algorithm>
#include <cstring>

#include "float/kernel.h"
#include "float/walk.h"

namespace octavo {

namespace {

void copy(const float* from, int64_t count, float* to) {
  std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
}

// Reads the input from `start` on with `strides`, writes the output in order.
Kernel strided_copy(const Shape& output, const Shape& strides, int64_t start) {
  const Walk<1> walk = make_walk<1>(output, {strides});
  const int64_t size = walk.axes.back().size, step = walk.axes.back().strides[0];
  return {[=](const Operands& operands) {
    const float* x = operands.inputs[0] + start;
    float* y = operands.output;
    for_each_row(walk, [&](const std::array<int64_t, 1>& offsets) {
      const float* row = x + offsets[0];
      if (step == 1) {
        copy(row, size, y);
      } else {
        for (int64_t i = 0; i < size; ++i) y[i] = row[i * step];
      }
      y += size;
    });
  }};
}

// For each index along one axis of the output, the input's index; -1: the pad value.
std::vector<int64_t> padded_indices(Pad::Mode mode, int64_t size, int64_t before, int64_t after) {
  std::vector<int64_t> indices;
  indices.reserve(static_cast<size_t>(before + size + after));
  const int64_t period = std::max<int64_t>(1, 2 * (size - 1));
  for (int64_t i = -before; i < size + after; ++i) {
    int64_t index = i;
    if (i < 0 || i >= size) {
      if (mode == Pad::Mode::constant) {
        index = -1;
      } else if (mode == Pad::Mode::edge) {
        index = std::clamp<int64_t>(i, 0, size - 1);
      } else {  // a mirror that does not repeat the edge, as often as needed
        index = ((i % period) + period) % period;
        if (index >= size) index = period - index;
      }
    }
    indices.push_back(index);
  }
  return indices;
}

struct Padding {
  std::vector<std::vector<int64_t>> indices;  // an entry an axis
  Shape strides;                              // of the input
  float value = 0;

  // Writes everything below `axis` and returns where the output goes on.
  float* fill(const float* x, size_t axis, float* y) const {
    const bool row = axis + 1 == indices.size();
    for (const int64_t index : indices[axis]) {
      if (index < 0) {
        y = std::fill_n(y, below(axis), value);
      } else if (row) {
        *y++ = x[index];
      } else {
        y = fill(x + index * strides[axis], axis + 1, y);
      }
    }
    return y;
  }

  int64_t below(size_t axis) const {
    int64_t count = 1;
    for (size_t i = axis + 1; i < indices.size(); ++i) {
      count *= static_cast<int64_t>(indices[i].size());
    }
    return count;
  }
};

}  // namespace

Kernel make_reshape(const Graph& graph, const Node& node) {
  const int64_t count = product(shape_of(graph, node.output));
  return {[count](const Operands& operands) {
            if (operands.inputs[0] != operands.output) {
              copy(operands.inputs[0], count, operands.output);
            }
          },
          0, true};
}

Kernel make_transpose(const Graph& graph, const Node& node) {
  const Shape strides = row_major_strides(shape_of(graph, node.inputs[0]));
  Shape permuted;
  for (const int axis : std::get<Transpose>(node.op).perm) {
    permuted.push_back(strides[static_cast<size_t>(axis)]);
  }
  return strided_copy(shape_of(graph, node.output), permuted, 0);
}

Kernel make_slice(const Graph& graph, const Node& node) {
  const auto& op = std::get<Slice>(node.op);
  Shape strides = row_major_strides(shape_of(graph, node.inputs[0]));
  int64_t start = 0;
  for (size_t axis = 0; axis < strides.size(); ++axis) {
    start += op.starts[axis] * strides[axis];
    strides[axis] *= op.steps[axis];
  }
  return strided_copy(shape_of(graph, node.output), strides, start);
}

Kernel make_expand(const Graph& graph, const Node& node) {
  const Shape& y = shape_of(graph, node.output);
  return strided_copy(y, broadcast_strides(shape_of(graph, node.inputs[0]), y), 0);
}

Kernel make_concat(const Graph& graph, const Node& node) {
  const auto axis = static_cast<size_t>(std::get<Concat>(node.op).axis);
  const int64_t outer = product(shape_of(graph, node.output), 0, axis);
  std::vector<int64_t> lengths;  // of each input's block below the axes before `axis`
  for (const TensorId input : node.inputs) {
    const Shape& x = shape_of(graph, input);
    lengths.push_back(product(x, axis, x.size()));
  }
  return {[=](const Operands& operands) {
    float* y = operands.output;
    for (int64_t o = 0; o < outer; ++o) {
      for (size_t i = 0; i < lengths.size(); ++i) {
        copy(operands.inputs[i] + o * lengths[i], lengths[i], y);
        y += lengths[i];
      }
    }
  }};
}

Kernel make_gather(const Graph& graph, const Node& node) {
  const auto& op = std::get<Gather>(node.op);
  const Shape& x = shape_of(graph, node.inputs[0]);
  const auto axis = static_cast<size_t>(op.axis);
  const int64_t outer = product(x, 0, axis);
  const int64_t inner = product(x, axis + 1, x.size());
  const int64_t length = x[axis];
  return {[outer, inner, length, indices = op.indices](const Operands& operands) {
    float* y = operands.output;
    for (int64_t o = 0; o < outer; ++o) {
      const float* block = operands.inputs[0] + o * length * inner;
      for (const int64_t index : indices) {
        if (inner == 1) {
          *y = block[index];
        } else {
          copy(block + index * inner, inner, y);
        }
        y += inner;
      }
    }
  }};
}

Kernel make_pad(const Graph& graph, const Node& node) {
  const auto& op = std::get<Pad>(node.op);
  const Shape& x = shape_of(graph, node.inputs[0]);
  Padding padding{{}, row_major_strides(x), op.value};
  for (size_t axis = 0; axis < x.size(); ++axis) {
    padding.indices.push_back(padded_indices(op.mode, x[axis], op.before[axis], op.after[axis]));
  }
  return {[padding](const Operands& operands) {
    padding.fill(operands.inputs[0], 0, operands.output);
  }};
}

}  // namespace octavo
