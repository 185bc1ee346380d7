#include "graph/graph.h"

namespace octavo {

std::vector<uint32_t> producers(const Graph& graph) {
  std::vector<uint32_t> makers(graph.tensors.size(), no_node);
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) makers[graph.nodes[i].output] = i;
  return makers;
}

std::vector<std::vector<uint32_t>> consumers(const Graph& graph) {
  std::vector<std::vector<uint32_t>> readers(graph.tensors.size());
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    for (const TensorId input : graph.nodes[i].inputs) readers[input].push_back(i);
  }
  return readers;
}

namespace {

// Tensors from which the output can be reached, and the graph's input.
std::vector<bool> live_tensors(const Graph& graph) {
  std::vector<bool> live(graph.tensors.size(), false);
  live[graph.output] = live[graph.input] = true;
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    if (!live[graph.nodes[i].output]) continue;
    for (const TensorId input : graph.nodes[i].inputs) live[input] = true;
  }
  return live;
}

}  // namespace

void remove_dead(Graph& graph) {
  const std::vector<bool> live = live_tensors(graph);
  std::erase_if(graph.nodes, [&](const Node& node) { return !live[node.output]; });
  std::vector<TensorId> renumbered(graph.tensors.size(), 0);
  std::vector<Tensor> kept;
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    if (!live[i]) continue;
    renumbered[i] = static_cast<TensorId>(kept.size());
    kept.push_back(std::move(graph.tensors[i]));
  }
  graph.tensors = std::move(kept);
  graph.input = renumbered[graph.input];
  graph.output = renumbered[graph.output];
  for (Node& node : graph.nodes) {
    for (TensorId& input : node.inputs) input = renumbered[input];
    node.output = renumbered[node.output];
  }
}

}  // namespace octavo
