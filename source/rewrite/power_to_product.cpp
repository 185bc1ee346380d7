// A small whole power is a product of the tensor with itself, and a root a square root: x^2, x^3,
// x^0.5, 1 / x. Another exponent, such as the learned one of generalized means, is a function of
// one number.
#include <cmath>

#include "rewrite/written_out.h"

namespace octavo {

namespace {

bool convert(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* binary = std::get_if<Binary>(&node.op);
  if (!binary || binary->kind != Binary::Kind::power) return false;
  const TensorId x = node.inputs[0];
  const auto exponent = scalar(editor, node.inputs[1]);
  if (!exponent || editor.shape(x) != editor.shape(node.output)) return false;
  const Binary multiply{Binary::Kind::multiply};
  if (*exponent == 1) return editor.bypass(id, x);
  if (*exponent == 0.5 || *exponent == -1) {
    editor.replace(id, Unary{*exponent == -1 ? Unary::Kind::reciprocal : Unary::Kind::sqrt}, {x});
    return true;
  }
  if (*exponent == 2) {
    editor.replace(id, multiply, {x, x});
    return true;
  }
  if (*exponent != 3) {
    constexpr double most = 16;  // the ends of a table stay finite in double precision
    if (!(std::fabs(*exponent) <= most) || *exponent == 0) return false;
    editor.replace(id, Unary{Unary::Kind::power, static_cast<float>(*exponent)}, {x});
    return true;
  }
  const TensorId square = editor.insert(id, "", multiply, {x, x});
  editor.replace(id, multiply, {square, x});
  return true;
}

}  // namespace

int power_to_product(Graph& graph) {
  return rewrite_nodes(graph, convert);
}

}  // namespace octavo
