// Where the order does not matter: constants second, and the operand that is broadcast
// (the gate of squeeze-and-excite, [n, 1, 1, c]) second, so that later rooms look for one
// form only.
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool commutes(Binary::Kind kind) {
  return kind == Binary::Kind::add || kind == Binary::Kind::multiply ||
         kind == Binary::Kind::minimum || kind == Binary::Kind::maximum;
}

bool order(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* binary = std::get_if<Binary>(&node.op);
  if (!binary || !commutes(binary->kind)) return false;
  const TensorId a = node.inputs[0], b = node.inputs[1];
  const bool constant_first = editor.tensor(a).is_constant() && !editor.tensor(b).is_constant();
  const bool both_computed = !editor.tensor(a).is_constant() && !editor.tensor(b).is_constant();
  const Shape& out = editor.shape(node.output);
  const bool gate_first = both_computed && editor.shape(a) != out && editor.shape(b) == out;
  if (!constant_first && !gate_first) return false;
  editor.replace(id, Binary{*binary}, {b, a});
  return true;
}

}  // namespace

int order_operands(Graph& graph) {
  return rewrite_nodes(graph, order);
}

}  // namespace octavo
