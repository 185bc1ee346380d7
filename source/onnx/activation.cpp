// Activation functions.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "onnx/fused.h"
#include "onnx/logic.h"
#include "onnx/operators.h"
#include "onnx/quantizer.h"

namespace octavo::onnx {

namespace {

constexpr float most = std::numeric_limits<float>::max();

template <Unary::Kind kind>
Outputs plain(NodeContext& node) {
  return {node.emit(Unary{kind}, {node.input(0)})};
}

// Stored values that keep to a part of their type, as Brevitas writes it. Rounding is monotone, so
// that the bound, a value that can be stored, may come before it.
Outputs clip_stored(NodeContext& node, float low, float high) {
  const Value& x = node.input(0);
  const Quantizer& q = *x.quantized;
  const bool is_signed = q.type == DataType::int8 || q.type == DataType::int16;
  const bool wide = q.type == DataType::uint16 || q.type == DataType::int16;
  const float least = is_signed ? (wide ? -32768.0f : -128.0f) : 0.0f;
  const float largest = least + (wide ? 65535.0f : 255.0f);
  if (low <= least && high >= largest) return {x};
  if (q.by_axis()) return node.fail("it clips stored values that have a scale a channel");
  if (!x.before_rounding) return node.fail("it clips stored values that were moved");
  const auto real = [&](float level) {
    return (std::clamp(level, least, largest) - static_cast<float>(q.zero_point[0])) * q.scale[0];
  };
  const Value clipped = node.emit_part("bounds", Unary{Unary::Kind::clip, real(low), real(high)},
                                       {Value(*x.before_rounding, x.tensor_shape)});
  return {quantized(node, clipped, q, "")};
}

// Bounds are attributes before opset 11 and inputs since, each of them optional.
Outputs clip(NodeContext& node) {
  std::array<float, 2> bounds{-most, most};
  if (node.version() < 11) {
    bounds = {node.real("min", -most), node.real("max", most)};
  } else {
    for (size_t i = 0; i < 2; ++i) {
      if (!node.has_input(i + 1)) continue;
      const std::optional<float> bound =
          node.scalar_input(i + 1, i == 0 ? "the lower bound" : "the upper bound");
      if (!bound) return {};
      bounds[i] = *bound;
    }
  }
  if (std::isnan(bounds[0]) || std::isnan(bounds[1])) return node.fail("a bound is not a number");
  const float low = std::clamp(bounds[0], -most, most), high = std::clamp(bounds[1], -most, most);
  if (low > high) {  // by definition everything becomes the upper bound
    return node.fail(concat("the bounds ", low, " and ", high, " are in the wrong order"));
  }
  if (node.input(0).quantized) return clip_stored(node, low, high);
  if (node.input(0).is_constant() && node.input(0).constant.integers) {
    Value out = node.emit(Unary{Unary::Kind::clip, low, high}, {node.input(0)});
    out.constant.stored = node.input(0).constant.stored;
    return {std::move(out)};
  }
  if (low == 0 && high == most) return {node.emit(Unary{Unary::Kind::relu}, {node.input(0)})};
  return {node.emit(Unary{Unary::Kind::clip, low, high}, {node.input(0)})};
}

Outputs leaky_relu(NodeContext& node) {
  return {node.emit(Unary{Unary::Kind::leaky_relu, node.real("alpha", 0.01f)}, {node.input(0)})};
}

Outputs elu(NodeContext& node) {
  return {node.emit(Unary{Unary::Kind::elu, node.real("alpha", 1)}, {node.input(0)})};
}

// gamma * elu(x, alpha).
Outputs selu(NodeContext& node) {
  const float alpha = node.real("alpha", 1.67326319217681884765625f);
  const float gamma = node.real("gamma", 1.05070102214813232421875f);
  const Value inner = node.emit_part("elu", Unary{Unary::Kind::elu, alpha}, {node.input(0)});
  return {node.emit(Binary{Binary::Kind::multiply}, {inner, scalar(gamma)})};
}

// alpha * elu(x / alpha, 1).
Outputs celu(NodeContext& node) {
  const float alpha = node.real("alpha", 1);
  if (!(alpha > 0)) return node.fail(concat("alpha is ", alpha));
  const Binary multiply{Binary::Kind::multiply};
  Value x = node.emit_part("scaled", multiply, {node.input(0), scalar(1 / alpha)});
  x = node.emit_part("elu", Unary{Unary::Kind::elu, 1}, {x});
  return {node.emit(multiply, {x, scalar(alpha)})};
}

Outputs hard_sigmoid(NodeContext& node) {
  const Unary op{Unary::Kind::hard_sigmoid, node.real("alpha", 0.2f), node.real("beta", 0.5f)};
  return {node.emit(op, {node.input(0)})};
}

Outputs gelu(NodeContext& node) {
  const std::string form = node.text("approximate", "none");
  if (form != "none" && form != "tanh") {
    return node.fail(concat("approximate is ", quoted(form), ", expected none or tanh"));
  }
  return {node.emit(Unary{form == "none" ? Unary::Kind::gelu : Unary::Kind::gelu_tanh},
                    {node.input(0)})};
}

// Of x + bias, where there is one.
template <Unary::Kind kind>
Outputs gelu_of_sum(NodeContext& node) {
  Value x = node.input(0);
  if (node.has_input(1)) {
    x = node.emit_part("bias", Binary{Binary::Kind::add}, {x, node.input(1)});
  }
  return {node.emit(Unary{kind}, {x})};
}

// x * sigmoid(alpha * x).
Outputs quick_gelu(NodeContext& node) {
  const float alpha = node.real("alpha", 1.702f);
  const Value& x = node.input(0);
  const Value scaled = node.emit_part("alpha", Binary{Binary::Kind::multiply}, {x, scalar(alpha)});
  const Value gate = node.emit_part("sigmoid", Unary{Unary::Kind::sigmoid}, {scaled});
  return {node.emit(Binary{Binary::Kind::multiply}, {x, gate})};
}

// x sigmoid(alpha x).
Outputs swish(NodeContext& node) {
  const float alpha = node.real("alpha", 1);
  if (alpha == 1) return {node.emit(Unary{Unary::Kind::silu}, {node.input(0)})};
  const Value scaled =
      node.emit_part("scaled", Binary{Binary::Kind::multiply}, {node.input(0), scalar(alpha)});
  const Value gate = node.emit_part("gate", Unary{Unary::Kind::sigmoid}, {scaled});
  return {node.emit(Binary{Binary::Kind::multiply}, {node.input(0), gate})};
}

// x / (1 + |x|).
Outputs softsign(NodeContext& node) {
  const Value size = node.emit_part("abs", Unary{Unary::Kind::absolute}, {node.input(0)});
  const Value divisor = node.emit_part("add", Binary{Binary::Kind::add}, {size, scalar(1)});
  return {node.emit(Binary{Binary::Kind::divide}, {node.input(0), divisor})};
}

// One slope for all: a leaky ReLU. A slope a channel: relu(x) - slope * relu(-x).
Outputs parametric_relu(NodeContext& node) {
  const Constant* slope = node.constant(1, "the slope");
  if (slope == nullptr) return {};
  if (!slope->reals || slope->reals->empty()) return node.fail("the slope must be of floats");
  const std::vector<float>& slopes = *slope->reals;
  if (std::all_of(slopes.begin(), slopes.end(), [&](float s) { return s == slopes[0]; })) {
    return {node.emit(Unary{Unary::Kind::leaky_relu, slopes[0]}, {node.input(0)})};
  }
  const Value above = node.emit_part("above", Unary{Unary::Kind::relu}, {node.input(0)});
  const Value negated = node.emit_part("negated", Unary{Unary::Kind::negate}, {node.input(0)});
  const Value below = node.emit_part("below", Unary{Unary::Kind::relu}, {negated});
  const Value sloped =
      node.emit_part("sloped", Binary{Binary::Kind::multiply}, {below, node.input(1)});
  return {node.emit(Binary{Binary::Kind::subtract}, {above, sloped})};
}

struct Fused {
  std::string_view name;
  Unary op;
  size_t parameters;
};

// x above alpha, else 0.
Outputs thresholded_relu(NodeContext& node) {
  const Value& x = node.input(0);
  const Value above = is_above(node, "above", x, scalar(node.real("alpha", 1)));
  return {node.emit(Binary{Binary::Kind::multiply}, {x, above})};
}

// x + bias below -lambd, x - bias above lambd, 0 between.
Outputs shrink(NodeContext& node) {
  const Value& x = node.input(0);
  const float lambd = node.real("lambd", 0.5f), bias = node.real("bias", 0);
  const Binary add{Binary::Kind::add}, multiply{Binary::Kind::multiply};
  const Value below = is_above(node, "below", scalar(-lambd), x);
  const Value above = is_above(node, "above", x, scalar(lambd));
  const Value raised = node.emit_part("raised", add, {x, scalar(bias)});
  const Value lowered = node.emit_part("lowered", add, {x, scalar(-bias)});
  return {node.emit(add, {node.emit_part("negative", multiply, {raised, below}),
                          node.emit_part("positive", multiply, {lowered, above})})};
}

}  // namespace

Value with_activation(NodeContext& node, const Value& y, const std::vector<float>& parameters) {
  const std::string name = node.text("activation", "");
  if (node.failed() || name.empty()) return y;
  const auto parameter = [&](size_t i) { return i < parameters.size() ? parameters[i] : 0.0f; };
  const Fused known[] = {
      {"Relu", {Unary::Kind::relu}, 0},
      {"Tanh", {Unary::Kind::tanh}, 0},
      {"Sigmoid", {Unary::Kind::sigmoid}, 0},
      {"Softplus", {Unary::Kind::softplus}, 0},
      {"HardSwish", {Unary::Kind::hard_swish}, 0},
      {"LeakyRelu", {Unary::Kind::leaky_relu, parameter(0)}, 1},
      {"Elu", {Unary::Kind::elu, parameter(0)}, 1},
      {"Clip", {Unary::Kind::clip, parameter(0), parameter(1)}, 2},
      {"HardSigmoid", {Unary::Kind::hard_sigmoid, parameter(0), parameter(1)}, 2},
  };
  for (const Fused& fused : known) {
    if (fused.name == name && fused.parameters == parameters.size()) {
      return node.emit_part("activation", fused.op, {y});
    }
  }
  node.fail(concat("its activation is ", quoted(name), " with ", parameters.size(), " parameters"));
  return {};
}

std::vector<OperatorRow> activation_operators() {
  using U = Unary::Kind;
  return {
      {"Relu", 1, 1, {6, 13, 14}, plain<U::relu>, {1}},
      {"Clip", 1, 3, {6, 11, 12, 13}, clip, {1}, "", StoredInputs::read},
      {"ThresholdedRelu", 1, 1, {10, 22}, thresholded_relu},
      {"Shrink", 1, 1, {9}, shrink},
      {"LeakyRelu", 1, 1, {6, 16}, leaky_relu, {1}},
      {"PRelu", 2, 2, {7, 9, 16}, parametric_relu, {1, 6}},
      {"Elu", 1, 1, {6, 22}, elu, {1}},
      {"Selu", 1, 1, {6, 22}, selu, {1}},
      {"Celu", 1, 1, {12}, celu},
      {"Sigmoid", 1, 1, {6, 13}, plain<U::sigmoid>, {1}},
      {"HardSigmoid", 1, 1, {6, 22}, hard_sigmoid, {1}},
      {"HardSwish", 1, 1, {14, 22}, plain<U::hard_swish>},
      {"Gelu", 1, 1, {20}, gelu},
      {"Gelu", 1, 1, {1}, plain<U::gelu>, {}, microsoft_domain},
      {"BiasGelu", 2, 2, {1}, gelu_of_sum<U::gelu>, {}, microsoft_domain},
      {"FastGelu", 1, 2, {1}, gelu_of_sum<U::gelu_tanh>, {}, microsoft_domain},
      {"QuickGelu", 1, 1, {1}, quick_gelu, {}, microsoft_domain},
      {"Mish", 1, 1, {18, 22}, plain<U::mish>},
      {"Softplus", 1, 1, {1, 22}, plain<U::softplus>},
      {"Softsign", 1, 1, {1, 22}, softsign},
      {"Swish", 1, 1, {24}, swish},
      {"Tanh", 1, 1, {6, 13}, plain<U::tanh>, {1}},
  };
}

}  // namespace octavo::onnx
