#include "quantize/earlier_fold.h"

namespace octavo {

std::vector<std::optional<size_t>> same_convolutions(const PassInputs& in, const Quantization& q) {
  const std::vector<FormedStep>& steps = in.network.formed.steps;
  std::vector<std::optional<size_t>> out(steps.size());
  if (in.earlier == nullptr) return out;
  const auto& [network, earlier] = *in.earlier;
  // Copies come between steps, and tensors keep their ids.
  std::vector<std::optional<size_t>> by_sum(network.graph.tensors.size());
  for (size_t s = 0; s < network.formed.steps.size(); ++s) {
    const FormedStep& step = network.formed.steps[s];
    if (step.is<form::Convolution>()) by_sum[step.accumulated] = s;
  }
  for (size_t s = 0; s < steps.size(); ++s) {
    const FormedStep& step = steps[s];
    if (!step.is<form::Convolution>() || !by_sum[step.accumulated]) continue;
    const size_t there = *by_sum[step.accumulated];
    const TensorId input = network.formed.steps[there].inputs[0];
    if (q.tensors[step.inputs[0]] == earlier.tensors[input] &&
        q.convolutions[s] == earlier.convolutions[there]) {
      out[s] = there;
    }
  }
  return out;
}

}  // namespace octavo
