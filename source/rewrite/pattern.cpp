#include "rewrite/pattern.h"

#include <algorithm>
#include <cmath>

namespace octavo {

TensorId operand(const Editor& editor, TensorId id, size_t index) {
  return editor.node(editor.maker(id)).inputs[index];
}

std::optional<TensorId> unary_operand(const Editor& editor, TensorId id, Unary::Kind kind) {
  const auto* unary = made_by<Unary>(editor, id);
  if (!unary || unary->kind != kind) return std::nullopt;
  return operand(editor, id, 0);
}

std::optional<Pair> binary_operands(const Editor& editor, TensorId id, Binary::Kind kind) {
  const auto* binary = made_by<Binary>(editor, id);
  if (!binary || binary->kind != kind) return std::nullopt;
  return Pair{operand(editor, id, 0), operand(editor, id, 1)};
}

std::optional<double> scalar(const Editor& editor, TensorId id) {
  const Tensor& tensor = editor.tensor(id);
  if (!tensor.is_constant() || tensor.values->size() != 1) return std::nullopt;
  return tensor.values->front();
}

namespace {

std::optional<ScalarAffine> with_scalar(Binary::Kind kind, TensorId x, double value,
                                        bool scalar_first) {
  switch (kind) {
    case Binary::Kind::add:
      return ScalarAffine{x, 1, value};
    case Binary::Kind::multiply:
      return ScalarAffine{x, value, 0};
    case Binary::Kind::subtract:
      return scalar_first ? ScalarAffine{x, -1, value} : ScalarAffine{x, 1, -value};
    case Binary::Kind::divide:
      if (scalar_first || value == 0) return std::nullopt;
      return ScalarAffine{x, 1 / value, 0};
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<ScalarAffine> scalar_affine(const Editor& editor, TensorId id) {
  if (const auto* binary = made_by<Binary>(editor, id)) {
    for (const size_t side : {0, 1}) {
      const TensorId x = operand(editor, id, 1 - side);
      const std::optional<double> value = scalar(editor, operand(editor, id, side));
      if (value && !editor.tensor(x).is_constant() && editor.shape(x) == editor.shape(id)) {
        return with_scalar(binary->kind, x, *value, side == 0);
      }
    }
  }
  if (made_by<ChannelAffine>(editor, id)) {
    const std::vector<float>& scale = values(editor, operand(editor, id, 1));
    const std::vector<float>& shift = values(editor, operand(editor, id, 2));
    if (uniform(scale) && uniform(shift)) {
      return ScalarAffine{operand(editor, id, 0), scale[0], shift[0]};
    }
  }
  return std::nullopt;
}

std::optional<Product> product(const Editor& editor, NodeId root) {
  constexpr size_t most_nodes = 8;  // patterns are small; a long chain is not one
  Product out;
  std::vector<TensorId> pending{editor.node(root).output};
  for (size_t visited = 0; !pending.empty(); ++visited) {
    const TensorId id = pending.back();
    pending.pop_back();
    const bool inner = visited == 0 || editor.reader_count(id) == 1;
    const auto scaling = inner ? scalar_affine(editor, id) : std::nullopt;
    const auto factors = inner ? binary_operands(editor, id, Binary::Kind::multiply) : std::nullopt;
    if (visited < most_nodes && scaling && scaling->shift == 0) {
      out.scale *= scaling->scale;
      pending.push_back(scaling->x);
    } else if (visited < most_nodes && factors) {
      pending.push_back(factors->a);
      pending.push_back(factors->b);
    } else if (visited == 0) {
      return std::nullopt;
    } else {
      out.factors.push_back(id);
    }
  }
  return out;
}

bool near(double a, double b) {
  constexpr double half_precision = 3e-4;
  return std::abs(a - b) <= half_precision * std::max(std::abs(a), std::abs(b));
}

bool uniform(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [&](float v) { return v == values.front(); });
}

std::optional<Affine> affine_along(const Editor& editor, NodeId id, int axis) {
  const Node& node = editor.node(id);
  const auto* op = std::get_if<ChannelAffine>(&node.op);
  if (!op) return std::nullopt;
  const std::vector<float>& scale = values(editor, node.inputs[1]);
  const std::vector<float>& shift = values(editor, node.inputs[2]);
  if (op->axis == axis) return Affine{to_double(scale), to_double(shift)};
  if (!uniform(scale) || !uniform(shift)) return std::nullopt;
  const auto size = static_cast<size_t>(editor.shape(node.output)[static_cast<size_t>(axis)]);
  return Affine{std::vector<double>(size, scale[0]), std::vector<double>(size, shift[0])};
}

const std::vector<float>& values(const Editor& editor, TensorId id) {
  return *editor.tensor(id).values;
}

std::optional<std::vector<float>> to_float(const std::vector<double>& values) {
  std::vector<float> out(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    out[i] = static_cast<float>(values[i]);
    if (!std::isfinite(out[i])) return std::nullopt;
  }
  return out;
}

std::vector<double> to_double(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

}  // namespace octavo
