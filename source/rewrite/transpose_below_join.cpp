// Operators that join tensors (Binary, Concat): a Transpose on one operand moves below if
// the same one can be taken off every other operand without moving data.
#include <algorithm>

#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

// A permutation that one operand brings and that fits the output's axes.
std::optional<Permutation> common_permutation(const Editor& editor, const Node& node) {
  constexpr int most_tried = 4;  // a Concat of thousands may bring as many permutations
  const size_t rank = editor.shape(node.output).size();
  int tried = 0;
  for (const TensorId input : node.inputs) {
    const auto* transpose = made_by<Transpose>(editor, input);
    if (!transpose || transpose->perm.size() != rank) continue;
    if (++tried > most_tried) break;
    const Permutation& perm = transpose->perm;
    const bool fits = std::all_of(node.inputs.begin(), node.inputs.end(), [&](TensorId other) {
      return has_before_transpose(editor, other, perm);
    });
    if (fits) return perm;
  }
  return std::nullopt;
}

bool move_below(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
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
