// A Transpose that moves only axes of size 1 leaves the elements where they are: it is a
// Reshape, and Reshapes merge.
#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool rename(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* transpose = std::get_if<Transpose>(&node.op);
  if (!transpose || is_identity(transpose->perm)) return false;
  if (!moves_only_ones(editor.shape(node.inputs[0]), transpose->perm)) return false;
  const TensorId x = node.inputs[0];
  editor.replace(id, Reshape{editor.shape(node.output)}, {x});
  return true;
}

}  // namespace

int transpose_to_reshape(Graph& graph) {
  return rewrite_nodes(graph, rename);
}

}  // namespace octavo
