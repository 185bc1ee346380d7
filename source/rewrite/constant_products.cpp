// Products with constant matrices as `linear` takes them. A constant on the left, W x, is
// (x^T W^T)^T. One matrix a head, [.., heads, k, n], is a convolution in groups: the heads become
// channels; where x is the same for all of them, they are outputs.
#include <algorithm>

#include "rewrite/layout.h"
#include "rewrite/written_out.h"

namespace octavo {

namespace {

bool is_product_of_two(const Editor& editor, NodeId id) {
  return std::holds_alternative<MatMul>(editor.node(id).op) && editor.node(id).inputs.size() == 2;
}

bool from_left_to_right(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const TensorId left = node.inputs[0], right = node.inputs[1];
  if (!editor.tensor(left).is_constant() || editor.tensor(right).is_constant()) return false;
  const bool transposed_already = std::get<MatMul>(node.op).transpose_b;
  TensorId x = right;
  if (!transposed_already) {
    x = editor.insert(id, "", Transpose{swapped_last_two(editor.shape(x).size())}, {x});
  }
  const size_t rank = editor.shape(node.output).size();
  editor.split(id, MatMul{true}, {x, left}, Transpose{swapped_last_two(rank)});
  return true;
}

// Leading axes of a product by what they are to the weights.
struct Axes {
  std::vector<size_t> places;   // all share the same matrix
  std::vector<size_t> groups;   // each has its own
  std::vector<size_t> outputs;  // x is the same for each matrix
};

Axes axes_of(const Shape& x, const Shape& weight) {
  Axes out;
  for (size_t i = 0; i + 2 < x.size(); ++i) {
    (weight[i] == 1 ? out.places : x[i] == 1 ? out.outputs : out.groups).push_back(i);
  }
  return out;
}

Shape filled_up(const Shape& shape, size_t rank) {
  Shape out(rank, 1);
  std::copy(shape.begin(), shape.end(), out.end() - static_cast<std::ptrdiff_t>(shape.size()));
  return out;
}

int64_t sizes(const Shape& shape, const std::vector<size_t>& axes) {
  int64_t count = 1;
  for (const size_t axis : axes) count *= shape[axis];
  return count;
}

Permutation joined(std::initializer_list<std::vector<size_t>> lists) {
  Permutation out;
  for (const auto& list : lists) {
    for (const size_t axis : list) out.push_back(static_cast<int>(axis));
  }
  return out;
}

bool heads_into_groups(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const Tensor weight = editor.tensor(node.inputs[1]);
  if (!weight.is_constant() || editor.tensor(node.inputs[0]).is_constant() ||
      weight.shape.size() < 3 || !editor.may_copy(node.inputs[1])) {
    return false;
  }
  const Shape output = editor.shape(node.output);
  const size_t rank = output.size(), row = rank - 2, column = rank - 1;
  const Shape matrices = filled_up(weight.shape, rank);
  const Shape shape = filled_up(editor.shape(node.inputs[0]), rank);
  const Axes axes = axes_of(shape, matrices);
  const int64_t groups = sizes(matrices, axes.groups), n = output[column], k = shape[column];
  const bool output_major = std::get<MatMul>(node.op).transpose_b;
  if (groups > most_channels) return false;

  TensorId x = node.inputs[0];
  const auto insert = [&](Operator op, TensorId input) {
    x = editor.insert(id, "", std::move(op), {input});
  };
  if (shape != editor.shape(x)) insert(Reshape{shape}, x);
  const Permutation in_groups = joined({axes.places, axes.outputs, {row}, axes.groups, {column}});
  if (!is_identity(in_groups)) insert(Transpose{in_groups}, x);
  insert(Reshape{{sizes(shape, axes.places), 1, shape[row], groups * k}}, x);

  const Permutation by_output = joined({axes.groups, axes.outputs, axes.places,
                                        {output_major ? row : column}, {output_major ? column : row}});
  const TensorId kernel =
      editor.add_constant(weight.name, {groups * sizes(matrices, axes.outputs) * n, 1, 1, k},
                          transposed(*weight.values, matrices, by_output));
  Conv2d conv;
  conv.groups = static_cast<int>(groups);
  editor.split(id, conv, {x, kernel}, Reshape{output});

  const Permutation made = joined({axes.places, {row}, axes.groups, axes.outputs, {column}});
  if (is_identity(made)) return true;
  insert(Reshape{shape_after(output, made)}, editor.node(id).inputs[0]);
  editor.replace(id, Transpose{inverse(made)}, {x});
  return true;
}

bool convert(Editor& editor, NodeId id) {
  if (!is_product_of_two(editor, id)) return false;
  return from_left_to_right(editor, id) || heads_into_groups(editor, id);
}

}  // namespace

int constant_products(Graph& graph) {
  return rewrite_nodes(graph, convert);
}

}  // namespace octavo
