#include "quantize/choose.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/text.h"
#include "quantize/identity.h"
#include "quantize/scales.h"

namespace octavo {

namespace {

ScaledWeights scale_weights(const Graph& graph, const FormedStep& step, const StoredTensor& input,
                            const ChannelMoments& moments, const std::vector<double>& identity) {
  const Node& node = graph.nodes[step.node];
  const auto& conv = std::get<Conv2d>(node.op);
  const Tensor& weight = graph.tensors[node.inputs[1]];
  const int64_t group_channels = weight.shape[3];
  const std::vector<float> real = weights_without(graph, step, identity);
  ScaledWeights out;
  out.outputs = weight.shape[0];
  out.taps = weight.shape[1] * weight.shape[2] * group_channels;
  out.values.resize(real.size());
  out.importance.resize(real.size());
  out.row_scale.assign(static_cast<size_t>(out.outputs), 1.0);
  const int64_t outputs_per_group = out.outputs / conv.groups;
  for (size_t i = 0; i < out.values.size(); ++i) {
    const int64_t o = static_cast<int64_t>(i) / out.taps;
    const auto c = static_cast<size_t>(o / outputs_per_group * group_channels +
                                       static_cast<int64_t>(i) % group_channels);
    const double scale = input.scale[c];
    out.values[i] = real[i] * scale;
    // The mean's part of the error is constant and goes into the bias by correction.
    const auto channel = static_cast<int64_t>(c);
    const double mean = moments.mean(channel);
    out.importance[i] = (moments.variance(channel) + 0.01 * mean * mean) / (scale * scale) + 1e-3;
    if (group_channels == 1) out.row_scale[static_cast<size_t>(o)] = scale;
  }
  return out;
}

std::vector<double> real_bias(const Graph& graph, const FormedStep& step, int64_t outputs) {
  const Node& node = graph.nodes[step.node];
  if (node.inputs.size() < 3) return std::vector<double>(static_cast<size_t>(outputs), 0.0);
  const auto& values = *graph.tensors[node.inputs[2]].values;
  return {values.begin(), values.end()};
}

// For each group what to subtract from the stored values of every tap.
std::vector<std::vector<double>> tap_offsets(const Graph& graph, const FormedStep& step,
                                             const StoredTensor& input,
                                             const InputMapping& mapping) {
  const Node& node = graph.nodes[step.node];
  const Tensor& weight = graph.tensors[node.inputs[1]];
  const auto groups = static_cast<size_t>(std::get<Conv2d>(node.op).groups);
  const auto group_channels = static_cast<size_t>(weight.shape[3]);
  const auto taps = static_cast<size_t>(weight.shape[1] * weight.shape[2]) * group_channels;
  const bool picture = step.inputs[0] == graph.input && mapping.picture;
  std::vector<std::vector<double>> out(groups, std::vector<double>(taps));
  for (size_t g = 0; g < groups; ++g) {
    for (size_t k = 0; k < taps; ++k) {
      const size_t c = g * group_channels + k % group_channels;
      out[g][k] = picture ? mapping.mean[c] : input.zero_point[c];
    }
  }
  return out;
}

class Builder {
 public:
  Builder(const Graph& graph, const FormedSteps& formed, const Calibration& calibration,
          const InputMapping& mapping, const ChooseOptions& options)
      : graph_(graph),
        formed_(formed),
        calibration_(calibration),
        mapping_(mapping),
        options_(options),
        flow_(trace_channels(graph, formed)) {}

  Choice run() {
    choice_.tensors = choose_scales(graph_, formed_, flow_, calibration_, mapping_, options_);
    choice_.convolutions.resize(formed_.steps.size());
    choice_.logits = formed_.stored_as[graph_.output];
    narrow_wide_inputs();
    for (size_t s = 0; s < formed_.steps.size(); ++s) build(s, true);
    return std::move(choice_);
  }

 private:
  void build(size_t s, bool prove) {
    const FormedStep& step = formed_.steps[s];
    if (step.kind != StepKind::convolution) return;
    const StoredTensor& input = choice_.tensors[step.inputs[0]];
    IntegerConvolution& out = choice_.convolutions[s];
    out.identity = find_identity(graph_, step);
    const auto scaled = scale_weights(graph_, step, input,
                                      calibration_.stored[step.inputs[0]].moments, out.identity);
    out.weights = quantize_weights(scaled, options_.per_channel_weights);
    out.real_bias = real_bias(graph_, step, scaled.outputs);
    out.offsets = tap_offsets(graph_, step, input, mapping_);
    out.outputs_per_group = scaled.outputs / static_cast<int64_t>(out.offsets.size());
    const bool bytes = input.type == ElementType::u8;
    for (int64_t o = 0; prove && o < scaled.outputs; ++o) {
      raise_until_fits(scaled, o, out.terms(o), input.levels.hi, bytes, out.weights);
    }
  }

