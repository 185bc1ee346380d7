#include <vector>

#include "graph/graph.h"

namespace octavo {

namespace {

// Products of a node are below 2^62 (2^31 outputs of 2^31 terms each); the sum over a
// hostile graph is kept from overflowing.
int64_t saturating_add(int64_t a, int64_t b) {
  return a > INT64_MAX - b ? INT64_MAX : a + b;
}

int64_t terms_per_output(const Graph& graph, const Node& node) {
  if (std::holds_alternative<Conv2d>(node.op)) {
    const Shape& weight = graph.tensors[node.inputs[1]].shape;
    return weight[1] * weight[2] * weight[3];
  }
  if (std::holds_alternative<MatMul>(node.op)) return graph.tensors[node.inputs[0]].shape.back();
  return 0;
}

}  // namespace

Cost cost(const Graph& graph, const Node& node) {
  const int64_t terms = terms_per_output(graph, node);
  if (terms == 0) return {};
  Cost out;
  out.macs = element_count(graph.tensors[node.output].shape) * terms;
  for (const TensorId input : node.inputs) {
    const Tensor& operand = graph.tensors[input];
    if (operand.is_constant()) {
      out.parameters = saturating_add(out.parameters, element_count(operand.shape));
    }
  }
  return out;
}

Cost cost(const Graph& graph) {
  Cost total;
  std::vector<bool> counted(graph.tensors.size(), false);  // weights may be shared
  for (const Node& node : graph.nodes) {
    total.macs = saturating_add(total.macs, cost(graph, node).macs);
    if (terms_per_output(graph, node) == 0) continue;
    for (const TensorId input : node.inputs) {
      const Tensor& operand = graph.tensors[input];
      if (!operand.is_constant() || counted[input]) continue;
      counted[input] = true;
      total.parameters = saturating_add(total.parameters, element_count(operand.shape));
    }
  }
  return total;
}

}  // namespace octavo
