#include "graph/pointwise.h"

#include <algorithm>

namespace octavo {

namespace {

std::optional<TensorId> moved_or_pointwise_operand(const Graph& graph, const Node& node) {
  const bool moves =
      std::holds_alternative<Reshape>(node.op) || std::holds_alternative<Transpose>(node.op);
  return moves ? node.inputs[0] : pointwise_operand(graph, node);
}

}  // namespace

std::optional<TensorId> pointwise_operand(const Graph& graph, const Node& node) {
  const auto is_constant = [&](TensorId t) { return graph.tensors[t].is_constant(); };
  const auto as_large = [&](TensorId t) {
    return graph.tensors[t].shape == graph.tensors[node.output].shape;
  };
  if (std::holds_alternative<Unary>(node.op) || std::holds_alternative<ChannelAffine>(node.op)) {
    return node.inputs[0];
  }
  if (!std::holds_alternative<Binary>(node.op)) return std::nullopt;
  const TensorId a = node.inputs[0], b = node.inputs[1];
  if (is_constant(a) == is_constant(b)) {
    return a == b && !is_constant(a) ? std::optional(a) : std::nullopt;
  }
  const TensorId x = is_constant(a) ? b : a;
  return as_large(x) ? std::optional(x) : std::nullopt;
}

std::vector<bool> between_roundings(const Graph& graph) {
  const size_t count = graph.tensors.size();
  std::vector<bool> begun(count, false), ends(count, false), both(count, false);
  std::vector<size_t> readers(count, 0);
  bool any = false;
  begun[graph.input] = true;
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<FakeQuantize>(node.op)) {
      begun[node.output] = any = true;
    } else if (const auto x = moved_or_pointwise_operand(graph, node)) {
      begun[node.output] = begun[*x];
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const auto end = node.inputs.begin() + static_cast<std::ptrdiff_t>(i);
      if (std::find(node.inputs.begin(), end, node.inputs[i]) == end) ++readers[node.inputs[i]];
    }
  }
  if (!any) return both;
  ++readers[graph.output];
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool rounds = std::holds_alternative<FakeQuantize>(node->op);
    const auto x =
        rounds ? std::optional(node->inputs[0]) : moved_or_pointwise_operand(graph, *node);
    if (x && readers[*x] == 1) ends[*x] = rounds || ends[node->output];
  }
  for (size_t t = 0; t < count; ++t) both[t] = begun[t] && ends[t];
  return both;
}

}  // namespace octavo
