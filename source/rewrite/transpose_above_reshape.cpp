// Transpose, Reshape, Transpose: where the second one only puts whole groups of axes in another
// order, which the Reshape joined or split each for itself, it comes before the Reshape and
// both are one. Heads that are joined to channels of an NCHW map come straight to NHWC so.
#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool merge(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* second = std::get_if<Transpose>(&node.op);
  if (!second || !transposed_before_reshape(editor, node.inputs[0], second->perm)) return false;
  const auto moved = *transposed_before_reshape(editor, node.inputs[0], second->perm);
  const Shape shape = editor.shape(node.output);
  if (is_identity(moved.perm)) {
    editor.replace(id, Reshape{shape}, {moved.x});
  } else {
    editor.split(id, Transpose{moved.perm}, {moved.x}, Reshape{shape});
  }
  return true;
}

}  // namespace

int transpose_above_reshape(Graph& graph) {
  return rewrite_nodes(graph, merge);
}

}  // namespace octavo
