// A Reshape moves below elementwise operators, and below those that treat every pixel alike if
// it keeps the channels, to meet another Reshape and merge.
#include <algorithm>
#include <array>

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

// The same number for every channel fits every axis.
std::optional<std::vector<TensorId>> uniform_affine(Editor& editor, const Node& node,
                                                    const Shape& from) {
  std::vector<TensorId> inputs = node.inputs;
  if (from.back() > most_channels) return std::nullopt;
  for (const size_t i : {1, 2}) {
    if (!uniform(values(editor, inputs[i]))) return std::nullopt;
  }
  for (const size_t i : {1, 2}) {
    const std::vector<float> entries(static_cast<size_t>(from.back()),
                                     values(editor, inputs[i])[0]);
    inputs[i] = editor.add_constant(editor.tensor(inputs[i]).name, {from.back()}, entries);
  }
  return inputs;
}

std::optional<ChannelAffine> affine_before(const Editor& editor, NodeId id, const Shape& from) {
  const Node& node = editor.node(id);
  const auto axis =
      same_axis(from, editor.shape(node.output), std::get<ChannelAffine>(node.op).axis);
  if (!axis) return std::nullopt;
  return ChannelAffine{*axis};
}

// Pixels one by one: neither their order nor their arrangement matters.
bool treats_pixels_alike(const Editor& editor, const Node& node, const Shape& from) {
  const Shape& to = editor.shape(node.inputs[0]);
  if (from.size() < 2 || to.empty() || from.back() != to.back()) return false;
  if (std::holds_alternative<LayerNorm>(node.op)) return true;
  const auto* conv = std::get_if<Conv2d>(&node.op);
  const std::array<int, 2> one{1, 1};
  if (!conv || conv->stride != one || conv->pads != Pads{} || from.size() != 4) return false;
  const Shape& kernel = editor.shape(node.inputs[1]);
  return kernel[1] == 1 && kernel[2] == 1;
}

bool is_full_constant(const Editor& editor, const Node& node, TensorId input) {
  return editor.tensor(input).is_constant() && editor.may_copy(input) &&
         element_count(editor.shape(input)) == element_count(editor.shape(node.output));
}

// Beside the Reshape: a scalar, another Reshape from the same shape, a constant of all elements.
std::optional<std::vector<TensorId>> joined_before(const Editor& editor, const Node& node) {
  std::vector<TensorId> out;
  std::optional<Shape> shape;
  for (const TensorId input : node.inputs) {
    if (is_full_constant(editor, node, input)) {
      out.push_back(input);  // put into the shape below
      continue;
    }
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

// Constants of all elements take the shape of the operand that is none.
void reshape_constants(Editor& editor, std::vector<TensorId>& inputs) {
  Shape shape;
  for (const TensorId input : inputs) {
    if (!editor.tensor(input).is_constant()) shape = editor.shape(input);
  }
  for (TensorId& input : inputs) {
    if (!editor.tensor(input).is_constant()) continue;
    if (element_count(editor.shape(input)) != element_count(shape)) continue;
    input = editor.add_constant(editor.tensor(input).name, shape, values(editor, input));
  }
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
    reshape_constants(editor, inputs);
  } else {
    if (!made_by<Reshape>(editor, inputs[0])) return false;
    inputs[0] = operand(editor, inputs[0], 0);
    const Shape from = editor.shape(inputs[0]);
    if (std::holds_alternative<ChannelAffine>(op)) {
      const auto moved = affine_before(editor, id, from);
      const auto constants =
          moved || from.empty() ? std::nullopt : uniform_affine(editor, node, from);
      if (!moved && !constants) return false;
      op = moved ? *moved : ChannelAffine{static_cast<int>(from.size()) - 1};
      if (constants) std::copy(constants->begin() + 1, constants->end(), inputs.begin() + 1);
    } else if (auto* rounding = std::get_if<FakeQuantize>(&op); rounding != nullptr) {
      if (rounding->by_axis()) {
        const auto axis = same_axis(from, editor.shape(node.output), rounding->axis);
        if (!axis) return false;
        rounding->axis = *axis;
      }
    } else if (!std::holds_alternative<Unary>(op) && !treats_pixels_alike(editor, node, from)) {
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
