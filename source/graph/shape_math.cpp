// Shape rules of the operators that compute.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "graph/shape_rules.h"

namespace octavo::shape_rules {

namespace {

std::string axis_range(int axis, size_t rank) {
  return concat("axis ", axis, " is outside a tensor of ", rank, " axes");
}

bool axis_fits(int axis, const Shape& shape) {
  return axis >= 0 && static_cast<size_t>(axis) < shape.size();
}

bool all_positive(const std::array<int, 2>& pair) {
  return pair[0] > 0 && pair[1] > 0;
}

bool none_negative(const Pads& pads) {
  return pads.top >= 0 && pads.left >= 0 && pads.bottom >= 0 && pads.right >= 0;
}

// A window that slides along one axis. All values are bounded by 2^31, so nothing overflows.
struct Window {
  int64_t size, kernel, stride, dilation, before, after;

  int64_t span() const { return dilation * (kernel - 1) + 1; }
  int64_t room() const { return size + before + after - span(); }  // where the window can start
};

Window window(const Shape& x, size_t axis, std::array<int64_t, 2> kernel,
              const std::array<int, 2>& stride, const std::array<int, 2>& dilation,
              const Pads& pads) {
  return {x[axis + 1],
          kernel[axis],
          stride[axis],
          dilation[axis],
          axis == 0 ? pads.top : pads.left,
          axis == 0 ? pads.bottom : pads.right};
}

Error window_too_large(const Operands& in, const Window& w, size_t axis) {
  return in.wrong(concat("a window of ", w.span(), " does not fit the padded ",
                         axis == 0 ? "height " : "width ", w.size + w.before + w.after));
}

}  // namespace

Result<Shape> output_shape(const Conv2d& op, const Operands& in) {
  const Shape& x = in.shape(0);
  const Shape& weight = in.shape(1);
  if (x.size() != 4 || weight.size() != 4) {
    return in.wrong(concat("needs x [n, h, w, c] and weight [o, kh, kw, c / groups], found ",
                           list_text(x), " and ", list_text(weight)));
  }
  if (!all_positive(op.stride) || !all_positive(op.dilation) || !none_negative(op.pads)) {
    return in.wrong("strides and dilations must be positive, pads not negative");
  }
  if (op.groups < 1 || x[3] % op.groups != 0 || weight[0] % op.groups != 0) {
    return in.wrong(concat(op.groups, " groups do not divide ", x[3], " input and ", weight[0],
                           " output channels"));
  }
  if (weight[3] != x[3] / op.groups) {
    return in.wrong(concat("weight ", list_text(weight), " has ", weight[3],
                           " channels a group, the input ", list_text(x), " in ", op.groups,
                           " groups has ", x[3] / op.groups));
  }
  if (in.count() == 3 && in.shape(2) != Shape{weight[0]}) {
    return in.wrong(
        concat("bias ", list_text(in.shape(2)), " does not match ", weight[0], " output channels"));
  }
  Shape out{x[0], 0, 0, weight[0]};
  for (size_t axis = 0; axis < 2; ++axis) {
    const Window w = window(x, axis, {weight[1], weight[2]}, op.stride, op.dilation, op.pads);
    if (w.room() < 0) return window_too_large(in, w, axis);
    out[axis + 1] = w.room() / w.stride + 1;
  }
  return out;
}

Result<Shape> output_shape(const Pool2d& op, const Operands& in) {
  const Shape& x = in.shape(0);
  if (x.size() != 4) return in.wrong(concat("needs x [n, h, w, c], found ", list_text(x)));
  if (!all_positive(op.kernel) || !all_positive(op.stride) || !all_positive(op.dilation) ||
      !none_negative(op.pads)) {
    return in.wrong("kernel, strides and dilations must be positive, pads not negative");
  }
  Shape out{x[0], 0, 0, x[3]};
  for (size_t axis = 0; axis < 2; ++axis) {
    const Window w = window(x, axis, {op.kernel[0], op.kernel[1]}, op.stride, op.dilation, op.pads);
    // Every window must hold a pixel: a maximum or an average over none has no value.
    if (w.before >= w.span() || w.after >= w.span() || (w.before > 0 && w.dilation > w.size)) {
      return in.wrong(concat("padding ", w.before, " and ", w.after, " of a window of ", w.span(),
                             " on ", w.size, " pixels leaves a window without a pixel"));
    }
    if (w.room() < 0 && !op.ceil_mode) return window_too_large(in, w, axis);
    // Rounded down for negative room too, where integer division would round to zero.
    const int64_t rounded = op.ceil_mode ? w.room() + w.stride - 1 : w.room();
    if (rounded < 0) return window_too_large(in, w, axis);
    out[axis + 1] = rounded / w.stride + 1;
    if (op.ceil_mode && (out[axis + 1] - 1) * w.stride >= w.size + w.before) --out[axis + 1];
  }
  return out;
}

Result<Shape> output_shape(const MatMul& op, const Operands& in) {
  const Shape& a = in.shape(0);
  const Shape& b = in.shape(1);
  if (a.size() < 2 || b.size() < 2) {
    return in.wrong(concat("needs matrices, found ", list_text(a), " and ", list_text(b)));
  }
  const int64_t k = b[b.size() - (op.transpose_b ? 1 : 2)];
  const int64_t n = b[b.size() - (op.transpose_b ? 2 : 1)];
  if (a.back() != k) {
    return in.wrong(concat("rows of ", a.back(), " in ", list_text(a), " do not match columns of ",
                           k, " in ", list_text(b)));
  }
  if (in.count() == 3 && in.shape(2) != Shape{n}) {
    return in.wrong(concat("bias ", list_text(in.shape(2)), " does not match ", n, " columns"));
  }
  std::optional<Shape> out =
      broadcast(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  if (!out) {
    return in.wrong(
        concat("leading sizes of ", list_text(a), " and ", list_text(b), " do not broadcast"));
  }
  out->push_back(a[a.size() - 2]);
  out->push_back(n);
  return *std::move(out);
}

Result<Shape> output_shape(const Binary&, const Operands& in) {
  std::optional<Shape> out = broadcast(in.shape(0), in.shape(1));
  if (!out) {
    return in.wrong(
        concat(list_text(in.shape(0)), " and ", list_text(in.shape(1)), " do not broadcast"));
  }
  return *std::move(out);
}

Result<Shape> output_shape(const Unary& op, const Operands& in) {
  if (std::isnan(op.alpha) || std::isnan(op.beta)) return in.wrong("a parameter is not a number");
  if (op.kind == Unary::Kind::clip && op.alpha > op.beta) {
    return in.wrong(concat("the bounds ", op.alpha, " and ", op.beta, " are in the wrong order"));
  }
  return in.shape(0);
}

Result<Shape> output_shape(const FakeQuantize& op, const Operands& in) {
  const Shape& x = in.shape(0);
  if (op.grid.scale.empty() || op.grid.scale.size() != op.grid.zero_point.size()) {
    return in.wrong(concat("has ", op.grid.scale.size(), " scales and ", op.grid.zero_point.size(),
                           " zero points"));
  }
  for (size_t i = 0; i < op.grid.scale.size(); ++i) {
    const bool sound = op.grid.scale[i] > 0 && std::isfinite(op.grid.scale[i]) &&
                       op.grid.zero_point[i] >= 0 && op.grid.zero_point[i] <= op.grid.highest;
    if (sound) continue;
    return in.wrong(concat("scale ", op.grid.scale[i], " and zero point ", op.grid.zero_point[i],
                           " cannot store integers from 0 to ", op.grid.highest));
  }
  if (!op.by_axis()) return x;
  if (!axis_fits(op.axis, x)) return in.wrong(axis_range(op.axis, x.size()));
  if (x[static_cast<size_t>(op.axis)] == static_cast<int64_t>(op.grid.scale.size())) return x;
  return in.wrong(
      concat(op.grid.scale.size(), " scales do not match axis ", op.axis, " of ", list_text(x)));
}

Result<Shape> output_shape(const ChannelAffine& op, const Operands& in) {
  const Shape& x = in.shape(0);
  if (!axis_fits(op.axis, x)) return in.wrong(axis_range(op.axis, x.size()));
  const Shape channels{x[static_cast<size_t>(op.axis)]};
  if (in.shape(1) != channels || in.shape(2) != channels) {
    return in.wrong(concat("scale ", list_text(in.shape(1)), " and shift ", list_text(in.shape(2)),
                           " do not match axis ", op.axis, " of ", list_text(x)));
  }
  return x;
}

Result<Shape> output_shape(const Reduce& op, const Operands& in) {
  const Shape& x = in.shape(0);
  if (op.axes.empty()) return in.wrong("no axes to reduce");
  for (size_t i = 0; i < op.axes.size(); ++i) {
    if (!axis_fits(op.axes[i], x)) return in.wrong(axis_range(op.axes[i], x.size()));
    if (i > 0 && op.axes[i] <= op.axes[i - 1]) {
      return in.wrong(concat("axes ", list_text(op.axes), " are not in ascending order"));
    }
  }
  Shape out;
  for (size_t axis = 0; axis < x.size(); ++axis) {
    const bool reduced =
        std::find(op.axes.begin(), op.axes.end(), static_cast<int>(axis)) != op.axes.end();
    if (!reduced) out.push_back(x[axis]);
    if (reduced && op.keep_dims) out.push_back(1);
  }
  return out;
}

Result<Shape> output_shape(const Softmax& op, const Operands& in) {
  if (!axis_fits(op.axis, in.shape(0))) return in.wrong(axis_range(op.axis, in.shape(0).size()));
  return in.shape(0);
}

Result<Shape> output_shape(const LayerNorm& op, const Operands& in) {
  const Shape& x = in.shape(0);
  if (x.empty()) return in.wrong("needs at least one axis");
  if (!std::isfinite(op.epsilon) || op.epsilon < 0) {
    return in.wrong(concat("epsilon is ", op.epsilon));
  }
  if (in.shape(1) != Shape{x.back()} || in.shape(2) != Shape{x.back()}) {
    return in.wrong(concat("gamma ", list_text(in.shape(1)), " and beta ", list_text(in.shape(2)),
                           " do not match the last axis of ", list_text(x)));
  }
  return x;
}

}  // namespace octavo::shape_rules