  // The largest magnitude of stored input with which every row keeps inside int32.
  int64_t room(size_t s) const {
    const IntegerConvolution& conv = choice_.convolutions[s];
    const size_t taps = conv.offsets[0].size();
    int64_t least = 32767;
    for (size_t o = 0; o < conv.weights.unit.size(); ++o) {
      const auto row = std::span(conv.weights.values).subspan(o * taps, taps);
      const int64_t bias =
          fold_bias(row, conv.weights.unit[o], conv.terms(static_cast<int64_t>(o)));
      while (least > 4095 && !fits_accumulator(row, bias, least, false)) least = (least - 1) / 2;
    }
    return least;
  }

  // 16-bit inputs whose products could leave int32 count fewer steps: 15 down to 12 bits.
  void narrow_wide_inputs() {
    std::vector<int32_t> limit(graph_.tensors.size(), 32767);
    for (size_t s = 0; s < formed_.steps.size(); ++s) {
      const FormedStep& step = formed_.steps[s];
      if (step.kind != StepKind::convolution ||
          choice_.tensors[step.inputs[0]].type != ElementType::i16) {
        continue;
      }
      build(s, false);
      const auto most = static_cast<int32_t>(room(s));
      for (const auto& origin : flow_.origins[step.inputs[0]]) {
        limit[origin.root] = std::min(limit[origin.root], most);
      }
    }
    for (const TensorId root : flow_.roots) {
      if (limit[root] == 32767) continue;
      StoredTensor& tensor = choice_.tensors[root];
      for (double& scale : tensor.scale) scale *= 32767.0 / limit[root];
      tensor.levels = {-limit[root], limit[root]};
    }
    carry_scales(formed_, flow_, choice_.tensors);
  }

  const Graph& graph_;
  const FormedSteps& formed_;
  const Calibration& calibration_;
  const InputMapping& mapping_;
  const ChooseOptions& options_;
  ChannelFlow flow_;
  Choice choice_;
};

}  // namespace

Choice choose(const Graph& graph, const FormedSteps& formed, const Calibration& calibration,
              const InputMapping& mapping, const ChooseOptions& options) {
  return Builder(graph, formed, calibration, mapping, options).run();
}

std::vector<TensorId> one_pixel_tensors(const Graph& graph, const FormedSteps& formed) {
  std::vector<bool> by_convolution(graph.tensors.size(), false), otherwise = by_convolution;
  for (const auto& step : formed.steps) {
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const bool convolved = step.kind == StepKind::convolution && i == 0;
      (convolved ? by_convolution : otherwise)[step.inputs[i]] = true;
    }
  }
  std::vector<TensorId> out;
  for (const auto& step : formed.steps) {
    const auto shape = *stored_shape(graph.tensors[step.output].shape);
    const bool one_pixel = shape[0] == 1 && shape[1] == 1 && shape[2] == 1;
    if (one_pixel && !moves_only(step) && by_convolution[step.output] && !otherwise[step.output]) {
      out.push_back(step.output);
    }
  }
  return out;
}

Result<std::vector<TensorId>> int16_tensors(const Graph& graph, const FormedSteps& formed,
                                            const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (const auto& node : graph.nodes) {
    known.push_back(node.name);
    known.insert(known.end(), node.merged.begin(), node.merged.end());
  }
  std::vector<bool> wide(graph.tensors.size(), false);
  for (const auto& name : names) {
    bool found = false;
    for (const auto& step : formed.steps) {
      for (const uint32_t n : step.nodes) {
        const Node& node = graph.nodes[n];
        if (node.name == name ||
            std::find(node.merged.begin(), node.merged.end(), name) != node.merged.end()) {
          found = wide[step.output] = true;
        }
      }
    }
    if (found) continue;
    const bool elsewhere = std::find(known.begin(), known.end(), name) != known.end();
    if (elsewhere)
      return usage_error(concat("node ", quoted(name), " stores nothing that could be 16-bit"));
    const std::string nearest = nearest_name(name, known);
    return usage_error(concat("no node is named ", quoted(name),
                              nearest.empty() ? "" : concat("; the nearest is ", quoted(nearest))));
  }
  // Values that are only moved have one type on both sides.
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& step : formed.steps) {
      if (!moves_only(step)) continue;
      bool any = wide[step.output];
      for (const TensorId input : step.inputs) any = any || wide[input];
      if (!any) continue;
      std::vector<TensorId> all = step.inputs;
      all.push_back(step.output);
      for (const TensorId t : all) {
        changed = changed || !wide[t];
        wide[t] = true;
      }
    }
  }
  wide[formed.stored_as[graph.output]] = false;
  std::vector<TensorId> out;
  for (size_t t = 0; t < wide.size(); ++t) {
    if (wide[t]) out.push_back(static_cast<TensorId>(t));
  }
  return out;
}

}  // namespace octavo
