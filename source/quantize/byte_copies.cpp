#include "quantize/byte_copies.h"

#include <algorithm>

#include "quantize/step_rewrites.h"

namespace octavo {

namespace {

constexpr TensorId no_tensor = UINT32_MAX;

}  // namespace

std::vector<TensorId> may_have_byte_copies(const StepNetwork& network) {
  const Graph& graph = network.graph;
  const size_t tensors = graph.tensors.size();
  std::vector<bool> rounded(tensors, false), moved(tensors, false), convolved(tensors, false),
      otherwise(tensors, false);
  for (const FormedStep& step : network.formed.steps) {
    const bool moves = moves_only(step);
    moved[step.output] = moves;
    rounded[step.output] = !moves && !step.rounding && !step.is<form::Constant>();
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const TensorId t = step.inputs[i];
      const bool by_convolution = step.is<form::Convolution>() && i == 0;
      // One that reads it under another shape keeps doing so.
      const bool as_it_is = by_convolution && graph.nodes[step.node].inputs[0] == t;
      if (moves) moved[t] = true;
      (as_it_is ? convolved : otherwise)[t] = true;
    }
  }
  std::vector<TensorId> out;
  for (TensorId t = 0; t < tensors; ++t) {
    const bool is_byte = network.types.of[t] == ElementType::u8 && t != network.logits();
    if (rounded[t] && !moved[t] && convolved[t] && otherwise[t] && is_byte) out.push_back(t);
  }
  return out;
}

std::string byte_copy_name(const Graph& graph, TensorId of) {
  return graph.tensors[of].name + ".bytes";
}

std::vector<TensorId> put_byte_copies(Graph& graph, std::span<const TensorId> of) {
  std::vector<TensorId> copy(graph.tensors.size(), no_tensor);
  std::vector<bool> wanted(graph.tensors.size(), false);
  for (const TensorId t : of) wanted[t] = true;
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    const TensorId made = node.output;
    if (std::holds_alternative<Conv2d>(node.op) && copy[node.inputs[0]] != no_tensor) {
      node.inputs[0] = copy[node.inputs[0]];
    }
    nodes.push_back(std::move(node));
    if (!wanted[made]) continue;
    nodes.push_back(copy_of(graph, made, byte_copy_name(graph, made)));
    copy[made] = nodes.back().output;
    copy.resize(graph.tensors.size(), no_tensor);
    wanted.resize(graph.tensors.size(), false);
  }
  graph.nodes = std::move(nodes);
  std::vector<TensorId> out;
  for (const TensorId t : of) out.push_back(copy[t]);
  return out;
}

Result<CopiedNetwork> with_byte_copies(const StepNetwork& network, std::vector<TensorId> of) {
  CopiedNetwork out{network, std::move(of), {}};
  Graph& graph = out.network.graph;
  out.copies = put_byte_copies(graph, out.originals);
  auto formed = form_steps(graph);
  if (!formed) return formed.error();
  out.network.formed = *std::move(formed);
  out.network.flow = trace_channels(graph, out.network.formed);
  out.network.types.of.resize(graph.tensors.size(), ElementType::u8);
  return out;
}

Calibration with_byte_copies(Calibration calibration, const CopiedNetwork& copied) {
  const size_t tensors = copied.network.graph.tensors.size();
  calibration.stored.resize(tensors);
  calibration.accumulated.resize(tensors);  // of no activation's argument
  for (size_t i = 0; i < copied.copies.size(); ++i) {
    const TensorId from = copied.originals[i], to = copied.copies[i];
    calibration.stored[to] = calibration.stored[from];
    calibration.far.follow(to, from);
  }
  return calibration;
}

}  // namespace octavo
