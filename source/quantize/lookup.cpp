#include "quantize/lookup.h"

#include <algorithm>
#include <cmath>

#include "graph/pointwise.h"
#include "quantize/table.h"

namespace octavo {

namespace {

// Of the constant's values that for channel c, or nothing where it varies along other axes.
std::optional<float> entry(const Tensor& constant, int64_t channels, size_t c) {
  const auto& values = *constant.values;
  if (values.size() == 1) return values[0];
  const bool by_channels = static_cast<int64_t>(values.size()) == channels &&
                           !constant.shape.empty() && constant.shape.back() == channels;
  return by_channels ? std::optional(values[c]) : std::nullopt;
}

bool is_uniform(const Tensor& constant) {
  const auto& values = *constant.values;
  return std::all_of(values.begin(), values.end(), [&](float v) { return v == values[0]; });
}

float binary_value(Binary::Kind kind, float a, float b) {
  switch (kind) {
    case Binary::Kind::add:
      return a + b;
    case Binary::Kind::subtract:
      return a - b;
    case Binary::Kind::multiply:
      return a * b;
    case Binary::Kind::divide:
      return a / b;
    case Binary::Kind::power:
      return b == 2 ? a * a : static_cast<float>(std::pow(double{a}, double{b}));
    case Binary::Kind::minimum:
      return std::min(a, b);
    case Binary::Kind::maximum:
      return std::max(a, b);
  }
  return a;
}

bool is_clamp(const Node& node) {
  const auto* unary = std::get_if<Unary>(&node.op);
  return unary != nullptr && (unary->kind == Unary::Kind::relu || unary->kind == Unary::Kind::clip);
}

// Whether its result for a channel follows from the argument's value there, for all channels alike
// if asked for.
bool is_function(const Graph& graph, const Node& node, TensorId x, bool alike) {
  if (pointwise_operand(graph, node) != x) return false;
  if (const auto* affine = std::get_if<ChannelAffine>(&node.op)) {
    if (affine->axis != static_cast<int>(graph.tensors[node.output].shape.size()) - 1) return false;
  }
  const int64_t channels = channel_count(graph.tensors[node.output]);
  return std::all_of(node.inputs.begin(), node.inputs.end(), [&](TensorId t) {
    const Tensor& tensor = graph.tensors[t];
    return t == x || (entry(tensor, channels, 0) && (!alike || is_uniform(tensor)));
  });
}

// The same to every channel: one table says it all.
bool adds_to_all(const Graph& graph, const Node& affine) {
  const Tensor &scale = graph.tensors[affine.inputs[1]], &shift = graph.tensors[affine.inputs[2]];
  return is_uniform(scale) && is_uniform(shift) && shift.values->front() != 0;
}

// What a rescale step does in one go: a scaling, then a clamp. With an addition, which is rounded
// where the file puts it: of 1 + erf(x), whose scales are 2 / 255, every value is a tie.
struct OrdinaryParts {
  bool scaled = false, clamped = false, beyond = false;

  void add(const Graph& graph, const Node& node) {
    const bool scales = std::holds_alternative<ChannelAffine>(node.op);
    beyond = beyond || !(scales || is_clamp(node)) || clamped || (scales && scaled) ||
             (scales && adds_to_all(graph, node));
    scaled = scaled || scales;
    clamped = clamped || is_clamp(node);
  }
};

bool keeps_storage(const Graph& graph, const Node& node) {
  return std::holds_alternative<Reshape>(node.op) &&
         stored_shape(graph.tensors[node.inputs[0]].shape) ==
             stored_shape(graph.tensors[node.output].shape);
}

float node_value(const Graph& graph, const Node& node, TensorId x, size_t c, float value) {
  const int64_t channels = channel_count(graph.tensors[node.output]);
  const auto operand = [&](size_t i) {
    const TensorId t = node.inputs[i];
    return t == x ? value : *entry(graph.tensors[t], channels, c);
  };
  if (const auto* unary = std::get_if<Unary>(&node.op)) {
    return static_cast<float>(activation_value(*unary, value));
  }
  if (std::holds_alternative<ChannelAffine>(node.op)) return value * operand(1) + operand(2);
  if (const auto* binary = std::get_if<Binary>(&node.op)) {
    return binary_value(binary->kind, operand(0), operand(1));
  }
  return value;  // a change of shape
}

}  // namespace

std::vector<uint32_t> looked_up_nodes(const Graph& graph,
                                      const std::vector<std::vector<uint32_t>>& consumers,
                                      uint32_t first, TensorId x, bool of_bytes) {
  std::vector<uint32_t> nodes;
  OrdinaryParts parts;
  parts.beyond = x == graph.input;  // an ordinary step knows a picture's mean less exactly
  for (uint32_t n = first; n != no_node;) {
    const Node& node = graph.nodes[n];
    nodes.push_back(n);
    if (const auto* rounding = std::get_if<FakeQuantize>(&node.op)) {
      const bool along_channels =
          !rounding->by_axis() ||
          (of_bytes && rounding->axis == static_cast<int>(graph.tensors[x].shape.size()) - 1);
      return along_channels && parts.beyond ? nodes : std::vector<uint32_t>{};
    }
    if (!keeps_storage(graph, node)) {
      if (!is_function(graph, node, x, !of_bytes)) return {};
      parts.add(graph, node);
    }
    x = node.output;
    const auto& readers = consumers[x];
    const bool alone = !readers.empty() && readers.front() == readers.back() && x != graph.output;
    n = alone ? readers.front() : no_node;
  }
  return {};
}

bool is_alike_for_all_channels(const Graph& graph, const std::vector<uint32_t>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(), [&](uint32_t n) {
    const Node& node = graph.nodes[n];
    const auto* rounding = std::get_if<FakeQuantize>(&node.op);
    return (rounding == nullptr || !rounding->by_axis()) &&
           std::all_of(node.inputs.begin(), node.inputs.end(), [&](TensorId t) {
             return !graph.tensors[t].is_constant() || is_uniform(graph.tensors[t]);
           });
  });
}

float chain_value(const Graph& graph, const std::vector<uint32_t>& nodes, size_t c, float value) {
  const Node& first = graph.nodes[nodes[0]];
  TensorId x = pointwise_operand(graph, first).value_or(first.inputs[0]);
  for (size_t i = 0; i + 1 < nodes.size(); ++i) {
    const Node& node = graph.nodes[nodes[i]];
    value = node_value(graph, node, x, c, value);
    x = node.output;
  }
  return value;
}

}  // namespace octavo
