// Comparisons and choices.
#include "onnx/logic.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/text.h"
#include "onnx/operators.h"

namespace octavo::onnx {

namespace {

// The shape that both operands broadcast to.
std::optional<Shape> common_shape(NodeContext& node, const Shape& a, const Shape& b) {
  Shape out = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  const size_t added = out.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t& size = out[added + i];
    if (size == 1) size = shorter[i];
    if (size < 1 || (shorter[i] != 1 && shorter[i] != size)) {
      node.fail(concat(list_text(a), " and ", list_text(b), " do not broadcast"));
      return std::nullopt;
    }
  }
  if (!node.budget().spend(3 * element_count(out), 0)) {
    node.fail("asks for too much memory");
    return std::nullopt;
  }
  return out;
}

// Differences times this, cut off at 1, are a step for whatever is farther from zero than 6e-8; a
// plan's multipliers end at 2^40.
constexpr float steep = 0x1p24f;

Value steep_clip(NodeContext& node, std::string_view part, const Value& x, float lo) {
  const Value grown =
      node.emit_part(concat(part, "/grown"), Binary{Binary::Kind::multiply}, {x, scalar(steep)});
  return node.emit_part(part, Unary{Unary::Kind::clip, lo, 1}, {grown});
}

Value negated(NodeContext& node, std::string_view part, const Value& truth) {
  return node.emit_part(part, Binary{Binary::Kind::subtract}, {scalar(1), truth});
}

struct And {
  template <class Number>
  bool operator()(Number a, Number b) const {
    return a != 0 && b != 0;
  }
};
struct Or {
  template <class Number>
  bool operator()(Number a, Number b) const {
    return a != 0 || b != 0;
  }
};
struct Xor {
  template <class Number>
  bool operator()(Number a, Number b) const {
    return (a != 0) != (b != 0);
  }
};

// The comparisons of numbers or truths of which one at least is computed.
Value compared(NodeContext& node, std::greater<>, const Value& a, const Value& b) {
  return is_above(node, "above", a, b);
}
Value compared(NodeContext& node, std::less<>, const Value& a, const Value& b) {
  return is_above(node, "below", b, a);
}
Value compared(NodeContext& node, std::greater_equal<>, const Value& a, const Value& b) {
  return negated(node, "not_below", is_above(node, "below", b, a));
}
Value compared(NodeContext& node, std::less_equal<>, const Value& a, const Value& b) {
  return negated(node, "not_above", is_above(node, "above", a, b));
}
Value compared(NodeContext& node, std::equal_to<>, const Value& a, const Value& b) {
  const Value difference = node.emit_part("difference", Binary{Binary::Kind::subtract}, {a, b});
  return negated(node, "equal", is_not_zero(node, difference));
}
Value compared(NodeContext& node, And, const Value& a, const Value& b) {
  return node.emit_part("both", Binary{Binary::Kind::multiply}, {a, b});
}
Value compared(NodeContext& node, Or, const Value& a, const Value& b) {
  return node.emit_part("either", Binary{Binary::Kind::maximum}, {a, b});
}
Value compared(NodeContext& node, Xor, const Value& a, const Value& b) {
  const Value difference = node.emit_part("difference", Binary{Binary::Kind::subtract}, {a, b});
  return node.emit_part("one", Unary{Unary::Kind::absolute}, {difference});
}

// Truths as the numbers that computed ones are.
std::optional<Value> as_numbers(NodeContext& node, const Value& x, bool of_truths) {
  if (!x.is_constant() || x.constant.reals) return x;
  if (of_truths != (x.constant.kind == ElementKind::boolean)) {
    node.fail("its operands differ in type");
    return std::nullopt;
  }
  if (!node.budget().spend(x.constant.size(), 0)) {
    node.fail("asks for too much memory");
    return std::nullopt;
  }
  return Value(make_reals(x.shape(), {x.constant.integers->begin(), x.constant.integers->end()}));
}

template <class Compare>
constexpr bool is_of_truths =
    std::is_same_v<Compare, And> || std::is_same_v<Compare, Or> || std::is_same_v<Compare, Xor>;

template <class Compare>
Outputs compare(NodeContext& node) {
  if (node.input(0).is_tensor() || node.input(1).is_tensor()) {
    const auto left = as_numbers(node, node.input(0), is_of_truths<Compare>);
    const auto right = as_numbers(node, node.input(1), is_of_truths<Compare>);
    if (!left || !right) return {};
    return {compared(node, Compare{}, *left, *right)};
  }
  const Constant* a = node.constant(0, "an operand");
  const Constant* b = node.constant(1, "an operand");
  if (a == nullptr || b == nullptr) return {};
  if (a->kind != b->kind) return node.fail("its operands differ in type");
  const std::optional<Shape> shape = common_shape(node, a->shape, b->shape);
  if (!shape) return {};
  const Constant left = broadcast_to(*a, *shape), right = broadcast_to(*b, *shape);
  std::vector<int64_t> values(static_cast<size_t>(element_count(*shape)));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = left.reals ? Compare{}((*left.reals)[i], (*right.reals)[i])
                           : Compare{}((*left.integers)[i], (*right.integers)[i]);
  }
  return node.folded(make_integers(*shape, std::move(values), ElementKind::boolean));
}

