// At the end: a quotient of two tensors is a product with the reciprocal, which is a table of the
// smaller of the two; but not x / |x|, which is a step of its own.
#include "rewrite/written_out.h"

namespace octavo {

namespace {

bool convert(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* binary = std::get_if<Binary>(&node.op);
  if (!binary || binary->kind != Binary::Kind::divide) return false;
  const TensorId a = node.inputs[0], b = node.inputs[1];
  if (editor.tensor(b).is_constant() || is_l2_normalization(editor, id)) return false;
  const TensorId inverse = editor.insert(id, "", Unary{Unary::Kind::reciprocal}, {b});
  if (editor.tensor(a).is_constant()) {
    editor.replace(id, Binary{Binary::Kind::multiply}, {inverse, a});
  } else {
    editor.replace(id, Binary{Binary::Kind::multiply}, {a, inverse});
  }
  return true;
}

}  // namespace

int quotient_to_product(Graph& graph) {
  return rewrite_nodes(graph, convert);
}

}  // namespace octavo
