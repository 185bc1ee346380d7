#include "quantize/headroom.h"

#include <algorithm>

#include "plan/limits.h"
#include "quantize/round_weights.h"
#include "quantize/scales.h"

namespace octavo {

namespace {

constexpr int32_t most_levels = 32767;

int64_t room_of_convolution(const StoredConvolution& convolution) {
  constexpr int64_t least_levels = 4095;
  int64_t room = most_levels;
  for (size_t o = 0; o < convolution.outputs(); ++o) {
    const auto row = convolution.row(o);
    const int64_t bias = fold_bias(row, convolution.unit(o), convolution.terms(o));
    while (room > least_levels && !fits_accumulator(row, bias, room, false)) room = (room - 1) / 2;
  }
  return room;
}

// The largest magnitude of stored input with which every sum of a step fits; none where the step
// sums nothing of 16 bits.
std::optional<int32_t> room_for(const PassInputs& in, const std::vector<StoredTensor>& tensors,
                                const FormedStep& step) {
  if (step.inputs.empty() || tensors[step.inputs[0]].type != ElementType::i16) return std::nullopt;
  const int64_t row = channel_count(in.network.graph.tensors[step.inputs[0]]);
  if (normalizes(step)) {
    return static_cast<int32_t>(std::min<int64_t>(most_levels, plan_limit::normalized_sum / row));
  }
  if (step.is<form::MatMul>() && tensors[step.inputs[1]].type == ElementType::i8) {
    return static_cast<int32_t>(std::min<int64_t>(most_levels, INT32_MAX / (127 * row)));
  }
  if (!step.is<form::Convolution>()) return std::nullopt;
  const IntegerConvolution integers = round_convolution(in, tensors, step);
  return static_cast<int32_t>(room_of_convolution({&integers, integers.weights.values, {}, 0}));
}

}  // namespace

std::vector<StoredTensor> make_headroom(const PassInputs& in, const Quantization& q) {
  const auto& [graph, mapping, formed, types, flow] = in.network;
  std::vector<int32_t> limit(graph.tensors.size(), most_levels);
  for (const FormedStep& step : formed.steps) {
    const auto room = room_for(in, q.scales, step);
    if (!room) continue;
    for (const auto& origin : flow.origins[step.inputs[0]]) {
      limit[origin.root] = std::min(limit[origin.root], *room);
    }
  }
  for (const TensorId root : flow.roots) {  // tied roots keep one scale
    int32_t& least = limit[flow.tied[root]];
    least = std::min(least, limit[root]);
  }
  std::vector<StoredTensor> out = q.scales;
  for (const TensorId root : flow.roots) {
    limit[root] = std::min(limit[root], limit[flow.tied[root]]);
    if (limit[root] == most_levels) continue;
    for (double& scale : out[root].scale) scale *= double{most_levels} / limit[root];
    out[root].levels = {-limit[root], limit[root]};
  }
  carry_scales(formed, flow, out);
  return out;
}

}  // namespace octavo
