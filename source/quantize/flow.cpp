#include "quantize/flow.h"

#include <algorithm>

namespace octavo {

namespace {

TensorId find_tie(std::vector<TensorId>& tied, TensorId t) {
  while (tied[t] != t) t = tied[t] = tied[tied[t]];
  return t;
}

void add_root(const Graph& graph, TensorId t, ChannelFlow& flow) {
  flow.roots.push_back(t);
  const int64_t channels = channel_count(graph.tensors[t]);
  for (int64_t c = 0; c < channels; ++c) flow.origins[t].push_back({t, static_cast<int32_t>(c)});
}

// All of these channels need one scale: another shape may put any value into any of them, and
// a normalization or a product sums over them. (Named apart from std::tie.)
void tie_scales(const std::vector<ChannelOrigin>& from, ChannelFlow& flow) {
  for (const auto& origin : from) {
    flow.uniform[origin.root] = true;
    flow.tied[find_tie(flow.tied, origin.root)] = find_tie(flow.tied, from[0].root);
  }
}

bool mixes_channels(const Graph& graph, const FormedStep& step) {
  const int64_t from = channel_count(graph.tensors[step.inputs[0]]);
  if (step.kind == StepKind::reshape) return channel_count(graph.tensors[step.output]) != from;
  if (step.kind != StepKind::permute) return false;
  const auto last = static_cast<int32_t>(step.perm.size()) - 1;
  return step.perm.back() != last || step.dims.back() != from ||
         channel_count(graph.tensors[step.output]) != from;
}

void move_channels(const Graph& graph, const FormedStep& step, ChannelFlow& flow) {
  auto& to = flow.origins[step.output];
  for (const TensorId input : step.inputs) {
    const auto& from = flow.origins[input];
    if (step.kind == StepKind::gather) {
      for (const int32_t c : step.channels) to.push_back(from[static_cast<size_t>(c)]);
    } else if (mixes_channels(graph, step)) {
      tie_scales(from, flow);
      to.assign(static_cast<size_t>(channel_count(graph.tensors[step.output])), from[0]);
    } else {
      to.insert(to.end(), from.begin(), from.end());
    }
  }
}

}  // namespace

ChannelFlow trace_channels(const Graph& graph, const FormedSteps& formed) {
  const size_t tensors = graph.tensors.size();
  ChannelFlow flow;
  flow.origins.resize(tensors);
  flow.uniform.assign(tensors, false);
  flow.readers.resize(tensors);
  flow.tied.resize(tensors);
  for (size_t t = 0; t < tensors; ++t) flow.tied[t] = static_cast<TensorId>(t);

  const bool is_quantized =
      formed.input_rounding ||
      std::any_of(formed.steps.begin(), formed.steps.end(),
                  [](const FormedStep& step) { return step.rounding.has_value(); });
  add_root(graph, graph.input, flow);
  for (uint32_t s = 0; s < formed.steps.size(); ++s) {
    const FormedStep& step = formed.steps[s];
    if (moves_only(step)) {
      move_channels(graph, step, flow);
      continue;
    }
    add_root(graph, step.output, flow);
    // Convolutions keep the integers of a quantized file's weights where their input has one scale.
    if (is_quantized && !step.rounding) flow.uniform[step.output] = true;
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const TensorId input = step.inputs[i];
      if (needs_one_scale(step, i)) tie_scales(flow.origins[input], flow);
      for (const auto& origin : flow.origins[input]) {
        auto& readers = flow.readers[origin.root];
        if (readers.empty() || readers.back() != s) readers.push_back(s);
      }
    }
  }
  for (size_t t = 0; t < tensors; ++t) flow.tied[t] = find_tie(flow.tied, static_cast<TensorId>(t));
  return flow;
}

}  // namespace octavo
