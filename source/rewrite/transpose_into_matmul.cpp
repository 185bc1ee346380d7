// A Transpose in front of a matrix product goes into it where it can: on the right, rows and
// columns swap by transpose_b where that leaves the last axis at its place; in front of a flatten,
// the rows of a constant matrix are put into the order of the untransposed elements.
#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool into_right_side(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* transpose = made_by<Transpose>(editor, node.inputs[1]);
  if (!transpose) return false;
  const size_t rank = transpose->perm.size();
  if (transpose->perm[rank - 2] != static_cast<int>(rank) - 1) return false;
  const Permutation rest = compose(transpose->perm, swapped_last_two(rank));
  const MatMul op{!std::get<MatMul>(node.op).transpose_b};
  std::vector<TensorId> inputs = node.inputs;
  inputs[1] = operand(editor, inputs[1], 0);
  if (!is_identity(rest)) inputs[1] = editor.insert(id, "", Transpose{rest}, {inputs[1]});
  editor.replace(id, op, inputs);
  return true;
}

// The transposed shape split by a flatten to one row: its elements are the columns.
bool into_rows(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const TensorId flat = node.inputs[0], weight = node.inputs[1];
  if (!made_by<Reshape>(editor, flat) || editor.shape(flat).size() != 2) return false;
  const TensorId moved = operand(editor, flat, 0);
  const auto* transpose = made_by<Transpose>(editor, moved);
  const Tensor matrix = editor.tensor(weight);
  const bool usable = transpose && editor.shape(flat)[0] == 1 && matrix.is_constant() &&
                      matrix.shape.size() == 2 && editor.may_copy(weight);
  if (!usable) return false;
  const bool output_major = std::get<MatMul>(node.op).transpose_b;
  Shape split = editor.shape(moved);
  Permutation back = inverse(transpose->perm);
  const auto axes = static_cast<int>(split.size());
  if (output_major) {  // [o, elements ...]
    split.insert(split.begin(), matrix.shape[0]);
    for (int& axis : back) ++axis;
    back.insert(back.begin(), 0);
  } else {  // [elements ..., o]
    split.push_back(matrix.shape[1]);
    back.push_back(axes);
  }
  const Operator op = node.op;
  std::vector<TensorId> inputs = node.inputs;
  const Shape row = editor.shape(flat);
  const TensorId x = operand(editor, moved, 0);
  inputs[1] =
      editor.add_constant(matrix.name, matrix.shape, transposed(*matrix.values, split, back));
  inputs[0] = editor.insert(id, "", Reshape{row}, {x});
  editor.replace(id, op, inputs);
  return true;
}

bool fold(Editor& editor, NodeId id) {
  if (!std::holds_alternative<MatMul>(editor.node(id).op)) return false;
  return into_right_side(editor, id) || into_rows(editor, id);
}

}  // namespace

int transpose_into_matmul(Graph& graph) {
  return rewrite_nodes(graph, fold);
}

}  // namespace octavo
