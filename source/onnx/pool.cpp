// MaxPool, AveragePool and the global pools.
#include "base/text.h"
#include "onnx/operators.h"
#include "onnx/window.h"

namespace octavo::onnx {

namespace {

// Of three dimensions that one passes through unchanged: a pool works on each channel alone, so
// that the entries of that one are channels.
Outputs pool_solid(NodeContext& node, Pool2d op) {
  const std::optional<SolidWindow> solid = read_solid_window(node, std::nullopt);
  if (!solid) return {};
  const auto [through, first, second, window] = *solid;
  const Shape x = node.input(0).shape();
  op.kernel = window.kernel, op.stride = window.stride;
  op.dilation = window.dilation, op.pads = window.pads;
  const auto axis = [](size_t i) { return static_cast<int>(i + 2); };
  const Value turned = node.emit_part(
      "to_nhwc", Transpose{{0, axis(first), axis(second), 1, axis(through)}}, {node.input(0)});
  const Value map = node.emit_part(
      "map", Reshape{{x[0], x[first + 2], x[second + 2], x[1] * x[through + 2]}}, {turned});
  const Value y = node.emit(op, {map});
  if (node.failed()) return {};
  const Shape& out = y.shape();
  const Value stacked =
      node.emit_part("channels", Reshape{{x[0], out[1], out[2], x[1], x[through + 2]}}, {y});
  std::vector<int> back{0, 3, 0, 0, 0};
  back[first + 2] = 1;
  back[second + 2] = 2;
  back[through + 2] = 4;
  return {node.emit_part("to_nchw", Transpose{back}, {stacked})};
}

Outputs pool(NodeContext& node, Pool2d::Kind kind) {
  const bool average = kind == Pool2d::Kind::average;
  Pool2d op{kind};
  op.ceil_mode = node.integer("ceil_mode", 0) != 0;
  op.count_include_pad = average && node.integer("count_include_pad", 0) != 0;
  if (!average) node.integer("storage_order", 0);  // of the indices, which are refused
  if (node.reads_output(1)) return node.fail("its second output, the indices, is not known");
  if (node.input(0).shape().size() == 5) return pool_solid(node, op);
  const std::optional<Window> window = read_window(node, std::nullopt);
  if (!window) return {};
  op.kernel = window->kernel;
  op.stride = window->stride;
  op.dilation = window->dilation;
  op.pads = window->pads;
  return {to_nchw(node, node.emit(op, {to_nhwc(node, node.input(0))}))};
}

Outputs max_pool(NodeContext& node) {
  return pool(node, Pool2d::Kind::maximum);
}
Outputs average_pool(NodeContext& node) {
  return pool(node, Pool2d::Kind::average);
}

// Over everything behind the channels, whatever the rank.
Outputs global_pool(NodeContext& node, Reduce::Kind kind) {
  const size_t rank = node.input(0).shape().size();
  if (rank < 3) return node.fail(concat("its input has ", rank, " axes, expected at least 3"));
  Reduce op{kind, {}, true};
  for (size_t axis = 2; axis < rank; ++axis) op.axes.push_back(static_cast<int>(axis));
  return {node.emit(std::move(op), {node.input(0)})};
}

Outputs global_average_pool(NodeContext& node) {
  return global_pool(node, Reduce::Kind::mean);
}
Outputs global_max_pool(NodeContext& node) {
  return global_pool(node, Reduce::Kind::maximum);
}

// The root of a sum of squares.
Outputs pool_of_lengths(NodeContext& node) {
  const int64_t p = node.integer("p", 2);
  const std::optional<Window> window = read_window(node, std::nullopt);
  if (p != 2) return node.fail(concat("p is ", p, ", 2 is known"));
  if (node.integer("ceil_mode", 0) != 0) return node.fail("ceil_mode is not known");
  if (!window) return {};
  Pool2d op{Pool2d::Kind::average};
  op.count_include_pad = true;
  op.kernel = window->kernel;
  op.stride = window->stride;
  op.dilation = window->dilation;
  op.pads = window->pads;
  const Binary multiply{Binary::Kind::multiply};
  Value sum = node.emit_part("square", multiply, {node.input(0), node.input(0)});
  sum = to_nchw(node, node.emit_part("mean", op, {to_nhwc(node, sum)}));
  const auto area = static_cast<float>(op.kernel[0]) * static_cast<float>(op.kernel[1]);
  sum = node.emit_part("area", multiply, {sum, scalar(area)});
  return {node.emit(Unary{Unary::Kind::sqrt}, {sum})};
}

Outputs global_pool_of_lengths(NodeContext& node) {
  const int64_t p = node.integer("p", 2);
  if (p != 2) return node.fail(concat("p is ", p, ", 2 is known"));
  return global_pool(node, Reduce::Kind::l2);
}

}  // namespace

std::vector<OperatorRow> pool_operators() {
  return {
      {"MaxPool", 1, 1, {1, 8, 10, 11, 12, 22}, max_pool, {}, "", StoredInputs::moved},
      {"AveragePool", 1, 1, {1, 7, 10, 11, 19, 22}, average_pool},
      {"LpPool", 1, 1, {2, 11, 18, 22}, pool_of_lengths, {1}},
      {"GlobalLpPool", 1, 1, {2, 22}, global_pool_of_lengths, {1}},
      {"GlobalAveragePool", 1, 1, {1, 22}, global_average_pool},
      {"GlobalMaxPool", 1, 1, {1, 22}, global_max_pool},
  };
}

}  // namespace octavo::onnx
