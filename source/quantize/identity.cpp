#include "quantize/identity.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace octavo {

namespace {

// A residual comes after the activation, so only a clamp may follow; and the step's rows
// and columns have to be its input's.
bool can_take_itself(const Graph& graph, const FormedStep& step) {
  if (!step.is<form::Convolution>() || step.has_residual || step.activation) return false;
  if (keeps_weights(step)) return false;
  const Node& node = graph.nodes[step.node];
  const auto& conv = std::get<Conv2d>(node.op);
  // The first tensor may be a picture, the last result logits: neither can be a residual's.
  return conv.stride == std::array<int, 2>{1, 1} && step.inputs[0] != graph.input &&
         step.output != graph.output &&
         stored_shape(graph.tensors[node.inputs[0]].shape) ==
             stored_shape(graph.tensors[node.output].shape);
}

}  // namespace

std::vector<double> find_identity(const Graph& graph, const FormedStep& step) {
  if (!can_take_itself(graph, step)) return {};
  const Tensor& weight = graph.tensors[graph.nodes[step.node].inputs[1]];
  const auto taps = static_cast<size_t>(weight.shape[1] * weight.shape[2] * weight.shape[3]);
  const auto outputs = static_cast<size_t>(weight.shape[0]);
  if (taps < 2) return {};
  std::vector<double> identity(outputs, 0.0);
  double gain = 0;
  for (size_t o = 0; o < outputs; ++o) {
    const int64_t own = own_tap(graph, step, static_cast<int64_t>(o));
    if (own < 0) return {};
    const auto row = std::span(*weight.values).subspan(o * taps, taps);
    float others = 0;
    for (size_t k = 0; k < taps; ++k) {
      if (k != static_cast<size_t>(own)) others = std::max(others, std::fabs(row[k]));
    }
    identity[o] = row[static_cast<size_t>(own)];
    const double all = std::max(static_cast<double>(others), std::fabs(identity[o]));
    if (all > 0) gain += std::pow(others / all, 2);  // what is left of the squared rounding error
  }
  constexpr double worth_it = 0.5;
  if (gain > worth_it * static_cast<double>(outputs)) return {};
  return identity;
}

int64_t own_tap(const Graph& graph, const FormedStep& step, int64_t output) {
  const Node& node = graph.nodes[step.node];
  const auto& conv = std::get<Conv2d>(node.op);
  const Shape& weight = graph.tensors[node.inputs[1]].shape;
  if (conv.pads.top % conv.dilation[0] != 0 || conv.pads.left % conv.dilation[1] != 0) return -1;
  const int64_t ky = conv.pads.top / conv.dilation[0], kx = conv.pads.left / conv.dilation[1];
  if (ky >= weight[1] || kx >= weight[2] || weight[0] != weight[3] * conv.groups) return -1;
  return (ky * weight[2] + kx) * weight[3] + output % weight[3];
}

std::vector<float> weights_without(const Graph& graph, const FormedStep& step,
                                   const std::vector<double>& identity) {
  const Tensor& weight = graph.tensors[graph.nodes[step.node].inputs[1]];
  std::vector<float> out = *weight.values;
  const auto taps = out.size() / static_cast<size_t>(weight.shape[0]);
  for (size_t o = 0; o < identity.size(); ++o) {
    const auto own = static_cast<size_t>(own_tap(graph, step, static_cast<int64_t>(o)));
    out[o * taps + own] -= static_cast<float>(identity[o]);
  }
  return out;
}

}  // namespace octavo
