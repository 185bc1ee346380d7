// v^T a^T = (a v)^T: a product whose left matrix is transposed and whose right one is read
// transposed becomes the product in the usual order, and the Transpose moves on behind it.
// EfficientViT multiplies the values by the attention matrix in this way. What is the right matrix
// of another product stays: it has a scale a column there, and only one where it is read
// transposed.
#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

// By tensor: whether a product reads it as its right matrix.
std::vector<bool> right_matrices(const Graph& graph) {
  std::vector<bool> out(graph.tensors.size(), false);
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<MatMul>(node.op)) out[node.inputs[1]] = true;
  }
  return out;
}

bool turn(Editor& editor, NodeId id, const std::vector<bool>& is_right) {
  const Node& node = editor.node(id);
  if (node.output < is_right.size() && is_right[node.output]) return false;
  const auto* product = std::get_if<MatMul>(&node.op);
  if (!product || !product->transpose_b || node.inputs.size() != 2) return false;
  const TensorId left = node.inputs[0], right = node.inputs[1];
  const auto* transpose = made_by<Transpose>(editor, left);
  const size_t rank = editor.shape(left).size();
  const bool pays = transpose && rank == editor.shape(right).size() &&
                    !editor.tensor(right).is_constant() &&
                    transpose->perm[rank - 2] == static_cast<int>(rank) - 1;
  if (!pays) return false;
  const Permutation swap = swapped_last_two(rank);
  const Permutation rest = compose(transpose->perm, swap);
  TensorId values = operand(editor, left, 0);
  if (!is_identity(rest)) values = editor.insert(id, "", Transpose{rest}, {values});
  editor.split(id, MatMul{false}, {right, values}, Transpose{swap});
  return true;
}

}  // namespace

int transpose_product(Graph& graph) {
  const std::vector<bool> is_right = right_matrices(graph);
  return rewrite_nodes(graph,
                       [&](Editor& editor, NodeId id) { return turn(editor, id, is_right); });
}

}  // namespace octavo