Outputs negation(NodeContext& node) {
  if (node.input(0).is_tensor()) return {negated(node, "not", node.input(0))};
  const Constant* x = node.constant(0, "its input");
  if (x == nullptr) return {};
  if (x->kind != ElementKind::boolean) return node.fail("its input must be of bools");
  std::vector<int64_t> values = *x->integers;
  for (int64_t& value : values) value = value == 0;
  return node.folded(make_integers(x->shape, std::move(values), ElementKind::boolean));
}

template <class Number>
std::vector<Number> chosen(const std::vector<int64_t>& condition, const std::vector<Number>& yes,
                           const std::vector<Number>& no) {
  std::vector<Number> out(condition.size());
  for (size_t i = 0; i < out.size(); ++i) out[i] = condition[i] != 0 ? yes[i] : no[i];
  return out;
}

// What a mask of ones and zeros leaves of an operand: nothing (no Value) of a constant that is zero
// wherever it is chosen.
std::optional<Value> masked(NodeContext& node, std::string_view part, const Value& x,
                            const Constant& mask) {
  if (!x.is_constant()) {
    return node.emit_part(part, Binary{Binary::Kind::multiply}, {x, Value(mask)});
  }
  const std::optional<Shape> shape = common_shape(node, x.shape(), mask.shape);
  if (!shape) return std::nullopt;
  const Constant number = broadcast_to(x.constant, *shape), chosen = broadcast_to(mask, *shape);
  if (!number.reals) {
    node.fail("its operands differ in type");
    return std::nullopt;
  }
  std::vector<float> values = *chosen.reals;
  for (size_t i = 0; i < values.size(); ++i) values[i] *= values[i] != 0 ? (*number.reals)[i] : 1;
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
    node.fail("fills in what is not finite");
    return std::nullopt;
  }
  if (std::all_of(values.begin(), values.end(), [](float v) { return v == 0; }))
    return std::nullopt;
  return Value(make_reals(*shape, std::move(values)));
}

// A constant condition chooses computed operands too: all of one where it is the same everywhere,
// else each times a mask of ones and zeros.
Outputs where_computed(NodeContext& node, const Constant& condition) {
  const std::vector<int64_t>& values = *condition.integers;
  if (values.empty()) return node.fail("its condition is empty");
  std::optional<Shape> shape = common_shape(node, node.input(1).shape(), node.input(2).shape());
  if (shape) shape = common_shape(node, *shape, condition.shape);
  if (!shape) return {};
  const auto expanded = [&](const Value& x) -> Outputs {
    if (x.shape() == *shape) return {x};
    return {node.emit(Expand{*shape}, {x})};
  };
  if (std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == values[0]; })) {
    return expanded(node.input(values[0] != 0 ? 1 : 2));
  }
  std::vector<float> yes(values.begin(), values.end()), no = yes;
  for (float& value : no) value = 1 - value;
  const auto first =
      masked(node, "chosen", node.input(1), make_reals(condition.shape, std::move(yes)));
  const auto second =
      masked(node, "other", node.input(2), make_reals(condition.shape, std::move(no)));
  if (node.failed()) return {};
  if (first && second) return {node.emit(Binary{Binary::Kind::add}, {*first, *second})};
  return expanded(first ? *first : *second);
}

// One of two by a computed condition: each times where it is chosen.
Outputs where_by_computed(NodeContext& node) {
  const Value& condition = node.input(0);
  std::optional<Value> sum;
  for (const size_t i : {size_t{1}, size_t{2}}) {
    const std::optional<Value> x = as_numbers(node, node.input(i), false);
    if (!x) return {};
    if (x->is_constant()) {
      const std::vector<float>& values = *x->constant.reals;
      if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
        return node.fail("fills in what is not finite");
      }
      if (std::all_of(values.begin(), values.end(), [](float v) { return v == 0; })) continue;
    }
    const Value chosen = i == 1 ? condition : negated(node, "otherwise", condition);
    const Value part =
        node.emit_part(i == 1 ? "chosen" : "other", Binary{Binary::Kind::multiply}, {*x, chosen});
    sum = sum ? node.emit(Binary{Binary::Kind::add}, {*sum, part}) : part;
    if (node.failed()) return {};
  }
  std::optional<Shape> shape = common_shape(node, node.input(1).shape(), node.input(2).shape());
  if (shape) shape = common_shape(node, *shape, condition.shape());
  if (!shape) return {};
  if (!sum) sum = scalar(0);
  if (sum->shape() == *shape) return {*sum};
  return {node.emit(Expand{*shape}, {*sum})};
}

