// At the end: a product with a reciprocal is a quotient, which keeps the relative precision that a
// table of the reciprocal has not where the divisor spans much. A constant divided by a tensor is
// the constant times the reciprocal: there is nothing else whose size could go with the divisor's.
#include <algorithm>

#include "rewrite/written_out.h"

namespace octavo {

namespace {

bool convert(Editor& editor, NodeId id, bool is_quantized) {
  const Node& node = editor.node(id);
  const auto* binary = std::get_if<Binary>(&node.op);
  if (!binary) return false;
  const TensorId a = node.inputs[0], b = node.inputs[1];
  if (binary->kind == Binary::Kind::divide) {
    if (editor.tensor(b).is_constant() || !editor.tensor(a).is_constant()) return false;
    const TensorId inverse = editor.insert(id, "", Unary{Unary::Kind::reciprocal}, {b});
    editor.replace(id, Binary{Binary::Kind::multiply}, {inverse, a});
    return true;
  }
  // A quantized file means the product, which is rounded otherwise.
  if (binary->kind != Binary::Kind::multiply || is_quantized) return false;
  for (const auto& [above, factor] : {Pair{a, b}, Pair{b, a}}) {
    const auto below = unary_operand(editor, factor, Unary::Kind::reciprocal);
    if (!below || editor.tensor(above).is_constant()) continue;
    editor.replace(id, Binary{Binary::Kind::divide}, {above, *below});
    return true;
  }
  return false;
}

}  // namespace

int make_quotients(Graph& graph) {
  const bool is_quantized =
      std::any_of(graph.nodes.begin(), graph.nodes.end(),
                  [](const Node& node) { return std::holds_alternative<FakeQuantize>(node.op); });
  return rewrite_nodes(
      graph, [&](Editor& editor, NodeId id) { return convert(editor, id, is_quantized); });
}

}  // namespace octavo
