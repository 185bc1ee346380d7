// Folding of operators that compute. Floats are computed in double precision and
// rounded once.
#include "onnx/evaluate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "onnx/evaluate_rules.h"
#include "onnx/strided.h"

namespace octavo::onnx {

namespace evaluate_rules {

namespace {

Error needs_floats(std::string_view what) {
  return rejected(concat(what, " of integers is not known"));
}

double unary(const Unary& op, double x) {
  using Kind = Unary::Kind;
  const double alpha = double{op.alpha}, beta = double{op.beta};
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  const auto softplus = [](double v) {
    return std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v)));
  };
  switch (op.kind) {
    case Kind::relu:
      return std::max(x, 0.0);
    case Kind::clip:
      return std::min(std::max(x, alpha), beta);
    case Kind::leaky_relu:
      return x < 0 ? alpha * x : x;
    case Kind::elu:
      return x < 0 ? alpha * std::expm1(x) : x;
    case Kind::sigmoid:
      return sigmoid(x);
    case Kind::hard_sigmoid:
      return std::clamp(alpha * x + beta, 0.0, 1.0);
    case Kind::hard_swish:
      return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case Kind::silu:
      return x * sigmoid(x);
    case Kind::gelu:
      return 0.5 * x * (1 + std::erf(x * std::sqrt(0.5)));
    case Kind::gelu_tanh: {
      const double root_two_over_pi = std::sqrt(2 / std::acos(-1.0));
      return 0.5 * x * (1 + std::tanh(root_two_over_pi * (x + 0.044715 * x * x * x)));
    }
    case Kind::tanh:
      return std::tanh(x);
    case Kind::erf:
      return std::erf(x);
    case Kind::exp:
      return std::exp(x);
    case Kind::log:
      return std::log(x);
    case Kind::sqrt:
      return std::sqrt(x);
    case Kind::absolute:
      return std::abs(x);
    case Kind::negate:
      return -x;
    case Kind::reciprocal:
      return 1 / x;
    case Kind::power:
      return std::pow(x, alpha);
    case Kind::softplus:
      return softplus(x);
    case Kind::mish:
      return x * std::tanh(softplus(x));
    case Kind::sine:
      return std::sin(x);
    case Kind::cosine:
      return std::cos(x);
  }
  return x;
}

// The few that shape arithmetic uses.
std::optional<int64_t> unary(const Unary& op, int64_t x) {
  const auto bound = [](float value) {
    return static_cast<int64_t>(std::clamp(double{value}, -0x1p62, 0x1p62));
  };
  const auto negative = static_cast<int64_t>(0 - static_cast<uint64_t>(x));
  switch (op.kind) {
    case Unary::Kind::negate:
      return negative;
    case Unary::Kind::absolute:
      return x < 0 ? negative : x;
    case Unary::Kind::relu:
      return std::max<int64_t>(x, 0);
    case Unary::Kind::clip:
      return std::min(std::max(x, bound(op.alpha)), bound(op.beta));
    default:
      return std::nullopt;
  }
}

double binary(Binary::Kind kind, double a, double b) {
  switch (kind) {
    case Binary::Kind::add:
      return a + b;
    case Binary::Kind::subtract:
      return a - b;
    case Binary::Kind::multiply:
      return a * b;
    case Binary::Kind::divide:
      return a / b;
    case Binary::Kind::power:
      return std::pow(a, b);
    case Binary::Kind::minimum:
      return std::min(a, b);
    case Binary::Kind::maximum:
      return std::max(a, b);
  }
  return a;
}

// Wraps like the machine's int64, without undefined behaviour; nothing for a division
// by zero and a power that does not fit.
std::optional<int64_t> binary(Binary::Kind kind, int64_t a, int64_t b) {
  const auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  switch (kind) {
    case Binary::Kind::add:
      return static_cast<int64_t>(ua + ub);
    case Binary::Kind::subtract:
      return static_cast<int64_t>(ua - ub);
    case Binary::Kind::multiply:
      return static_cast<int64_t>(ua * ub);
    case Binary::Kind::divide:
      if (b == 0) return std::nullopt;
      return b == -1 ? static_cast<int64_t>(0 - ua) : a / b;
    case Binary::Kind::power: {
      const double power = std::pow(static_cast<double>(a), static_cast<double>(b));
      if (!(std::abs(power) < 0x1p53)) return std::nullopt;
      return static_cast<int64_t>(power);
    }
    case Binary::Kind::minimum:
      return std::min(a, b);
    case Binary::Kind::maximum:
      return std::max(a, b);
  }
  return std::nullopt;
}

