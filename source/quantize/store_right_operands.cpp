#include "quantize/roundings.h"
#include "quantize/step_rewrites.h"

namespace octavo {

namespace {

std::vector<GivenStorage> trace_storage(const Graph& graph) {
  std::vector<GivenStorage> storage(graph.tensors.size());
  for (const Node& node : graph.nodes) storage[node.output] = made_storage(node, storage);
  return storage;
}

// Whether nothing else reads the values, back to the node that computes them.
bool is_stored_for_one(const Graph& graph, TensorId t, const std::vector<uint32_t>& makers,
                       const std::vector<std::vector<uint32_t>>& readers) {
  for (;;) {
    if (readers[t].size() != 1 || makers[t] == no_node || t == graph.output) return false;
    const Node& maker = graph.nodes[makers[t]];
    if (changes_arrangement(maker)) {
      t = maker.inputs[0];
      continue;
    }
    const auto* pool = std::get_if<Pool2d>(&maker.op);
    return !is_rounding(maker) && !std::holds_alternative<Gather>(maker.op) &&
           !std::holds_alternative<Slice>(maker.op) && !std::holds_alternative<Concat>(maker.op) &&
           (pool == nullptr || pool->kind == Pool2d::Kind::average);
  }
}

}  // namespace

// Signed bytes of their own, or as a quantized file has them, if with one scale.
int store_right_operands(Graph& graph) {
  const auto makers = producers(graph);
  const auto readers = consumers(graph);
  const bool given = has_roundings(graph);
  const std::vector<GivenStorage> storage = trace_storage(graph);
  const auto keeps = [&](const Node& node) {
    const TensorId b = node.inputs[1];
    if (given) return storage[b].rounding != nullptr && !storage[b].is_uneven;
    return node.inputs[0] != b && is_stored_for_one(graph, b, makers, readers);
  };
  const auto reads = [&](const Node& node) {
    return std::holds_alternative<MatMul>(node.op) && !graph.tensors[node.inputs[1]].is_constant();
  };
  std::vector<Node> nodes;
  for (const Node& original : graph.nodes) {
    Node node = original;
    if (reads(node) && !keeps(node)) {
      nodes.push_back(
          copy_of(graph, node.inputs[1], graph.tensors[node.inputs[1]].name + ".right"));
      node.inputs[1] = nodes.back().output;
    }
    nodes.push_back(std::move(node));
  }
  const size_t copies = nodes.size() - graph.nodes.size();
  graph.nodes = std::move(nodes);
  return static_cast<int>(copies);
}

}  // namespace octavo
