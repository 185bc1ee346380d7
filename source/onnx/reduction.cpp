// Reductions over axes.
#include <algorithm>

#include "base/text.h"
#include "onnx/operators.h"

namespace octavo::onnx {

namespace {

// Axes come as an attribute, or as an input since `since_input`; none means all,
// unless noop_with_empty_axes. Nothing when there is nothing to reduce.
std::optional<std::vector<int>> read_axes(NodeContext& node, int since_input) {
  std::optional<std::vector<int64_t>> axes;
  bool reduces_all = true;
  if (node.version() < since_input) {
    axes = node.integers("axes");
  } else {
    reduces_all = node.integer("noop_with_empty_axes", 0) == 0;
    if (node.has_input(1)) axes = node.integers_input(1, "the list of axes");
  }
  if (node.failed()) return std::nullopt;
  const size_t rank = node.input(0).shape().size();
  std::vector<int> out;
  if (axes && !axes->empty()) {
    for (const int64_t axis : *axes) out.push_back(node.normalized_axis(axis, rank));
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
  } else if (reduces_all) {
    for (size_t axis = 0; axis < rank; ++axis) out.push_back(static_cast<int>(axis));
  }
  if (out.empty()) return std::nullopt;
  return out;
}

struct Plan {
  std::optional<std::vector<int>> axes;
  bool keep_dims;
};

Plan read_plan(NodeContext& node, int since_input) {
  const bool keep_dims = node.integer("keepdims", 1) != 0;
  return {read_axes(node, since_input), keep_dims};
}

template <Reduce::Kind kind, int since_input>
Outputs reduce(NodeContext& node) {
  Plan plan = read_plan(node, since_input);
  if (!plan.axes) return {node.input(0)};
  return {node.emit(Reduce{kind, *std::move(plan.axes), plan.keep_dims}, {node.input(0)})};
}

Outputs sum_of_absolute(NodeContext& node) {
  Plan plan = read_plan(node, 18);
  const Value absolute = node.emit_part("abs", Unary{Unary::Kind::absolute}, {node.input(0)});
  if (!plan.axes) return {absolute};
  return {node.emit(Reduce{Reduce::Kind::sum, *std::move(plan.axes), plan.keep_dims}, {absolute})};
}

Outputs sum_of_squares(NodeContext& node) {
  Plan plan = read_plan(node, 18);
  const Value squares =
      node.emit_part("square", Binary{Binary::Kind::multiply}, {node.input(0), node.input(0)});
  if (!plan.axes) return {squares};
  return {node.emit(Reduce{Reduce::Kind::sum, *std::move(plan.axes), plan.keep_dims}, {squares})};
}

Outputs logarithm_of_sum(NodeContext& node) {
  Plan plan = read_plan(node, 18);
  Value sum = node.input(0);
  if (plan.axes) {
    sum = node.emit_part("sum", Reduce{Reduce::Kind::sum, *std::move(plan.axes), plan.keep_dims},
                         {sum});
  }
  return {node.emit(Unary{Unary::Kind::log}, {sum})};
}

// max + log(sum(exp(x - max))), which does not overflow.
Outputs logarithm_of_sum_of_exponentials(NodeContext& node) {
  const Plan plan = read_plan(node, 18);
  if (!plan.axes || plan.axes->empty()) return {node.input(0)};
  const Value& x = node.input(0);
  const Binary add{Binary::Kind::add}, subtract{Binary::Kind::subtract};
  const Value most = node.emit_part("max", Reduce{Reduce::Kind::maximum, *plan.axes, true}, {x});
  Value sum = node.emit_part("centred", subtract, {x, most});
  sum = node.emit_part("exp", Unary{Unary::Kind::exp}, {sum});
  sum = node.emit_part("sum", Reduce{Reduce::Kind::sum, *plan.axes, true}, {sum});
  sum = node.emit_part("log", Unary{Unary::Kind::log}, {sum});
  if (plan.keep_dims) return {node.emit(add, {sum, most})};
  sum = node.emit_part("back", add, {sum, most});
  if (node.failed()) return {};
  Shape shape;
  for (size_t i = 0; i < x.shape().size(); ++i) {
    const bool reduced = std::count(plan.axes->begin(), plan.axes->end(), static_cast<int>(i)) != 0;
    if (!reduced) shape.push_back(x.shape()[i]);
  }
  return {node.emit(Reshape{shape}, {sum})};
}

// The only reduction that shapes use and networks do not: on integer constants, to one.
Outputs product(NodeContext& node) {
  const Plan plan = read_plan(node, 18);
  const Constant* x = node.constant(0, "its input");
  if (x == nullptr) return {};
  if (!x->integers || !plan.axes || plan.axes->size() != x->shape.size()) {
    return node.fail("only the product of all elements of a list of integers is known");
  }
  uint64_t out = 1;
  for (const int64_t value : *x->integers) out *= static_cast<uint64_t>(value);
  return node.folded(make_integers(plan.keep_dims ? Shape(x->shape.size(), 1) : Shape{},
                                   {static_cast<int64_t>(out)}));
}

}  // namespace

std::vector<OperatorRow> reduction_operators() {
  using R = Reduce::Kind;
  return {
      {"ReduceMean", 1, 2, {1, 11, 13, 18}, reduce<R::mean, 18>},
      {"ReduceSum", 1, 2, {1, 11, 13}, reduce<R::sum, 13>},
      {"ReduceMax", 1, 2, {1, 11, 12, 13, 18, 20}, reduce<R::maximum, 18>},
      {"ReduceMin", 1, 2, {1, 11, 12, 13, 18, 20}, reduce<R::minimum, 18>},
      {"ReduceL2", 1, 2, {1, 11, 13, 18}, reduce<R::l2, 18>},
      {"ReduceL1", 1, 2, {1, 11, 13, 18}, sum_of_absolute},
      {"ReduceSumSquare", 1, 2, {1, 11, 13, 18}, sum_of_squares},
      {"ReduceLogSum", 1, 2, {1, 11, 13, 18}, logarithm_of_sum},
      {"ReduceLogSumExp", 1, 2, {1, 11, 13, 18}, logarithm_of_sum_of_exponentials},
      {"ReduceProd", 1, 2, {1, 11, 13, 18}, product},
  };
}

}  // namespace octavo::onnx