Folded fold_integers(const Binary& op, const Constant& a, const Constant& b, const Shape& out) {
  std::vector<int64_t> values(a.integers->size());
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t left = (*a.integers)[i], right = (*b.integers)[i];
    const std::optional<int64_t> value = binary(op.kind, left, right);
    if (!value) return rejected(concat(left, " and ", right, " have no integer result"));
    values[i] = *value;
  }
  return {make_integers(out, std::move(values))};
}

// Kept axes with the reduced ones at index 0, and the reverse.
struct ReducedAxes {
  Offsets kept, reduced;
};

ReducedAxes split_axes(const Shape& shape, const std::vector<int>& axes) {
  const Shape strides = strides_of(shape);
  ReducedAxes out;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const bool reduced = std::find(axes.begin(), axes.end(), static_cast<int>(axis)) != axes.end();
    (reduced ? out.reduced : out.kept).push_back(axis_offsets(0, shape[axis], 1, strides[axis]));
  }
  return out;
}

template <class Number>
Number reduced(Reduce::Kind kind, const std::vector<Number>& values, const Offsets& axes,
               int64_t base, double count) {
  using Sum = std::conditional_t<std::is_same_v<Number, float>, double, int64_t>;
  const auto first = static_cast<Sum>(values[static_cast<size_t>(base)]);
  Sum sum = 0, least = first, most = first;
  double squares = 0;
  for_each_offset(axes, [&](int64_t offset) {
    const auto value = static_cast<Sum>(values[static_cast<size_t>(base + offset)]);
    sum += value;
    least = std::min(least, value);
    most = std::max(most, value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  });
  switch (kind) {
    case Reduce::Kind::mean:
      return static_cast<Number>(static_cast<double>(sum) / count);
    case Reduce::Kind::sum:
      return static_cast<Number>(sum);
    case Reduce::Kind::minimum:
      return static_cast<Number>(least);
    case Reduce::Kind::maximum:
      return static_cast<Number>(most);
    case Reduce::Kind::l2:
      return static_cast<Number>(std::sqrt(squares));
  }
  return {};
}

template <class Number>
std::vector<Number> reduce(const Reduce& op, const std::vector<Number>& values,
                           const ReducedAxes& axes) {
  double count = 1;
  for (const auto& axis : axes.reduced) count *= static_cast<double>(axis.size());
  std::vector<Number> out;
  for_each_offset(axes.kept, [&](int64_t base) {
    out.push_back(reduced(op.kind, values, axes.reduced, base, count));
  });
  return out;
}

bool any_beyond(const std::vector<int64_t>& values, int64_t bound) {
  return std::any_of(values.begin(), values.end(),
                     [&](int64_t value) { return value > bound || value < -bound; });
}

}  // namespace

Folded fold(const Unary& op, std::span<const Constant> inputs, const Shape& out) {
  const Constant& x = inputs[0];
  if (x.reals) {
    std::vector<float> values(x.reals->size());
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(unary(op, double{(*x.reals)[i]}));
    }
    return {make_reals(out, std::move(values))};
  }
  std::vector<int64_t> values = *x.integers;
  for (int64_t& value : values) {
    const std::optional<int64_t> result = unary(op, value);
    if (!result) return needs_floats(operator_name(op));
    value = *result;
  }
  return {make_integers(out, std::move(values))};
}

