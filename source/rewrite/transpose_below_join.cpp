// Operators that join tensors (Binary, Concat): a Transpose on one operand moves below if
// the same one can be taken off every other operand without moving data.
#include <algorithm>

#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

// The permutation that an operand brings. A map of one channel that is renamed from
// [n, h, w, 1] to [n, 1, h, w] is a Reshape by now, but several of them joined along
// channels are not.
std::optional<Permutation> brought(const Editor& editor, const Node& node, TensorId input) {
  if (const auto* transpose = made_by<Transpose>(editor, input)) return transpose->perm;
  const auto* concat = std::get_if<Concat>(&node.op);
  if (!concat || concat->axis != 1 || !made_by<Reshape>(editor, input)) return std::nullopt;
  const Permutation to_nchw{0, 3, 1, 2};
  const Shape& before = editor.shape(operand(editor, input, 0));
  const bool renames = before.size() == 4 && before[3] == 1 && before[1] * before[2] > 1 &&
                       shape_after(before, to_nchw) == editor.shape(input);
  if (!renames) return std::nullopt;
  return to_nchw;
}

// A permutation that one operand brings and that can be taken off all of them.
std::optional<Permutation> common_permutation(const Editor& editor, const Node& node) {
  constexpr int most_tried = 4;  // a Concat of thousands may bring as many permutations
  const size_t rank = editor.shape(node.output).size();
  int tried = 0;
  for (const TensorId input : node.inputs) {
    const std::optional<Permutation> perm = brought(editor, node, input);
    if (!perm || perm->size() != rank) continue;
    if (++tried > most_tried) break;
    const bool fits = std::all_of(node.inputs.begin(), node.inputs.end(), [&](TensorId other) {
      return has_before_transpose(editor, other, *perm);
    });
    if (fits) return perm;
  }
  return std::nullopt;
}

// x / max(|x|, epsilon) over the last axis: the norm of x stays at rows, and so does the quotient.
bool is_quotient_of_rows(const Editor& editor, const Node& node) {
  const auto* binary = std::get_if<Binary>(&node.op);
  if (!binary || binary->kind != Binary::Kind::divide) return false;
  TensorId norm = node.inputs[1];
  while (made_by<Unary>(editor, norm) || made_by<Expand>(editor, norm)) {
    norm = operand(editor, norm, 0);
  }
  const auto* reduce = made_by<Reduce>(editor, norm);
  const int last = static_cast<int>(editor.shape(node.inputs[0]).size()) - 1;
  return reduce && reduce->kind == Reduce::Kind::l2 && reduce->axes == std::vector<int>{last} &&
         operand(editor, norm, 0) == node.inputs[0];
}

bool move_below(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  if (is_quotient_of_rows(editor, node)) return false;
  const bool joins =
      std::holds_alternative<Binary>(node.op) || std::holds_alternative<Concat>(node.op);
  if (!joins) return false;
  const std::optional<Permutation> perm = common_permutation(editor, node);
  if (!perm) return false;
  Operator op = node.op;
  if (auto* concat = std::get_if<Concat>(&op)) {
    concat->axis = (*perm)[static_cast<size_t>(concat->axis)];
  }
  std::vector<TensorId> inputs = node.inputs;
  for (TensorId& input : inputs) input = before_transpose(editor, id, input, *perm);
  editor.split(id, op, inputs, Transpose{*perm});
  return true;
}

}  // namespace

int transpose_below_join(Graph& graph) {
  return rewrite_nodes(graph, move_below);
}

}  // namespace octavo
