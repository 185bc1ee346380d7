#include "quantize/flow.h"

#include <algorithm>
#include <numeric>

namespace octavo {

namespace {

TensorId find_tie(std::vector<TensorId>& tied, TensorId t) {
  while (tied[t] != t) t = tied[t] = tied[tied[t]];
  return t;
}

void add_root(const Graph& graph, TensorId t, ChannelFlow& flow) {
  flow.roots.push_back(t);
  const int64_t channels = channel_count(graph.tensors[t]);
  flow.period[t] = channels;
  for (int64_t c = 0; c < channels; ++c) flow.origins[t].push_back({t, static_cast<int32_t>(c)});
}

// All of these channels need one scale: another shape may put any value into any of them, or
// a normalization or a product sums over them. (Named apart from std::tie.)
void tie_scales(const std::vector<ChannelOrigin>& from, ChannelFlow& flow) {
  for (const auto& origin : from) {
    flow.uniform[origin.root] = true;
    flow.tied[find_tie(flow.tied, origin.root)] = find_tie(flow.tied, from[0].root);
  }
}

using Origins = std::vector<ChannelOrigin>;

// Whether channels `period` apart can have one scale: they come from one channel, or are all of
// a root's, which then has that period.
bool agree_by_period(const Origins& from, size_t period, ChannelFlow& flow) {
  bool same = true, whole = from.size() == flow.origins[from[0].root].size();
  for (size_t c = 0; c < from.size(); ++c) {
    const ChannelOrigin &here = from[c], &first = from[c % period];
    same = same && here.root == first.root && here.channel == first.channel;
    whole = whole && here.root == from[0].root && here.channel == static_cast<int32_t>(c);
  }
  if (same || !whole) return same;
  int64_t& now = flow.period[from[0].root];
  now = std::gcd(now, static_cast<int64_t>(period));
  return true;
}

// Values of channels `from`, one after the other, seen as pixels of `channels`.
Origins seen_as(const Origins& from, int64_t channels, ChannelFlow& flow) {
  const auto count = static_cast<size_t>(channels);
  Origins to(count, from[0]);
  const bool longer = count % from.size() == 0;
  if (!longer && (from.size() % count != 0 || !agree_by_period(from, count, flow))) {
    tie_scales(from, flow);
    return to;
  }
  for (size_t c = 0; c < count; ++c) to[c] = from[c % from.size()];
  return to;
}

Origins permuted(const Graph& graph, const FormedStep& step, const form::Permute& permute,
                 ChannelFlow& flow) {
  const auto last = static_cast<int32_t>(permute.perm.size()) - 1;
  const int64_t channels = channel_count(graph.tensors[step.output]);
  const Origins& from = flow.origins[step.inputs[0]];
  if (permute.perm.back() == last) {
    return seen_as(seen_as(from, permute.dims.back(), flow), channels, flow);
  }
  tie_scales(from, flow);
  return Origins(static_cast<size_t>(channels), from[0]);
}

void move_channels(const Graph& graph, const FormedStep& step, ChannelFlow& flow) {
  auto& to = flow.origins[step.output];
  for (const TensorId input : step.inputs) {
    const auto& from = flow.origins[input];
    if (const auto* gather = step.as<form::Gather>()) {
      for (const int32_t c : gather->channels) to.push_back(from[static_cast<size_t>(c)]);
    } else if (step.is<form::Reshape>()) {
      to = seen_as(from, channel_count(graph.tensors[step.output]), flow);
    } else if (const auto* permute = step.as<form::Permute>()) {
      to = permuted(graph, step, *permute, flow);
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
  flow.period.assign(tensors, 0);
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
