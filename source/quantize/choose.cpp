#include "quantize/choose.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "plan/limits.h"
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

// For each row of weights the one scale of the input's channels that it reads; nothing where a row
// reads channels of several.
std::optional<std::vector<double>> scales_of_rows(const Tensor& weight, int groups,
                                                  const StoredTensor& input) {
  const auto rows = static_cast<size_t>(weight.shape[0]);
  const auto group_channels = static_cast<size_t>(weight.shape[3]);
  const size_t rows_per_group = rows / static_cast<size_t>(groups);
  std::vector<double> out;
  for (size_t o = 0; o < rows; ++o) {
    const auto read =
        std::span(input.scale).subspan(o / rows_per_group * group_channels, group_channels);
    const auto differs = [&](double scale) { return scale != read[0]; };
    if (std::any_of(read.begin(), read.end(), differs)) return std::nullopt;
    out.push_back(read[0]);
  }
  return out;
}

constexpr double least_unit = 1e-21;

// The file's own integers.
IntegerWeights whole_weights(const Tensor& weight, const std::vector<double>& input_scale) {
  const auto rows = static_cast<size_t>(weight.shape[0]);
  const size_t taps = weight.values->size() / rows;
  const auto of_all = stored_scale(*weight.values);  // a scale a tensor, not a row
  IntegerWeights out;
  for (size_t o = 0; o < rows; ++o) {
    const auto row = std::span(*weight.values).subspan(o * taps, taps);
    const float scale = of_all.value_or(stored_scale(row).value_or(1.0f));
    const double unit = double{scale} * input_scale[o];
    // A dead row: its weights vanish beside the least multiplier that a plan may hold.
    const bool dead = unit < least_unit;
    for (const float w : row) {
      out.values.push_back(dead ? int8_t{0} : static_cast<int8_t>(std::rint(w / scale)));
    }
    out.unit.push_back(dead ? least_unit : unit);
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
    const Node& node = graph_.nodes[step.node];
    const Tensor& weight = graph_.tensors[node.inputs[1]];
    const auto row_scales = step.whole_weights
                                ? scales_of_rows(weight, std::get<Conv2d>(node.op).groups, input)
                                : std::nullopt;
    out.weights = row_scales ? whole_weights(weight, *row_scales)
                             : quantize_weights(scaled, options_.per_channel_weights);
    out.real_bias = real_bias(graph_, step, scaled.outputs);
    out.offsets = tap_offsets(graph_, step, input, mapping_);
    out.outputs_per_group = scaled.outputs / static_cast<int64_t>(out.offsets.size());
    const bool bytes = input.type == ElementType::u8;
    for (int64_t o = 0; prove && o < scaled.outputs; ++o) {
      raise_until_fits(scaled, o, out.terms(o), counted_magnitude(input), bytes, out.weights);
    }
  }

  // The largest magnitude of stored input with which every row keeps inside int32.
  int64_t room(size_t s) const {
    if (normalizes(formed_.steps[s])) {
      const int64_t row = channel_count(graph_.tensors[formed_.steps[s].inputs[0]]);
      return std::min<int64_t>(32767, plan_limit::normalized_sum / row);
    }
    if (formed_.steps[s].kind == StepKind::matmul) {
      const int64_t depth = channel_count(graph_.tensors[formed_.steps[s].inputs[0]]);
      return std::min<int64_t>(32767, INT32_MAX / (127 * depth));
    }
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

  // 16-bit inputs whose products could leave int32, or squares int64, count fewer steps: 15 down to
  // 12 bits.
  void narrow_wide_inputs() {
    std::vector<int32_t> limit(graph_.tensors.size(), 32767);
    for (size_t s = 0; s < formed_.steps.size(); ++s) {
      const FormedStep& step = formed_.steps[s];
      const bool multiplies_bytes =
          step.kind == StepKind::matmul && choice_.tensors[step.inputs[1]].type == ElementType::i8;
      const bool sums = step.kind == StepKind::convolution || multiplies_bytes || normalizes(step);
      if (!sums || choice_.tensors[step.inputs[0]].type != ElementType::i16) continue;
      build(s, false);
      const auto most = static_cast<int32_t>(room(s));
      for (const auto& origin : flow_.origins[step.inputs[0]]) {
        limit[origin.root] = std::min(limit[origin.root], most);
      }
    }
    for (const TensorId root : flow_.roots) {  // tied roots keep one scale
      int32_t& least = limit[flow_.tied[root]];
      least = std::min(least, limit[root]);
    }
    for (const TensorId root : flow_.roots) {
      limit[root] = std::min(limit[root], limit[flow_.tied[root]]);
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

}  // namespace octavo
