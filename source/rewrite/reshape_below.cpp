// A Reshape moves below elementwise operators, to meet another Reshape and merge.
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

// The axis of `from` that holds the same elements in the same runs as `axis` of `to`.
std::optional<int> same_axis(const Shape& from, const Shape& to, int axis) {
  const auto elements_behind = [](const Shape& shape, size_t i) {
    return element_count({shape.begin() + static_cast<std::ptrdiff_t>(i) + 1, shape.end()});
  };
  const auto wanted = static_cast<size_t>(axis);
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i] == to[wanted] && elements_behind(from, i) == elements_behind(to, wanted)) {
      return static_cast<int>(i);
    }
  }
  return std::nullopt;
}

std::optional<ChannelAffine> affine_before(const Editor& editor, NodeId id, const Shape& from) {
  const Node& node = editor.node(id);
  const auto axis =
      same_axis(from, editor.shape(node.output), std::get<ChannelAffine>(node.op).axis);
  if (!axis) return std::nullopt;
  return ChannelAffine{*axis};
}

// A scalar beside the Reshape, or another Reshape from the same shape.
std::optional<std::vector<TensorId>> joined_before(const Editor& editor, const Node& node) {
  std::vector<TensorId> out;
  std::optional<Shape> shape;
  for (const TensorId input : node.inputs) {
    if (scalar(editor, input) && editor.shape(input).size() <= 1) {
      out.push_back(input);
      continue;
    }
    if (!made_by<Reshape>(editor, input) || editor.shape(input) != editor.shape(node.output)) {
      return std::nullopt;
    }
    const TensorId x = operand(editor, input, 0);
    if (shape && *shape != editor.shape(x)) return std::nullopt;
    shape = editor.shape(x);
    if (shape->empty()) return std::nullopt;
    out.push_back(x);
  }
  if (!shape) return std::nullopt;
  return out;
}

bool move_below(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  std::vector<TensorId> inputs = node.inputs;
  if (inputs.empty()) return false;
  Operator op = node.op;
  if (std::holds_alternative<Binary>(op)) {
    const auto joined = joined_before(editor, node);
    if (!joined) return false;
    inputs = *joined;
  } else {
    if (!made_by<Reshape>(editor, inputs[0])) return false;
    inputs[0] = operand(editor, inputs[0], 0);
    if (std::holds_alternative<ChannelAffine>(op)) {
      const auto moved = affine_before(editor, id, editor.shape(inputs[0]));
      if (!moved) return false;
      op = *moved;
    } else if (!std::holds_alternative<Unary>(op)) {
      return false;
    }
  }
  const Shape shape = editor.shape(node.output);
  editor.split(id, op, inputs, Reshape{shape});
  return true;
}

}  // namespace

int reshape_below(Graph& graph) {
  return rewrite_nodes(graph, move_below);
}

}  // namespace octavo
