// Conv.
#include "base/text.h"
#include "onnx/fused.h"
#include "onnx/operators.h"
#include "onnx/window.h"

namespace octavo::onnx {

namespace {

Outputs convolve(NodeContext& node) {
  const Constant* weight = node.constant(1, "the weight");
  if (weight == nullptr) return {};
  const Shape shape = weight->shape;
  if (shape.size() != 3 && shape.size() != 4) {
    return node.fail(concat("its weight is ", list_text(shape),
                            ", only convolutions of one or two dimensions are known"));
  }
  const std::optional<Window> window = read_window(node, Shape(shape.begin() + 2, shape.end()));
  const int64_t groups = node.integer("group", 1);
  if (groups < 1 || groups > weight->shape[0]) {
    return node.fail(concat("group is ", groups, " for a weight ", list_text(weight->shape)));
  }
  if (!window) return {};
  Value kernel = node.input(1);  // of one dimension: a row
  if (shape.size() == 3) {
    kernel = node.emit_part("weight", Reshape{{shape[0], shape[1], 1, shape[2]}}, {kernel});
  }
  const Conv2d op{window->stride, window->dilation, window->pads, static_cast<int>(groups)};
  // [o, i, kh, kw] to [o, kh, kw, i].
  std::vector<Value> inputs{to_nhwc(node, node.input(0)),
                            node.emit_part("weight", Transpose{{0, 2, 3, 1}}, {kernel})};
  if (node.has_input(2)) {
    if (node.constant(2, "the bias") == nullptr) return {};
    inputs.push_back(node.input(2));
  }
  return {to_nchw(node, node.emit(op, inputs))};
}

// activation(convolution + z), as ONNX Runtime's optimizer joins them.
Outputs fused_convolution(NodeContext& node) {
  const auto parameters = node.reals("activation_params").value_or(std::vector<float>{});
  Outputs outputs = convolve(node);
  if (node.failed() || outputs.empty()) return {};
  Value y = outputs[0];
  if (node.has_input(3)) {
    y = node.emit_part("sum", Binary{Binary::Kind::add}, {y, node.input(3)});
  }
  return {with_activation(node, y, parameters)};
}

}  // namespace

std::vector<OperatorRow> convolution_operators() {
  return {
      {"Conv", 2, 3, {1, 11, 22}, convolve},
      {"FusedConv", 2, 4, {1}, fused_convolution, {}, microsoft_domain},
  };
}

}  // namespace octavo::onnx
