// A ChannelAffine in front of a convolution or matrix product goes into its weights:
// w (x s + t) = (w s) x + w t. Zero padding stands for zeros behind the affine, so that a
// shift can pass only where nothing is padded.
#include <algorithm>

#include "rewrite/pattern.h"
#include "rewrite/table.h"
#include "rewrite/weights.h"

namespace octavo {

namespace {

bool fold(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  if (node.inputs.empty()) return false;
  const TensorId x = node.inputs[0];
  if (!made_by<ChannelAffine>(editor, x)) return false;
  const auto* conv = std::get_if<Conv2d>(&node.op);
  if (!conv && !std::holds_alternative<MatMul>(node.op)) return false;
  const int last = static_cast<int>(editor.shape(x).size()) - 1;
  const auto affine = affine_along(editor, editor.maker(x), last);
  if (!affine) return false;
  const bool shifts = std::any_of(affine->shift.begin(), affine->shift.end(),
                                  [](double shift) { return shift != 0; });
  if (conv && conv->pads != Pads{} && shifts) return false;
  std::optional<Linear> linear = linear_of(editor, id);
  if (!linear) return false;
  for (size_t i = 0; i < linear->weight.size(); ++i) {
    double& weight = linear->weight[i];
    linear->bias[linear->output_of(i)] += weight * affine->shift[linear->input_of(i)];
    weight *= affine->scale[linear->input_of(i)];
  }
  const Operator op = node.op;
  return put_linear(editor, id, op, operand(editor, x, 0), *linear);
}

}  // namespace

int affine_into_next(Graph& graph) {
  return rewrite_nodes(graph, fold);
}

}  // namespace octavo
