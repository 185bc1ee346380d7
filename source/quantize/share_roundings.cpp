#include <algorithm>
#include <map>

#include "quantize/step_rewrites.h"

namespace octavo {

int share_roundings(Graph& graph) {
  std::map<TensorId, std::vector<const Node*>> made;
  std::map<TensorId, TensorId> instead;
  for (Node& node : graph.nodes) {
    for (TensorId& input : node.inputs) {
      if (const auto found = instead.find(input); found != instead.end()) input = found->second;
    }
    if (!is_rounding(node)) continue;
    auto& others = made[node.inputs[0]];
    const auto equal = std::find_if(others.begin(), others.end(), [&](const Node* other) {
      return std::get<FakeQuantize>(other->op) == std::get<FakeQuantize>(node.op);
    });
    if (equal == others.end()) {
      others.push_back(&node);
    } else if (node.output != graph.output) {
      instead[node.output] = (*equal)->output;
    }
  }
  remove_dead(graph);
  return static_cast<int>(instead.size());
}

}  // namespace octavo
