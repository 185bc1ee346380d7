// A batch normalization, scale or bias behind a convolution or matrix product that
// nothing else reads goes into its weights and bias, in double precision; behind a layer
// normalization, into gamma and beta.
#include "rewrite/pattern.h"
#include "rewrite/table.h"
#include "rewrite/weights.h"

namespace octavo {

namespace {

bool into_layer_norm(Editor& editor, NodeId id, NodeId before, const Affine& affine) {
  const std::vector<TensorId> inputs = editor.node(before).inputs;
  std::vector<double> gamma = to_double(values(editor, inputs[1]));
  std::vector<double> beta = to_double(values(editor, inputs[2]));
  for (size_t i = 0; i < gamma.size(); ++i) {
    gamma[i] *= affine.scale[i];
    beta[i] = beta[i] * affine.scale[i] + affine.shift[i];
  }
  const auto new_gamma = to_float(gamma), new_beta = to_float(beta);
  if (!new_gamma || !new_beta) return false;
  const Shape shape{static_cast<int64_t>(gamma.size())};
  const Operator op = editor.node(before).op;
  const TensorId gamma_id = editor.add_constant(editor.tensor(inputs[1]).name, shape, *new_gamma);
  const TensorId beta_id = editor.add_constant(editor.tensor(inputs[2]).name, shape, *new_beta);
  editor.replace(id, op, {inputs[0], gamma_id, beta_id});
  return true;
}

bool into_linear(Editor& editor, NodeId id, NodeId before, const Affine& affine) {
  std::optional<Linear> linear = linear_of(editor, before);
  if (!linear) return false;
  for (size_t i = 0; i < linear->weight.size(); ++i) {
    linear->weight[i] *= affine.scale[linear->output_of(i)];
  }
  for (size_t o = 0; o < linear->outputs; ++o) {
    linear->bias[o] = linear->bias[o] * affine.scale[o] + affine.shift[o];
  }
  // The node that gives the output stays: it takes over operator and operands.
  const Operator op = editor.node(before).op;
  return put_linear(editor, id, op, editor.node(before).inputs[0], *linear);
}

bool fold(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  if (!std::holds_alternative<ChannelAffine>(node.op)) return false;
  const TensorId x = node.inputs[0];
  const NodeId before = editor.maker(x);
  if (before == no_node || editor.reader_count(x) != 1) return false;
  const auto affine = affine_along(editor, id, static_cast<int>(editor.shape(x).size()) - 1);
  if (!affine) return false;
  if (made_by<LayerNorm>(editor, x)) return into_layer_norm(editor, id, before, *affine);
  return into_linear(editor, id, before, *affine);
}

}  // namespace

int affine_into_previous(Graph& graph) {
  return rewrite_nodes(graph, fold);
}

}  // namespace octavo
