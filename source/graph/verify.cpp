#include <bit>
#include <cmath>

#include "base/text.h"
#include "graph/graph.h"
#include "graph/shape_rules.h"

namespace octavo {

namespace {

// From which operand on an operator's operands are parameters, which must be constants.
size_t first_parameter(const Operator& op) {
  if (std::holds_alternative<MatMul>(op)) return 2;
  if (std::holds_alternative<Conv2d>(op) || std::holds_alternative<ChannelAffine>(op) ||
      std::holds_alternative<LayerNorm>(op)) {
    return 1;
  }
  return SIZE_MAX;
}

// Without a branch in the loop, which compilers then vectorise: weights are checked
// after every rewrite.
bool all_finite(const std::vector<float>& values) {
  constexpr uint32_t exponent = 0x7f800000;  // all ones: infinity or not a number
  bool all = true;
  for (const float value : values) all &= (std::bit_cast<uint32_t>(value) & exponent) != exponent;
  return all;
}

Status verify_tensor(const Tensor& tensor) {
  const std::string bad = shape_rules::check_shape(tensor.shape);
  if (!bad.empty()) return rejected(concat("tensor ", quoted(tensor.name), " ", bad));
  if (!tensor.is_constant()) return {};
  const auto expected = static_cast<size_t>(element_count(tensor.shape));
  if (tensor.values->size() != expected) {
    return rejected(concat("constant ", quoted(tensor.name), " holds ", tensor.values->size(),
                           " values, its shape ", list_text(tensor.shape), " needs ", expected));
  }
  if (all_finite(*tensor.values)) return {};
  size_t i = 0;
  while (std::isfinite((*tensor.values)[i])) ++i;
  return rejected(concat("constant ", quoted(tensor.name), " has ", (*tensor.values)[i],
                         " at element ", i, ", expected finite values"));
}

Status verify_ends(const Graph& graph) {
  for (const TensorId end : {graph.input, graph.output}) {
    if (end >= graph.tensors.size()) {
      return rejected(concat("the graph's ", end == graph.input ? "input" : "output", " is tensor ",
                             end, " of ", graph.tensors.size()));
    }
  }
  const Tensor& input = graph.tensors[graph.input];
  if (input.is_constant()) {
    return rejected(concat("the graph's input ", quoted(input.name), " is a constant"));
  }
  const bool picture = input.shape.size() == 4 && input.shape[0] == 1;
  if (!picture && input.shape.size() != 2) {
    return rejected(concat("the graph's input ", quoted(input.name), " has the shape ",
                           list_text(input.shape),
                           ", expected four axes with batch 1, or two axes"));
  }
  return {};
}

// Walks the nodes in order and knows which tensors have been made, and which of them
// depend on the graph's input.
class OrderCheck {
 public:
  explicit OrderCheck(const Graph& graph)
      : graph_(graph), made_(graph.tensors.size(), false), fed_(graph.tensors.size(), false) {
    for (size_t i = 0; i < graph.tensors.size(); ++i) made_[i] = graph.tensors[i].is_constant();
    made_[graph.input] = fed_[graph.input] = true;
  }

  Status visit(const Node& node) {
    const shape_rules::Operands in{graph_, node};
    const Result<Shape> shape = infer_shape(graph_, node);  // checks operand ids too
    if (!shape) return shape.error();
    bool fed = false;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Tensor& operand = graph_.tensors[node.inputs[i]];
      if (!made_[node.inputs[i]]) {
        return in.wrong(concat("reads ", quoted(operand.name), " before anything makes it"));
      }
      if (i >= first_parameter(node.op) && !operand.is_constant()) {
        return in.wrong(concat("operand ", i, " ", quoted(operand.name), " must be a constant"));
      }
      fed = fed || fed_[node.inputs[i]];
    }
    if (node.output >= graph_.tensors.size()) {
      return in.wrong(concat("the output is tensor ", node.output, " of ", graph_.tensors.size()));
    }
    const Tensor& output = graph_.tensors[node.output];
    if (made_[node.output]) {
      return in.wrong(concat("the output ", quoted(output.name), " has another maker already"));
    }
    if (output.shape != *shape) {
      return in.wrong(concat("the output ", quoted(output.name), " has the shape ",
                             list_text(output.shape), ", the operands give ", list_text(*shape)));
    }
    made_[node.output] = true;
    fed_[node.output] = fed;
    return {};
  }

  bool fed(TensorId tensor) const { return fed_[tensor]; }

 private:
  const Graph& graph_;
  std::vector<bool> made_, fed_;
};

}  // namespace

Status verify(const Graph& graph) {
  if (graph.tensors.size() >= no_node || graph.nodes.size() >= no_node) {
    return rejected("the graph has too many nodes");
  }
  Status ends = verify_ends(graph);
  if (!ends) return ends;
  for (const Tensor& tensor : graph.tensors) {
    Status sound = verify_tensor(tensor);
    if (!sound) return sound;
  }
  OrderCheck order(graph);
  for (const Node& node : graph.nodes) {
    Status sound = order.visit(node);
    if (!sound) return sound;
  }
  if (!order.fed(graph.output)) {
    return rejected(concat("the graph's output ", quoted(graph.tensors[graph.output].name),
                           " does not depend on its input"));
  }
  return {};
}

}  // namespace octavo
