// Binary operators broadcast by themselves: an Expand in front of one is not needed
// where the other operand already has the output's shape.
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool read_before_expand(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* binary = std::get_if<Binary>(&node.op);
  if (!binary) return false;
  const Binary op = *binary;
  for (const size_t side : {0, 1}) {
    std::vector<TensorId> inputs = node.inputs;
    const bool other_is_whole = editor.shape(inputs[1 - side]) == editor.shape(node.output);
    if (!other_is_whole || !made_by<Expand>(editor, inputs[side])) continue;
    inputs[side] = operand(editor, inputs[side], 0);
    editor.replace(id, op, inputs);
    return true;
  }
  return false;
}

}  // namespace

int drop_expand(Graph& graph) {
  return rewrite_nodes(graph, read_before_expand);
}

}  // namespace octavo
