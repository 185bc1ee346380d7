// Operators that make constants, or that only the arithmetic on shapes uses.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/text.h"
#include "onnx/logic.h"
#include "onnx/operators.h"
#include "onnx/strided.h"

namespace octavo::onnx {

namespace {

constexpr int64_t most_summed = 1024;  // computed entries along an axis, by CumSum

Constant list_of(std::vector<int64_t> values) {
  Shape shape{static_cast<int64_t>(values.size())};
  return make_integers(std::move(shape), std::move(values));
}

std::optional<ElementKind> kind_of(DataType type) {
  switch (type) {
    case DataType::float16:
    case DataType::float32:
    case DataType::float64:
    case DataType::bfloat16:
      return ElementKind::real;
    case DataType::boolean:
      return ElementKind::boolean;
    case DataType::int8:
    case DataType::int16:
    case DataType::int32:
    case DataType::int64:
    case DataType::uint8:
    case DataType::uint16:
    case DataType::uint32:
    case DataType::uint64:
      return ElementKind::integer;
    default:
      return std::nullopt;
  }
}

// All forms but strings and sparse tensors.
Outputs constant(NodeContext& node) {
  if (const AttributeProto* value = node.attribute("value")) {
    if (!value->tensor) return node.fail("its value is not a tensor");
    Result<Constant> decoded = decode_tensor(*value->tensor, node.external());
    if (!decoded) return node.fail(decoded.error().message);
    return node.folded(*std::move(decoded));
  }
  if (node.attribute("value_int") != nullptr) {
    return node.folded(make_integers({}, {node.integer("value_int", 0)}));
  }
  if (node.attribute("value_float") != nullptr) {
    return node.folded(make_reals({}, {node.real("value_float", 0)}));
  }
  if (std::optional<std::vector<int64_t>> list = node.integers("value_ints")) {
    return node.folded(list_of(*std::move(list)));
  }
  if (std::optional<std::vector<float>> list = node.reals("value_floats")) {
    Shape shape{static_cast<int64_t>(list->size())};
    return node.folded(make_reals(std::move(shape), *std::move(list)));
  }
  return node.fail("it holds neither a tensor nor numbers");
}

Outputs shape_of(NodeContext& node) {
  const Shape& x = node.input(0).shape();
  const auto rank = static_cast<int64_t>(x.size());
  const auto bound = [&](int64_t index) {
    return std::clamp<int64_t>(index < 0 ? index + rank : index, 0, rank);
  };
  const int64_t start = bound(node.integer("start", 0)), end = bound(node.integer("end", rank));
  if (start >= end) return node.folded(list_of({}));
  return node.folded(list_of(Shape(x.begin() + start, x.begin() + end)));
}

Outputs size_of(NodeContext& node) {
  return node.folded(make_integers({}, {element_count(node.input(0).shape())}));
}

Outputs constant_of_shape(NodeContext& node) {
  const std::optional<Shape> shape = node.integers_input(0, "the shape");
  if (!shape) return {};
  int64_t count = 1;
  for (const int64_t size : *shape) {
    if (size < 0 || size > (int64_t{1} << 31) / std::max<int64_t>(count, 1)) {
      return node.fail(concat("the shape ", list_text(*shape), " is impossible"));
    }
    count *= size;
  }
  Constant one = make_reals({1}, {0});
  if (const AttributeProto* value = node.attribute("value")) {
    if (!value->tensor) return node.fail("its value is not a tensor");
    Result<Constant> decoded = decode_tensor(*value->tensor, node.external());
    if (!decoded) return node.fail(decoded.error().message);
    if (decoded->size() != 1) return node.fail("its value must be one number");
    one = *std::move(decoded);
  }
  if (!node.budget().spend(count, count)) {
    return node.fail(concat(list_text(*shape), " is more memory than the file's size allows"));
  }
  const auto length = static_cast<size_t>(count);
  if (one.reals)
    return node.folded(make_reals(*shape, std::vector<float>(length, (*one.reals)[0])));
  return node.folded(
      make_integers(*shape, std::vector<int64_t>(length, (*one.integers)[0]), one.kind));
}

// Ones on a diagonal of a matrix of the input's shape.
Outputs eye_like(NodeContext& node) {
  const Shape shape = node.input(0).shape();
  const int64_t above = node.integer("k", 0);
  const Value& like = node.input(0);
  std::optional<ElementKind> kind = like.is_constant() ? like.constant.kind : ElementKind::real;
  if (node.attribute("dtype") != nullptr) {
    kind = kind_of(static_cast<DataType>(node.integer("dtype", 0)));
  }
  if (shape.size() != 2) return node.fail(concat("of the shape ", list_text(shape)));
  if (!kind) return node.fail("its dtype is not known");
  const int64_t count = element_count(shape);
  if (!node.budget().spend(count, count)) return node.fail("asks for too much memory");
  std::vector<int64_t> values(static_cast<size_t>(count), 0);
  for (int64_t row = 0; row < shape[0]; ++row) {
    if (above >= -row && above < shape[1] - row) {
      values[static_cast<size_t>(row * shape[1] + row + above)] = 1;
    }
  }
  if (*kind != ElementKind::real)
    return node.folded(make_integers(shape, std::move(values), *kind));
  return node.folded(make_reals(shape, std::vector<float>(values.begin(), values.end())));
}

// start, start + delta, ... below (above) limit.
Outputs range(NodeContext& node) {
  std::array<const Constant*, 3> bounds{};
  for (size_t i = 0; i < 3; ++i) {
    bounds[i] = node.constant(i, "a bound");
    if (bounds[i] == nullptr) return {};
    if (bounds[i]->size() != 1 || bounds[i]->kind != bounds[0]->kind) {
      return node.fail("its bounds must be single numbers of one type");
    }
  }
  const double start = bounds[0]->number(0), limit = bounds[1]->number(0),
               delta = bounds[2]->number(0);
  const double steps = std::ceil((limit - start) / delta);
  const bool sensible = std::abs(start) <= 1e15 && std::abs(limit) <= 1e15 && steps <= 1e9;
  if (!sensible) {  // or not a number
    return node.fail(concat("from ", start, " to ", limit, " by ", delta, " has no sensible end"));
  }
  const auto count = static_cast<int64_t>(std::max(steps, 0.0));
  if (!node.budget().spend(count, count)) return node.fail("asks for too much memory");
  std::vector<float> reals;
  std::vector<int64_t> integers;
  for (int64_t i = 0; i < count; ++i) {
    if (bounds[0]->reals) {
      reals.push_back(static_cast<float>(start + static_cast<double>(i) * delta));
    } else {
      integers.push_back((*bounds[0]->integers)[0] + i * (*bounds[2]->integers)[0]);
    }
  }
  if (bounds[0]->reals) return node.folded(make_reals({count}, std::move(reals)));
  return node.folded(list_of(std::move(integers)));
}

template <class Number>
std::vector<Number> running_sums(const std::vector<Number>& values, const Shape& shape, size_t axis,
                                 bool exclusive, bool reverse) {
  std::vector<Number> out(values.size());
  Offsets others;
  const Shape strides = strides_of(shape);
  for (size_t i = 0; i < shape.size(); ++i) {
    others.push_back(axis_offsets(0, i == axis ? 1 : shape[i], 1, strides[i]));
  }
  using Sum = std::conditional_t<std::is_same_v<Number, float>, double, uint64_t>;
  for_each_offset(others, [&](int64_t base) {
    Sum sum = 0;
    for (int64_t i = 0; i < shape[axis]; ++i) {
      const int64_t step = reverse ? shape[axis] - 1 - i : i;
      const auto at = static_cast<size_t>(base + step * strides[axis]);
      const Sum before = sum;
      sum += static_cast<Sum>(values[at]);
      out[at] = static_cast<Number>(exclusive ? before : sum);
    }
  });
  return out;
}

// Of computed numbers: a product with a triangle of ones.
Outputs running_sums_of_computed(NodeContext& node, size_t axis, bool exclusive, bool reverse) {
  const Shape& shape = node.input(0).shape();
  const int64_t n = shape[axis];
  if (n > most_summed) {
    return node.fail(
        concat("sums over ", n, " computed entries, up to ", most_summed, " are known"));
  }
  if (!node.budget().spend(n * n, n * n)) return node.fail("asks for too much memory");
  std::vector<float> triangle(static_cast<size_t>(n * n));  // [from, to]
  for (int64_t from = 0; from < n; ++from) {
    for (int64_t to = 0; to < n; ++to) {
      const int64_t ahead = reverse ? from - to : to - from;
      triangle[static_cast<size_t>(from * n + to)] = ahead > 0 || (ahead == 0 && !exclusive);
    }
  }
  std::vector<int> to_last(shape.size());  // swaps two axes, so that it is its own inverse
  std::iota(to_last.begin(), to_last.end(), 0);
  std::swap(to_last[axis], to_last.back());
  const bool is_last = axis + 1 == shape.size();
  Value x = node.input(0);
  if (shape.size() == 1) x = node.emit_part("row", Reshape{{1, n}}, {x});
  if (!is_last) x = node.emit_part("to_last", Transpose{to_last}, {x});
  x = node.emit(MatMul{}, {x, Value(make_reals({n, n}, std::move(triangle)))});
  if (!is_last) x = node.emit_part("back", Transpose{to_last}, {x});
  if (shape.size() == 1) x = node.emit_part("vector", Reshape{{n}}, {x});
  return {x};
}

Outputs cumulative_sum(NodeContext& node) {
  const bool exclusive = node.integer("exclusive", 0) != 0;
  const bool reverse = node.integer("reverse", 0) != 0;
  const Constant* axis = node.constant(1, "the axis");
  if (axis == nullptr) return {};
  if (!axis->integers || axis->size() != 1) return node.fail("the axis must be one integer");
  const size_t rank = node.input(0).shape().size();
  const auto at = static_cast<size_t>(node.normalized_axis((*axis->integers)[0], rank));
  if (node.failed()) return {};
  if (node.input(0).is_tensor()) return running_sums_of_computed(node, at, exclusive, reverse);
  const Constant* x = node.constant(0, "its input");
  if (x == nullptr) return {};
  if (!node.budget().spend(x->size(), x->size())) return node.fail("asks for too much memory");
  if (x->reals) {
    return node.folded(
        make_reals(x->shape, running_sums(*x->reals, x->shape, at, exclusive, reverse)));
  }
  return node.folded(make_integers(
      x->shape, running_sums(*x->integers, x->shape, at, exclusive, reverse), x->kind));
}

Outputs cast_constant(NodeContext& node, const Constant& x, ElementKind to) {
  if (x.kind == to) return node.folded(x);
  if (!node.budget().spend(x.size(), x.size())) return node.fail("asks for too much memory");
  const auto count = static_cast<size_t>(x.size());
  if (to == ElementKind::real) {
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>((*x.integers)[i]);
    return node.folded(make_reals(x.shape, std::move(values)));
  }
  std::vector<int64_t> values(count);
  for (size_t i = 0; i < count; ++i) {
    if (to == ElementKind::boolean) {
      values[i] = x.number(i) != 0;
    } else if (x.integers) {
      values[i] = (*x.integers)[i];
    } else if (std::abs(x.number(i)) < 0x1p62) {
      values[i] = static_cast<int64_t>(x.number(i));
    } else {
      return node.fail(concat("makes an integer of ", x.number(i)));
    }
  }
  return node.folded(make_integers(x.shape, std::move(values), to));
}

// All floats are float32 here, so that a cast between float types does nothing.
Outputs cast(NodeContext& node) {
  const int64_t stated = node.integer("to", 0);
  node.integer("saturate", 1);  // of 8-bit floats, which are refused
  const std::optional<ElementKind> to = kind_of(static_cast<DataType>(stated));
  if (!to) return node.fail(concat("to type ", stated, " is not known"));
  if (node.input(0).is_constant()) return cast_constant(node, node.input(0).constant, *to);
  if (*to == ElementKind::real) return {node.input(0)};
  if (*to == ElementKind::boolean) return {is_not_zero(node, node.input(0))};
  return node.fail(concat("computed values become ", kind_name(*to), ", which is not known"));
}

}  // namespace

std::vector<OperatorRow> shape_operators() {
  return {
      {"Constant", 0, 0, {1, 9, 11, 12, 13, 19, 21, 23, 24}, constant},
      {"Shape", 1, 1, {1, 13, 15, 19, 21, 23, 24}, shape_of},
      {"Size", 1, 1, {1, 13, 19, 21, 23, 24}, size_of},
      {"ConstantOfShape", 1, 1, {9, 20, 21, 23, 24}, constant_of_shape},
      {"EyeLike", 1, 1, {9, 22}, eye_like},
      {"Range", 3, 3, {11}, range},
      {"CumSum", 2, 2, {11, 14}, cumulative_sum},
      {"Cast", 1, 1, {6, 9, 13, 19, 21, 23, 24}, cast, {1}},
  };
}

}  // namespace octavo::onnx
