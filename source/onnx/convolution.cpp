// Conv.
#include "base/text.h"
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

struct Fused {
  std::string_view name;
  Unary op;
  size_t parameters;
};

// activation(convolution + z), as ONNX Runtime's optimizer joins them.
Outputs fused_convolution(NodeContext& node) {
  const std::string name = node.text("activation", "");
  const std::vector<float> p = node.reals("activation_params").value_or(std::vector<float>{});
  const auto parameter = [&](size_t i) { return i < p.size() ? p[i] : 0.0f; };
  const Fused known[] = {
      {"Relu", {Unary::Kind::relu}, 0},
      {"Tanh", {Unary::Kind::tanh}, 0},
      {"Sigmoid", {Unary::Kind::sigmoid}, 0},
      {"LeakyRelu", {Unary::Kind::leaky_relu, parameter(0)}, 1},
      {"Clip", {Unary::Kind::clip, parameter(0), parameter(1)}, 2},
      {"HardSigmoid", {Unary::Kind::hard_sigmoid, parameter(0), parameter(1)}, 2},
  };
  Outputs outputs = convolve(node);
  if (node.failed() || outputs.empty()) return {};
  Value y = outputs[0];
  if (node.has_input(3)) {
    y = node.emit_part("sum", Binary{Binary::Kind::add}, {y, node.input(3)});
  }
  if (name.empty()) return {y};
  for (const Fused& fused : known) {
    if (fused.name == name && fused.parameters == p.size()) {
      return {node.emit_part("activation", fused.op, {y})};
    }
  }
  return node.fail(concat("its activation is ", quoted(name), " with ", p.size(), " parameters"));
}

}  // namespace

std::vector<OperatorRow> convolution_operators() {
  return {
      {"Conv", 2, 3, {1, 11, 22}, convolve},
      {"FusedConv", 2, 4, {1}, fused_convolution, {}, microsoft_domain},
  };
}

}  // namespace octavo::onnx