Outputs where(NodeContext& node) {
  if (node.input(0).is_tensor()) return where_by_computed(node);
  const Constant* condition = node.constant(0, "the condition");
  if (condition == nullptr) return {};
  if (condition->kind != ElementKind::boolean) return node.fail("its condition must be of bools");
  if (!node.all_constant()) return where_computed(node, *condition);
  const Constant& yes = node.input(1).constant;
  const Constant& no = node.input(2).constant;
  if (yes.kind != no.kind) return node.fail("its operands differ in type");
  std::optional<Shape> shape = common_shape(node, yes.shape, no.shape);
  if (shape) shape = common_shape(node, *shape, condition->shape);
  if (!shape) return {};
  const Constant when = broadcast_to(*condition, *shape);
  const Constant a = broadcast_to(yes, *shape), b = broadcast_to(no, *shape);
  if (a.reals) {
    return node.folded(make_reals(*shape, chosen(*when.integers, *a.reals, *b.reals)));
  }
  return node.folded(
      make_integers(*shape, chosen(*when.integers, *a.integers, *b.integers), a.kind));
}

// Integers: the sign of the divisor, or with fmod that of the dividend; floats need fmod.
Outputs modulo(NodeContext& node) {
  const bool like_c = node.integer("fmod", 0) != 0;
  const Constant* a = node.constant(0, "an operand");
  const Constant* b = node.constant(1, "an operand");
  if (a == nullptr || b == nullptr) return {};
  if (a->kind != b->kind) return node.fail("its operands differ in type");
  const std::optional<Shape> shape = common_shape(node, a->shape, b->shape);
  if (!shape) return {};
  const Constant left = broadcast_to(*a, *shape), right = broadcast_to(*b, *shape);
  const auto count = static_cast<size_t>(element_count(*shape));
  if (left.reals) {
    if (!like_c) return node.fail("of floats needs fmod = 1");
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = std::fmod((*left.reals)[i], (*right.reals)[i]);
    return node.folded(make_reals(*shape, std::move(values)));
  }
  std::vector<int64_t> values(count);
  for (size_t i = 0; i < count; ++i) {
    const int64_t divisor = (*right.integers)[i];
    if (divisor == 0) return node.fail("divides by zero");
    const int64_t rest = divisor == -1 ? 0 : (*left.integers)[i] % divisor;
    const bool shifts = !like_c && rest != 0 && (rest < 0) != (divisor < 0);
    values[i] = shifts ? rest + divisor : rest;
  }
  return node.folded(make_integers(*shape, std::move(values)));
}

Outputs sign(NodeContext& node) {
  const Value& x = node.input(0);
  if (!x.is_constant()) return {sign_of(node, x)};
  if (!node.budget().spend(x.constant.size(), x.constant.size())) {
    return node.fail("asks for too much memory");
  }
  const auto of = [](auto value) { return (value > 0) - (value < 0); };
  if (x.constant.reals) {
    std::vector<float> values;
    for (const float value : *x.constant.reals) values.push_back(static_cast<float>(of(value)));
    return node.folded(make_reals(x.shape(), std::move(values)));
  }
  std::vector<int64_t> values = *x.constant.integers;
  for (int64_t& value : values) value = of(value);
  return node.folded(make_integers(x.shape(), std::move(values), x.constant.kind));
}

}  // namespace

Value is_above(NodeContext& node, std::string_view part, const Value& a, const Value& b) {
  const Value difference =
      node.emit_part(concat(part, "/difference"), Binary{Binary::Kind::subtract}, {a, b});
  return steep_clip(node, part, difference, 0);
}

Value sign_of(NodeContext& node, const Value& x) {
  return steep_clip(node, "sign", x, -1);
}

Value is_not_zero(NodeContext& node, const Value& x) {
  return node.emit_part("not_zero", Unary{Unary::Kind::absolute}, {sign_of(node, x)});
}

std::vector<OperatorRow> logic_operators() {
  return {
      {"Equal", 2, 2, {7, 11, 13, 19}, compare<std::equal_to<>>, {1}},
      {"Less", 2, 2, {7, 9, 13}, compare<std::less<>>, {1}},
      {"LessOrEqual", 2, 2, {12, 16}, compare<std::less_equal<>>},
      {"Greater", 2, 2, {7, 9, 13}, compare<std::greater<>>, {1}},
      {"GreaterOrEqual", 2, 2, {12, 16}, compare<std::greater_equal<>>},
      {"And", 2, 2, {7}, compare<And>, {1}},
      {"Or", 2, 2, {7}, compare<Or>, {1}},
      {"Xor", 2, 2, {7}, compare<Xor>, {1}},
      {"Sign", 1, 1, {9, 13}, sign},
      {"Not", 1, 1, {1}, negation},
      {"Where", 3, 3, {9, 16}, where},
      {"Mod", 2, 2, {10, 13}, modulo},
  };
}

}  // namespace octavo::onnx
