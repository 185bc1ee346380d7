// Addition, subtraction, product or quotient with a constant that varies along one axis
// at most (biases, layer scales, normalizations written out) is a ChannelAffine.
#include "graph/pointwise.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

// The one axis of x along which the constant varies; the last where it varies along none.
std::optional<size_t> varying_axis(const Shape& constant, const Shape& x) {
  if (constant.size() > x.size() || x.empty()) return std::nullopt;
  const size_t offset = x.size() - constant.size();
  std::optional<size_t> axis;
  for (size_t i = 0; i < constant.size(); ++i) {
    if (constant[i] == 1) continue;
    if (axis) return std::nullopt;
    axis = offset + i;
  }
  return axis.value_or(x.size() - 1);
}

std::optional<Affine> affine_of(Binary::Kind kind, const std::vector<float>& constant,
                                bool constant_first, size_t count) {
  Affine out{std::vector<double>(count, 1), std::vector<double>(count, 0)};
  for (size_t i = 0; i < count; ++i) {
    const double value = constant[constant.size() == 1 ? 0 : i];
    switch (kind) {
      case Binary::Kind::add:
        out.shift[i] = value;
        break;
      case Binary::Kind::subtract:
        out.scale[i] = constant_first ? -1 : 1;
        out.shift[i] = constant_first ? value : -value;
        break;
      case Binary::Kind::multiply:
        out.scale[i] = value;
        break;
      case Binary::Kind::divide:
        if (constant_first) return std::nullopt;
        out.scale[i] = 1 / value;  // by zero: not finite, refused by to_float
        break;
      default:
        return std::nullopt;
    }
  }
  return out;
}

bool make(Editor& editor, NodeId id, const std::vector<bool>& exact) {
  const Node& node = editor.node(id);
  const auto* binary = std::get_if<Binary>(&node.op);
  if (!binary) return false;
  // A product with the reciprocal is rounded otherwise than the quotient.
  if (binary->kind == Binary::Kind::divide && exact[node.output]) return false;
  for (const size_t side : {0, 1}) {
    const TensorId constant = node.inputs[side], x = node.inputs[1 - side];
    if (!editor.tensor(constant).is_constant() || editor.tensor(x).is_constant()) continue;
    const Shape shape = editor.shape(node.output);
    if (editor.shape(x) != shape) return false;
    const auto axis = varying_axis(editor.shape(constant), shape);
    if (!axis) return false;
    const Shape channels{shape[*axis]};
    const auto affine = affine_of(binary->kind, values(editor, constant), side == 0,
                                  static_cast<size_t>(channels[0]));
    const auto scale = affine ? to_float(affine->scale) : std::nullopt;
    const auto shift = affine ? to_float(affine->shift) : std::nullopt;
    if (!scale || !shift) return false;
    const TensorId scale_id = editor.add_constant(node.name + "/scale", channels, *scale);
    const TensorId shift_id = editor.add_constant(node.name + "/shift", channels, *shift);
    editor.replace(id, ChannelAffine{static_cast<int>(*axis)}, {x, scale_id, shift_id});
    return true;
  }
  return false;
}

}  // namespace

int make_affine(Graph& graph) {
  const std::vector<bool> exact = between_roundings(graph);
  return rewrite_nodes(graph,
                       [&](Editor& editor, NodeId id) { return make(editor, id, exact); });
}

}  // namespace octavo
