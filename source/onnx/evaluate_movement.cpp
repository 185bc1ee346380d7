// Folding of operators that move data; they take floats and integers alike.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "onnx/evaluate_rules.h"
#include "onnx/strided.h"

namespace octavo::onnx {

Constant broadcast_to(const Constant& constant, const Shape& shape) {
  if (constant.shape == shape) return constant;
  const Shape strides = strides_of(constant.shape);
  const size_t added = shape.size() - constant.shape.size();
  Offsets offsets;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const bool repeated = axis < added || constant.shape[axis - added] == 1;
    offsets.push_back(axis_offsets(0, shape[axis], 1, repeated ? 0 : strides[axis - added]));
  }
  return gather(constant, offsets, shape);
}

namespace evaluate_rules {

Folded fold(const Reshape&, std::span<const Constant> inputs, const Shape& out) {
  Constant constant = inputs[0];
  constant.shape = out;
  return {std::move(constant)};
}

Folded fold(const Expand&, std::span<const Constant> inputs, const Shape& out) {
  return {broadcast_to(inputs[0], out)};
}

Folded fold(const Transpose& op, std::span<const Constant> inputs, const Shape& out) {
  const Shape strides = strides_of(inputs[0].shape);
  Offsets offsets;
  for (size_t axis = 0; axis < out.size(); ++axis) {
    offsets.push_back(axis_offsets(0, out[axis], 1, strides[static_cast<size_t>(op.perm[axis])]));
  }
  return {gather(inputs[0], offsets, out)};
}

Folded fold(const Slice& op, std::span<const Constant> inputs, const Shape& out) {
  const Shape strides = strides_of(inputs[0].shape);
  Offsets offsets;
  for (size_t axis = 0; axis < out.size(); ++axis) {
    offsets.push_back(axis_offsets(op.starts[axis], out[axis], op.steps[axis], strides[axis]));
  }
  return {gather(inputs[0], offsets, out)};
}

Folded fold(const Gather& op, std::span<const Constant> inputs, const Shape& out) {
  const Shape strides = strides_of(inputs[0].shape);
  Offsets offsets;
  for (size_t axis = 0; axis < out.size(); ++axis) {
    offsets.push_back(axis_offsets(0, inputs[0].shape[axis], 1, strides[axis]));
  }
  std::vector<int64_t>& chosen = offsets[static_cast<size_t>(op.axis)];
  chosen.clear();
  for (const int64_t index : op.indices) {
    chosen.push_back(index * strides[static_cast<size_t>(op.axis)]);
  }
  return {gather(inputs[0], offsets, out)};
}

namespace {

template <class Number>
std::vector<Number> joined(std::span<const Constant> inputs, size_t axis, const Shape& out,
                           const std::shared_ptr<const std::vector<Number>> Constant::*values) {
  int64_t outer = 1;
  for (size_t i = 0; i < axis; ++i) outer *= out[i];
  std::vector<Number> result;
  result.reserve(static_cast<size_t>(element_count(out)));
  for (int64_t row = 0; row < outer; ++row) {
    for (const Constant& input : inputs) {
      const int64_t chunk = input.size() / outer;
      const auto begin = (input.*values)->begin() + row * chunk;
      result.insert(result.end(), begin, begin + chunk);
    }
  }
  return result;
}

// Where the padded axis reads: an index into the source, or -1 for the padding value.
std::vector<int64_t> padded_indices(int64_t size, int64_t before, int64_t after, Pad::Mode mode) {
  std::vector<int64_t> indices;
  for (int64_t i = -before; i < size + after; ++i) {
    int64_t index = i;
    if (mode == Pad::Mode::constant && (i < 0 || i >= size)) index = -1;
    if (mode == Pad::Mode::edge) index = std::clamp<int64_t>(i, 0, size - 1);
    if (mode == Pad::Mode::reflect && i < 0) index = -i;
    if (mode == Pad::Mode::reflect && i >= size) index = 2 * (size - 1) - i;
    indices.push_back(index);
  }
  return indices;
}

template <class Number>
std::vector<Number> padded(const std::vector<Number>& source, const Offsets& offsets,
                           Number value) {
  std::vector<Number> out;
  for_each_offset(offsets, [&](int64_t offset) {
    out.push_back(offset < 0 ? value : source[static_cast<size_t>(offset)]);
  });
  return out;
}

}  // namespace

Folded fold(const Concat& op, std::span<const Constant> inputs, const Shape& out) {
  const auto axis = static_cast<size_t>(op.axis);
  for (const Constant& input : inputs) {
    if (input.kind != inputs[0].kind) return rejected("joins floats and integers");
  }
  if (inputs[0].reals) return {make_reals(out, joined(inputs, axis, out, &Constant::reals))};
  return {make_integers(out, joined(inputs, axis, out, &Constant::integers), inputs[0].kind)};
}

Folded fold(const Pad& op, std::span<const Constant> inputs, const Shape& out) {
  const Constant& x = inputs[0];
  const Shape strides = strides_of(x.shape);
  // So far below zero that the other axes cannot lift a sum of offsets to a real one.
  const int64_t outside = -(int64_t{1} << 40);
  Offsets offsets;
  for (size_t axis = 0; axis < out.size(); ++axis) {
    std::vector<int64_t> indices =
        padded_indices(x.shape[axis], op.before[axis], op.after[axis], op.mode);
    for (int64_t& index : indices) index = index < 0 ? outside : index * strides[axis];
    offsets.push_back(std::move(indices));
  }
  if (x.reals) return {make_reals(out, padded(*x.reals, offsets, op.value))};
  if (!(std::abs(op.value) < 0x1p62f)) return rejected("pads integers with a value out of range");
  return {make_integers(out, padded(*x.integers, offsets, static_cast<int64_t>(op.value)), x.kind)};
}

}  // namespace evaluate_rules

}  // namespace octavo::onnx
