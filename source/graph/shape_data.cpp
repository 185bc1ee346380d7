// Shape rules of the operators that only move data.
#include <cmath>

#include "base/text.h"
#include "graph/shape_rules.h"

namespace octavo::shape_rules {

namespace {

Error rank_mismatch(const Operands& in, const char* what, size_t entries) {
  return in.wrong(concat(what, " has ", entries, " entries for ", list_text(in.shape(0))));
}

}  // namespace

Result<Shape> output_shape(const Reshape& op, const Operands& in) {
  const std::string bad = check_shape(op.shape);
  if (!bad.empty()) return in.wrong(concat("the target ", bad));
  if (element_count(op.shape) != element_count(in.shape(0))) {
    return in.wrong(concat(list_text(in.shape(0)), " has ", element_count(in.shape(0)),
                           " elements, ", list_text(op.shape), " has ", element_count(op.shape)));
  }
  return op.shape;
}

Result<Shape> output_shape(const Transpose& op, const Operands& in) {
  const Shape& x = in.shape(0);
  if (op.perm.size() != x.size()) return rank_mismatch(in, "perm", op.perm.size());
  std::vector<bool> seen(x.size(), false);
  Shape out;
  for (const int axis : op.perm) {
    const auto from = static_cast<size_t>(axis);
    if (axis < 0 || from >= x.size() || seen[from]) {
      return in.wrong(concat(list_text(op.perm), " is not a permutation of ", x.size(), " axes"));
    }
    seen[from] = true;
    out.push_back(x[from]);
  }
  return out;
}

Result<Shape> output_shape(const Concat& op, const Operands& in) {
  Shape out = in.shape(0);
  const auto axis = static_cast<size_t>(op.axis);
  if (op.axis < 0 || axis >= out.size()) {
    return in.wrong(concat("axis ", op.axis, " is outside a tensor of ", out.size(), " axes"));
  }
  out[axis] = 0;
  for (size_t i = 0; i < in.count(); ++i) {
    Shape other = in.shape(i);
    if (other.size() == out.size()) other[axis] = out[axis];
    if (other != out) {
      return in.wrong(concat("operand ", i, " ", list_text(in.shape(i)), " does not fit ",
                             list_text(in.shape(0)), " beside axis ", axis));
    }
    out[axis] += in.shape(i)[axis];
    if (out[axis] > most_elements) return in.wrong("too many elements");
  }
  return out;
}

Result<Shape> output_shape(const Slice& op, const Operands& in) {
  const Shape& x = in.shape(0);
  for (const Shape* entries : {&op.starts, &op.sizes, &op.steps}) {
    if (entries->size() != x.size()) return rank_mismatch(in, "slice", entries->size());
  }
  for (size_t axis = 0; axis < x.size(); ++axis) {
    const int64_t start = op.starts[axis], size = op.sizes[axis], step = op.steps[axis];
    const bool bounded = start >= 0 && start < x[axis] && size >= 1 && size <= x[axis] &&
                         step != 0 && step >= -most_elements && step <= most_elements;
    const int64_t last = bounded ? start + (size - 1) * step : -1;
    if (last < 0 || last >= x[axis]) {
      return in.wrong(concat(size, " elements from ", start, " with step ", step,
                             " are not all inside axis ", axis, " of ", list_text(x)));
    }
  }
  return op.sizes;
}

Result<Shape> output_shape(const Gather& op, const Operands& in) {
  Shape out = in.shape(0);
  const auto axis = static_cast<size_t>(op.axis);
  if (op.axis < 0 || axis >= out.size()) {
    return in.wrong(concat("axis ", op.axis, " is outside a tensor of ", out.size(), " axes"));
  }
  for (const int64_t index : op.indices) {
    if (index < 0 || index >= out[axis]) {
      return in.wrong(concat("index ", index, " is outside axis ", axis, " of ", list_text(out)));
    }
  }
  out[axis] = static_cast<int64_t>(op.indices.size());
  return out;
}

Result<Shape> output_shape(const Expand& op, const Operands& in) {
  const std::string bad = check_shape(op.shape);
  if (!bad.empty()) return in.wrong(concat("the target ", bad));
  if (broadcast(in.shape(0), op.shape) != op.shape) {
    return in.wrong(concat(list_text(in.shape(0)), " does not broadcast to ", list_text(op.shape)));
  }
  return op.shape;
}

Result<Shape> output_shape(const Pad& op, const Operands& in) {
  Shape out = in.shape(0);
  for (const Shape* entries : {&op.before, &op.after}) {
    if (entries->size() != out.size()) return rank_mismatch(in, "padding", entries->size());
  }
  if (!std::isfinite(op.value)) return in.wrong("the padding value is not finite");
  for (size_t axis = 0; axis < out.size(); ++axis) {
    const int64_t size = out[axis];
    const int64_t most = op.mode == Pad::Mode::reflect ? size - 1 : most_elements;
    for (const int64_t amount : {op.before[axis], op.after[axis]}) {
      if (amount < 0 || amount > most) {
        return in.wrong(concat("padding of ", amount, " on axis ", axis, " of ",
                               list_text(in.shape(0)), ", expected 0 to ", most));
      }
      out[axis] += amount;
    }
  }
  return out;
}

Result<Shape> output_shape(const Resize& op, const Operands& in) {
  const Shape& x = in.shape(0);
  if (x.size() != 4) return in.wrong(concat("needs x [n, h, w, c], found ", list_text(x)));
  if (!(op.scale_h > 0) || !(op.scale_w > 0) || !std::isfinite(op.scale_h) ||
      !std::isfinite(op.scale_w) || !std::isfinite(op.cubic_coefficient)) {
    return in.wrong("scales must be positive and finite");
  }
  return Shape{x[0], op.height, op.width, x[3]};
}

}  // namespace octavo::shape_rules