Folded fold(const Binary& op, std::span<const Constant> inputs, const Shape& out) {
  if (inputs[0].kind != inputs[1].kind) {
    return rejected(concat("mixes ", kind_name(inputs[0].kind), " and ", kind_name(inputs[1].kind),
                           " operands"));
  }
  const Constant a = broadcast_to(inputs[0], out), b = broadcast_to(inputs[1], out);
  if (!a.reals) return fold_integers(op, a, b, out);
  std::vector<float> values(a.reals->size());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(binary(op.kind, double{(*a.reals)[i]}, double{(*b.reals)[i]}));
  }
  return {make_reals(out, std::move(values))};
}

Folded fold(const ChannelAffine& op, std::span<const Constant> inputs, const Shape& out) {
  if (!inputs[0].reals) return needs_floats("normalization");
  int64_t inner = 1;
  for (size_t axis = static_cast<size_t>(op.axis) + 1; axis < out.size(); ++axis)
    inner *= out[axis];
  const auto channels = static_cast<size_t>(out[static_cast<size_t>(op.axis)]);
  std::vector<float> values = *inputs[0].reals;
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t channel = i / static_cast<size_t>(inner) % channels;
    values[i] = static_cast<float>(double{values[i]} * inputs[1].number(channel) +
                                   inputs[2].number(channel));
  }
  return {make_reals(out, std::move(values))};
}

Folded fold(const Reduce& op, std::span<const Constant> inputs, const Shape& out) {
  const Constant& x = inputs[0];
  const ReducedAxes axes = split_axes(x.shape, op.axes);
  if (x.reals) return {make_reals(out, reduce(op, *x.reals, axes))};
  // 2^31 elements of at most 2^31 cannot overflow a sum.
  if (any_beyond(*x.integers, int64_t{1} << 31)) return rejected("reduces integers beyond 2^31");
  return {make_integers(out, reduce(op, *x.integers, axes))};
}

Folded fold(const Pool2d&, std::span<const Constant>, const Shape&) {
  return std::optional<Constant>();
}
Folded fold(const Softmax&, std::span<const Constant>, const Shape&) {
  return std::optional<Constant>();
}
Folded fold(const LayerNorm&, std::span<const Constant>, const Shape&) {
  return std::optional<Constant>();
}
Folded fold(const Resize&, std::span<const Constant>, const Shape&) {
  return std::optional<Constant>();
}
Folded fold(const FakeQuantize&, std::span<const Constant>, const Shape&) {
  return std::optional<Constant>();  // quantizer.cpp computes it of constants
}

}  // namespace evaluate_rules

namespace {

// Elements that folding allocates.
int64_t elements_of(const Operator& op, std::span<const Constant> inputs, const Shape& out) {
  if (std::holds_alternative<Reshape>(op)) return 0;  // shares its values
  const int64_t elements = element_count(out);
  if (!std::holds_alternative<MatMul>(op)) return elements;
  // Operands are broadcast over the leading axes.
  const int64_t rows = out[out.size() - 2], columns = out.back();
  return elements + elements / (rows * columns) * (rows + columns) * inputs[0].shape.back();
}

// Multiplications, roughly; bounded by 2^31 elements times 2^31 each.
int64_t work_of(const Operator& op, std::span<const Constant> inputs, const Shape& out) {
  const int64_t elements = element_count(out);
  if (std::holds_alternative<MatMul>(op)) return elements * inputs[0].shape.back();
  if (std::holds_alternative<Conv2d>(op)) return elements * (inputs[1].size() / inputs[1].shape[0]);
  if (std::holds_alternative<Reduce>(op)) return inputs[0].size();
  return elements_of(op, inputs, out);
}

}  // namespace

Result<std::optional<Constant>> evaluate(const Operator& op, std::span<const Constant> inputs,
                                         const Shape& out, Budget& budget) {
  if (!budget.spend(elements_of(op, inputs, out), work_of(op, inputs, out))) {
    return rejected(concat("folding constants to ", list_text(out),
                           " asks for more memory or time than the file's size allows"));
  }
  Result<std::optional<Constant>> folded =
      std::visit([&](const auto& one) { return evaluate_rules::fold(one, inputs, out); }, op);
  if (folded && *folded && !std::holds_alternative<Reshape>(op)) budget.lend(**folded);
  return folded;
}

}  // namespace octavo::onnx
