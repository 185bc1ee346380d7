#include "quantize/step_rewrites.h"
#include "quantize/steps.h"

namespace octavo {

namespace {

bool keeps_channels(const Graph& graph, const Node& node) {
  if (const auto* transpose = std::get_if<Transpose>(&node.op)) {
    return transpose->perm.back() == static_cast<int>(transpose->perm.size()) - 1;
  }
  return channel_count(graph.tensors[node.inputs[0]]) == channel_count(graph.tensors[node.output]);
}

// Whether the node takes all channels of its first operand for stored alike.
bool takes_one_scale(const Graph& graph, const Node& node) {
  if (std::holds_alternative<Conv2d>(node.op)) {
    return graph.tensors[node.inputs[1]].shape[3] > 1;  // channels of a group
  }
  const auto* reduce = std::get_if<Reduce>(&node.op);
  return std::holds_alternative<MatMul>(node.op) || std::holds_alternative<LayerNorm>(node.op) ||
         std::holds_alternative<Softmax>(node.op) ||
         (reduce != nullptr && reduce->kind == Reduce::Kind::l2) ||
         (changes_arrangement(node) && !keeps_channels(graph, node));
}

// What is joined has one type.
bool joins_types(const Node& node, const std::vector<GivenStorage>& storage) {
  if (!std::holds_alternative<Concat>(node.op)) return false;
  bool bytes = false, words = false;
  for (const TensorId input : node.inputs) {
    if (const FakeQuantize* rounding = storage[input].rounding) {
      (rounding->grid.highest > 255 ? words : bytes) = true;
    }
  }
  return bytes && words;
}

}  // namespace

// Where the file gives the channels of a tensor different scales, or what is joined different
// types, and the reader cannot take them so, it reads a copy with one scale: 16 bits, hundreds of
// times finer than the file's bytes.
int even_out_scales(Graph& graph) {
  std::vector<GivenStorage> storage(graph.tensors.size());
  std::vector<Node> nodes;
  for (const Node& original : graph.nodes) {
    Node node = original;
    const bool all = joins_types(node, storage);
    const bool first =
        !node.inputs.empty() && takes_one_scale(graph, node) && storage[node.inputs[0]].is_uneven;
    for (size_t i = 0; i < node.inputs.size() && (all || (first && i == 0)); ++i) {
      const std::string name = graph.tensors[node.inputs[i]].name + ".even";
      nodes.push_back(copy_of(graph, node.inputs[i], name));
      node.inputs[i] = nodes.back().output;
    }
    storage.resize(graph.tensors.size());
    // Of the original: its copy moves to another address.
    storage[node.output] =
        is_rounding(original) ? made_storage(original, storage) : made_storage(node, storage);
    nodes.push_back(std::move(node));
  }
  const size_t copies = nodes.size() - graph.nodes.size();
  graph.nodes = std::move(nodes);
  return static_cast<int>(copies);
}

}  // namespace octavo
