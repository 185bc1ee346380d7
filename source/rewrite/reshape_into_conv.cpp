// A convolution whose kernel covers its whole input is one dot product over all elements
// in memory order; a Reshape in front of it then only tells how the kernel is written.
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool covers(const Conv2d& conv, const Shape& kernel, const Shape& x) {
  constexpr std::array<int, 2> one{1, 1};
  return conv.pads == Pads{} && conv.groups == 1 && conv.dilation == one && kernel[1] == x[1] &&
         kernel[2] == x[2];
}

bool fold(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* conv = std::get_if<Conv2d>(&node.op);
  if (!conv || !made_by<Reshape>(editor, node.inputs[0])) return false;
  const Tensor weight = editor.tensor(node.inputs[1]);
  const TensorId source = operand(editor, node.inputs[0], 0);
  const Shape map = editor.shape(source);
  const Shape& x = editor.shape(node.inputs[0]);
  const bool same_pictures = map.size() == 4 && map[0] == x[0];
  if (!same_pictures || !covers(*conv, weight.shape, x)) return false;
  if (!editor.may_copy(node.inputs[1])) return false;
  std::vector<TensorId> inputs = node.inputs;
  inputs[0] = source;
  inputs[1] =
      editor.add_constant(weight.name, {weight.shape[0], map[1], map[2], map[3]}, *weight.values);
  editor.replace(id, Conv2d{}, inputs);
  return true;
}

}  // namespace

int reshape_into_conv(Graph& graph) {
  return rewrite_nodes(graph, fold);
}

}  // namespace octavo
