// x * f(x): SiLU (f = sigmoid), HardSwish (f = hard_sigmoid(x; 1/6, 1/2), also written as
// clip(x + 3, 0, 6) with the sixth multiplied last) and Mish (f = tanh(softplus(x))).
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

std::optional<Unary::Kind> gate_of(const Editor& editor, TensorId gate, TensorId x, double scale) {
  if (scale == 1) {
    if (unary_operand(editor, gate, Unary::Kind::sigmoid) == x) return Unary::Kind::silu;
    const auto inner = unary_operand(editor, gate, Unary::Kind::tanh);
    if (inner && unary_operand(editor, *inner, Unary::Kind::softplus) == x) {
      return Unary::Kind::mish;
    }
    const auto* hard = made_by<Unary>(editor, gate);
    const bool sixth = hard && hard->kind == Unary::Kind::hard_sigmoid &&
                       near(hard->alpha, 1.0 / 6) && near(hard->beta, 0.5);
    if (sixth && operand(editor, gate, 0) == x) return Unary::Kind::hard_swish;
  }
  const auto* clip = made_by<Unary>(editor, gate);
  if (near(scale, 1.0 / 6) && clip && clip->kind == Unary::Kind::clip && clip->alpha == 0 &&
      clip->beta == 6) {
    const auto line = scalar_affine(editor, operand(editor, gate, 0));
    if (line && line->x == x && line->scale == 1 && line->shift == 3) {
      return Unary::Kind::hard_swish;
    }
  }
  return std::nullopt;
}

bool recognise(Editor& editor, NodeId id) {
  const auto factors = product(editor, id);
  if (!factors || factors->factors.size() != 2) return false;
  for (const size_t side : {0, 1}) {
    const TensorId x = factors->factors[side];
    const auto kind = gate_of(editor, factors->factors[1 - side], x, factors->scale);
    if (!kind) continue;
    editor.replace(id, Unary{*kind}, {x});
    return true;
  }
  return false;
}

}  // namespace

int recognise_self_gate(Graph& graph) {
  return rewrite_nodes(graph, recognise);
}

}  // namespace octavo
