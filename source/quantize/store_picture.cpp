#include <algorithm>

#include "quantize/step_rewrites.h"

namespace octavo {

namespace {

bool takes_pictures(const Graph& graph, const Node& node) {
  if (node.inputs.empty() || node.inputs[0] != graph.input) return false;
  return std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<ChannelAffine>(node.op);
}

}  // namespace

int store_picture(Graph& graph) {
  if (!graph.normalization) return 0;
  const auto reads_otherwise = [&](const Node& node) {
    return std::count(node.inputs.begin(), node.inputs.end(), graph.input) != 0 &&
           !takes_pictures(graph, node);
  };
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), reads_otherwise)) return 0;
  Node stored = copy_of(graph, graph.input, graph.tensors[graph.input].name + ".stored");
  for (Node& node : graph.nodes) {
    if (takes_pictures(graph, node)) continue;
    std::replace(node.inputs.begin(), node.inputs.end(), graph.input, stored.output);
  }
  graph.nodes.insert(graph.nodes.begin(), std::move(stored));
  return 1;
}

}  // namespace octavo
