// Arithmetic with broadcasting, and functions of one number.
#include <cmath>

#include "base/text.h"
#include "onnx/operators.h"

namespace octavo::onnx {

namespace {

template <Binary::Kind kind>
Outputs binary(NodeContext& node) {
  return {node.emit(Binary{kind}, {node.input(0), node.input(1)})};
}

template <Unary::Kind kind>
Outputs unary(NodeContext& node) {
  return {node.emit(Unary{kind}, {node.input(0)})};
}

// Pow's exponent may be an integer beside a float base.
Outputs power(NodeContext& node) {
  Value exponent = node.input(1);
  const bool integer_base = node.input(0).is_constant() && node.input(0).constant.integers;
  if (exponent.is_constant() && exponent.constant.integers && !integer_base) {
    std::vector<float> values;
    for (const int64_t value : *exponent.constant.integers) {
      values.push_back(static_cast<float>(value));
    }
    exponent = make_reals(exponent.constant.shape, std::move(values));
  }
  return {node.emit(Binary{Binary::Kind::power}, {node.input(0), exponent})};
}

// One, two or more operands, joined from the left; the last node has the file's name.
Value joined(NodeContext& node, Binary::Kind kind, bool is_last_step) {
  Value out = node.input(0);
  for (size_t i = 1; i < node.input_count(); ++i) {
    const bool last = is_last_step && i + 1 == node.input_count();
    out = last ? node.emit(Binary{kind}, {out, node.input(i)})
               : node.emit_part(concat("part", i), Binary{kind}, {out, node.input(i)});
  }
  return out;
}

template <Binary::Kind kind>
Outputs variadic(NodeContext& node) {
  return {joined(node, kind, true)};
}

// The larger of x and a constant of several numbers is relu(x - t) + t, the smaller t - relu(t - x).
Value bounded(NodeContext& node, Binary::Kind kind, const Value& x, const Value& t) {
  const Binary add{Binary::Kind::add}, subtract{Binary::Kind::subtract};
  const bool larger = kind == Binary::Kind::maximum;
  Value y = node.emit_part("beyond", subtract, larger ? std::vector{x, t} : std::vector{t, x});
  y = node.emit_part("relu", Unary{Unary::Kind::relu}, {y});
  return larger ? node.emit(add, {y, t}) : node.emit(subtract, {t, y});
}

template <Binary::Kind kind>
Outputs extreme(NodeContext& node) {
  const auto is_list = [&](size_t i) {
    return node.input(i).is_constant() && node.input(i).constant.reals &&
           node.input(i).constant.size() > 1;
  };
  if (node.input_count() == 2 && is_list(0) != is_list(1)) {
    const size_t list = is_list(0) ? 0 : 1;
    if (node.input(1 - list).is_tensor()) {
      return {bounded(node, kind, node.input(1 - list), node.input(list))};
    }
  }
  return variadic<kind>(node);
}

Outputs mean(NodeContext& node) {
  const auto count = static_cast<float>(node.input_count());
  const Value sum = joined(node, Binary::Kind::add, false);
  return {node.emit(Binary{Binary::Kind::divide}, {sum, scalar(count)})};
}

// Functions that only foldable parts of a file use; they have no operator here.
Outputs on_constants(NodeContext& node, double (*function)(double)) {
  const Constant* x = node.constant(0, "its input");
  if (x == nullptr) return {};
  if (!x->reals) return node.folded(*x);  // integers are round already
  std::vector<float> values;
  for (const float value : *x->reals) values.push_back(static_cast<float>(function(value)));
  if (!node.budget().spend(x->size(), x->size())) return node.fail("asks for too much memory");
  return node.folded(make_reals(x->shape, std::move(values)));
}

Outputs floor(NodeContext& node) {
  return on_constants(node, [](double x) { return std::floor(x); });
}
Outputs ceil(NodeContext& node) {
  return on_constants(node, [](double x) { return std::ceil(x); });
}
Outputs round(NodeContext& node) {  // half to even
  return on_constants(node, [](double x) { return std::nearbyint(x); });
}

}  // namespace

std::vector<OperatorRow> elementwise_operators() {
  using B = Binary::Kind;
  using U = Unary::Kind;
  return {
      {"Add", 2, 2, {7, 13, 14}, binary<B::add>, {1, 6}},
      {"Sub", 2, 2, {7, 13, 14}, binary<B::subtract>, {1, 6}},
      {"Mul", 2, 2, {7, 13, 14}, binary<B::multiply>, {1, 6}},
      {"Div", 2, 2, {7, 13, 14}, binary<B::divide>, {1, 6}},
      {"Pow", 2, 2, {7, 12, 13, 15}, power, {1}},
      {"Min", 1, any_number, {8, 12, 13}, extreme<B::minimum>, {1, 6}},
      {"Max", 1, any_number, {8, 12, 13}, extreme<B::maximum>, {1, 6}},
      {"Sum", 1, any_number, {8, 13}, variadic<B::add>, {1, 6}},
      {"Mean", 1, any_number, {8, 13}, mean, {1, 6}},
      {"Sqrt", 1, 1, {6, 13}, unary<U::sqrt>, {1}},
      {"Abs", 1, 1, {6, 13}, unary<U::absolute>, {1}},
      {"Neg", 1, 1, {6, 13}, unary<U::negate>, {1}},
      {"Reciprocal", 1, 1, {6, 13}, unary<U::reciprocal>, {1}},
      {"Exp", 1, 1, {6, 13}, unary<U::exp>, {1}},
      {"Log", 1, 1, {6, 13}, unary<U::log>, {1}},
      {"Erf", 1, 1, {9, 13}, unary<U::erf>},
      {"Sin", 1, 1, {7, 22}, unary<U::sine>},
      {"Cos", 1, 1, {7, 22}, unary<U::cosine>},
      {"Floor", 1, 1, {6, 13}, floor, {1}},
      {"Ceil", 1, 1, {6, 13}, ceil, {1}},
      {"Round", 1, 1, {11, 22}, round},
  };
}

}  // namespace octavo::onnx
