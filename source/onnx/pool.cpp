// MaxPool, AveragePool and the global pools.
#include "base/text.h"
#include "onnx/operators.h"
#include "onnx/window.h"

namespace octavo::onnx {

namespace {

Outputs pool(NodeContext& node, Pool2d::Kind kind) {
  const bool average = kind == Pool2d::Kind::average;
  const std::optional<Window> window = read_window(node, std::nullopt);
  Pool2d op{kind};
  op.ceil_mode = node.integer("ceil_mode", 0) != 0;
  op.count_include_pad = average && node.integer("count_include_pad", 0) != 0;
  if (!average) node.integer("storage_order", 0);  // of the indices, which are refused
  if (node.reads_output(1)) return node.fail("its second output, the indices, is not known");
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

}  // namespace

std::vector<OperatorRow> pool_operators() {
  return {
      {"MaxPool", 1, 1, {1, 8, 10, 11, 12, 22}, max_pool, {}, "", StoredInputs::moved},
      {"AveragePool", 1, 1, {1, 7, 10, 11, 19, 22}, average_pool},
      {"GlobalAveragePool", 1, 1, {1, 22}, global_average_pool},
      {"GlobalMaxPool", 1, 1, {1, 22}, global_max_pool},
  };
}

}  // namespace octavo::onnx
