#include "rewrite/weights.h"

#include <algorithm>

namespace octavo {

size_t Linear::output_of(size_t index) const {
  return output_major ? index / (weight.size() / outputs) : index % outputs;
}

size_t Linear::input_of(size_t index) const {
  if (!output_major) return index / outputs;
  const size_t inputs_a_group = inputs / groups;
  const size_t group = output_of(index) / (outputs / groups);
  return group * inputs_a_group + index % inputs_a_group;
}

std::optional<Linear> linear_of(const Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* conv = std::get_if<Conv2d>(&node.op);
  const auto* product = std::get_if<MatMul>(&node.op);
  if (!conv && !product) return std::nullopt;
  const Tensor& weight = editor.tensor(node.inputs[1]);
  const bool usable =
      weight.is_constant() && editor.may_copy(node.inputs[1]) && (conv || weight.shape.size() == 2);
  if (!usable) return std::nullopt;
  Linear out;
  out.weight = to_double(*weight.values);
  out.shape = weight.shape;
  out.output_major = conv || product->transpose_b;
  out.outputs = static_cast<size_t>(editor.shape(node.output).back());
  out.inputs = static_cast<size_t>(editor.shape(node.inputs[0]).back());
  if (conv) out.groups = static_cast<size_t>(conv->groups);
  const bool has_bias = node.inputs.size() == 3;
  out.bias =
      has_bias ? to_double(values(editor, node.inputs[2])) : std::vector<double>(out.outputs, 0);
  out.weight_name = weight.name;
  out.bias_name = has_bias ? editor.tensor(node.inputs[2]).name : weight.name + "/bias";
  return out;
}

bool put_linear(Editor& editor, NodeId id, const Operator& op, TensorId x, const Linear& linear) {
  const auto weight = to_float(linear.weight);
  const auto bias = to_float(linear.bias);
  if (!weight || !bias) return false;
  std::vector<TensorId> inputs{x, editor.add_constant(linear.weight_name, linear.shape, *weight)};
  if (std::any_of(bias->begin(), bias->end(), [](float v) { return v != 0; })) {
    const Shape shape{static_cast<int64_t>(bias->size())};
    inputs.push_back(editor.add_constant(linear.bias_name, shape, *bias));
  }
  editor.replace(id, op, inputs);
  return true;
}

}  // namespace octavo
