// v^T a^T = (a v)^T: a product whose left matrix is transposed and whose right one is read
// transposed becomes the product in the usual order, and the Transpose moves on behind it.
// EfficientViT multiplies the values by the attention matrix in this way.
#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool turn(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
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
  return rewrite_nodes(graph, turn);
}

}  // namespace octavo
