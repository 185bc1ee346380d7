// Conv.
#include "base/text.h"
#include "onnx/fused.h"
#include "onnx/operators.h"
#include "onnx/window.h"

namespace octavo::onnx {

namespace {

// A convolution of three dimensions, [n, c, d0, d1, d2], that one of them passes through
// unchanged: maps of the other two, as many as that one is long.
Outputs convolve_maps(NodeContext& node, const Shape& shape, int groups) {
  const Shape kernel(shape.begin() + 2, shape.end()), x = node.input(0).shape();
  const std::optional<SolidWindow> solid = read_solid_window(node, kernel);
  if (!solid) return {};
  const auto [through, first, second, window] = *solid;
  const auto axis = [](size_t i) { return static_cast<int>(i + 2); };
  const Conv2d op{window.stride, window.dilation, window.pads, groups};
  const Value turned = node.emit_part(
      "to_nhwc", Transpose{{0, axis(through), axis(first), axis(second), 1}}, {node.input(0)});
  const Value maps = node.emit_part(
      "maps", Reshape{{x[0] * x[through + 2], x[first + 2], x[second + 2], x[1]}}, {turned});
  std::vector<Value> inputs{
      maps, node.emit_part("weight", Reshape{{shape[0], shape[1], kernel[first], kernel[second]}},
                           {node.input(1)})};
  inputs[1] = node.emit_part("weight", Transpose{{0, 2, 3, 1}}, {inputs[1]});
  if (node.has_input(2)) {
    if (node.constant(2, "the bias") == nullptr) return {};
    inputs.push_back(node.input(2));
  }
  const Value y = node.emit(op, inputs);
  if (node.failed()) return {};
  const Shape& map = y.shape();
  const Value stacked =
      node.emit_part("maps", Reshape{{x[0], x[through + 2], map[1], map[2], map[3]}}, {y});
  std::vector<int> back{0, 4, 0, 0, 0};
  back[through + 2] = 1;
  back[first + 2] = 2;
  back[second + 2] = 3;
  return {node.emit_part("to_nchw", Transpose{back}, {stacked})};
}

Outputs convolve(NodeContext& node) {
  const Constant* weight = node.constant(1, "the weight");
  if (weight == nullptr) return {};
  const Shape shape = weight->shape;
  if (shape.size() < 3 || shape.size() > 5) {
    return node.fail(concat("its weight is ", list_text(shape),
                            ", only convolutions of one to three dimensions are known"));
  }
  const int64_t groups = node.integer("group", 1);
  if (groups < 1 || groups > weight->shape[0]) {
    return node.fail(concat("group is ", groups, " for a weight ", list_text(weight->shape)));
  }
  if (shape.size() == 5) return convolve_maps(node, shape, static_cast<int>(groups));
  const std::optional<Window> window = read_window(node, Shape(shape.begin() + 2, shape.end()));
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
