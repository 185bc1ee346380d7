// Of two Reshapes in a row only the second counts.
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool merge(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* reshape = std::get_if<Reshape>(&node.op);
  if (!reshape || !made_by<Reshape>(editor, node.inputs[0])) return false;
  const TensorId x = operand(editor, node.inputs[0], 0);
  editor.replace(id, Reshape{reshape->shape}, {x});
  return true;
}

}  // namespace

int merge_reshapes(Graph& graph) {
  return rewrite_nodes(graph, merge);
}

}  // namespace octavo
