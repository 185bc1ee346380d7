// Conv.
#include "base/text.h"
#include "onnx/operators.h"
#include "onnx/window.h"

namespace octavo::onnx {

namespace {

Outputs convolve(NodeContext& node) {
  const Constant* weight = node.constant(1, "the weight");
  if (weight == nullptr) return {};
  if (weight->shape.size() != 4) {
    return node.fail(concat("its weight is ", list_text(weight->shape),
                            ", only two-dimensional convolutions [o, i, kh, kw] are known"));
  }
  const std::optional<Window> window = read_window(node, Shape{weight->shape[2], weight->shape[3]});
  const int64_t groups = node.integer("group", 1);
  if (groups < 1 || groups > weight->shape[0]) {
    return node.fail(concat("group is ", groups, " for a weight ", list_text(weight->shape)));
  }
  if (!window) return {};
  const Conv2d op{window->stride, window->dilation, window->pads, static_cast<int>(groups)};
  // [o, i, kh, kw] to [o, kh, kw, i].
  std::vector<Value> inputs{to_nhwc(node, node.input(0)),
                            node.emit_part("weight", Transpose{{0, 2, 3, 1}}, {node.input(1)})};
  if (node.has_input(2)) {
    if (node.constant(2, "the bias") == nullptr) return {};
    inputs.push_back(node.input(2));
  }
  return {to_nchw(node, node.emit(op, inputs))};
}

}  // namespace

std::vector<OperatorRow> convolution_operators() {
  return {{"Conv", 2, 3, {1, 11, 22}, convolve}};
}

}  // namespace octavo::onnx
