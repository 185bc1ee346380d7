#include "quantize/round_weights.h"

#include <algorithm>
#include <cmath>

#include "quantize/identity.h"

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
std::vector<std::vector<double>> tap_offsets(const StepNetwork& network, const FormedStep& step,
                                             const StoredTensor& input) {
  const Graph& graph = network.graph;
  const Node& node = graph.nodes[step.node];
  const Tensor& weight = graph.tensors[node.inputs[1]];
  const auto groups = static_cast<size_t>(std::get<Conv2d>(node.op).groups);
  const auto group_channels = static_cast<size_t>(weight.shape[3]);
  const auto taps = static_cast<size_t>(weight.shape[1] * weight.shape[2]) * group_channels;
  const bool picture = network.is_picture(step.inputs[0]);
  std::vector<std::vector<double>> out(groups, std::vector<double>(taps));
  for (size_t g = 0; g < groups; ++g) {
    for (size_t k = 0; k < taps; ++k) {
      const size_t c = g * group_channels + k % group_channels;
      out[g][k] = picture ? network.mapping.mean[c] : input.zero_point[c];
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
IntegerWeights whole_weights(const Tensor& weight, const std::vector<double>& input_scale,
                             WholeLevels levels) {
  const auto rows = static_cast<size_t>(weight.shape[0]);
  const size_t taps = weight.values->size() / rows;
  const auto of_all = stored_scale(*weight.values, levels);  // a scale a tensor, not a row
  IntegerWeights out;
  for (size_t o = 0; o < rows; ++o) {
    const auto row = std::span(*weight.values).subspan(o * taps, taps);
    const float scale = of_all.value_or(stored_scale(row, levels).value_or(1.0f));
    const double unit = double{scale} * input_scale[o];
    // A dead row: its weights vanish beside the least multiplier that a plan may hold.
    const bool dead = unit < least_unit;
    for (const float w : row) {
      out.values.push_back(dead ? int16_t{0} : static_cast<int16_t>(std::rint(w / scale)));
    }
    out.unit.push_back(dead ? least_unit : unit);
  }
  return out;
}

// A convolution, and its weights as they were scaled before they were rounded.
struct Rounded {
  IntegerConvolution integers;
  ScaledWeights scaled;
};

Rounded round_rows(const PassInputs& in, const std::vector<StoredTensor>& tensors,
                   const FormedStep& step) {
  const Graph& graph = in.network.graph;
  const StoredTensor& input = tensors[step.inputs[0]];
  Rounded out;
  IntegerConvolution& integers = out.integers;
  integers.identity = find_identity(graph, step);
  out.scaled = scale_weights(graph, step, input, in.calibration.stored[step.inputs[0]].moments,
                             integers.identity);
  const Node& node = graph.nodes[step.node];
  const Tensor& weight = graph.tensors[node.inputs[1]];
  const bool words = step.as<form::Convolution>()->kept == form::Convolution::Kept::words;
  const bool of_words = input.type == ElementType::u16;
  const auto row_scales = keeps_weights(step) && (of_words || !words)
                              ? scales_of_rows(weight, std::get<Conv2d>(node.op).groups, input)
                              : std::nullopt;
  integers.weights =
      row_scales ? whole_weights(weight, *row_scales, words ? levels_of_word : WholeLevels{})
                 : quantize_weights(out.scaled, in.per_channel_weights);
  integers.keeps_u16 = row_scales && of_words;
  integers.real_bias = real_bias(graph, step, out.scaled.outputs);
  integers.offsets = tap_offsets(in.network, step, input);
  integers.outputs_per_group = out.scaled.outputs / static_cast<int64_t>(integers.offsets.size());
  return out;
}

}  // namespace

IntegerConvolution round_convolution(const PassInputs& in, const std::vector<StoredTensor>& tensors,
                                     const FormedStep& step) {
  return round_rows(in, tensors, step).integers;
}

std::vector<IntegerConvolution> round_weights(const PassInputs& in, const Quantization& q) {
  const std::vector<FormedStep>& steps = in.network.formed.steps;
  std::vector<IntegerConvolution> out(steps.size());
  for (size_t s = 0; s < steps.size(); ++s) {
    if (!steps[s].is<form::Convolution>()) continue;
    const StoredTensor& input = q.tensors[steps[s].inputs[0]];
    Rounded rounded = round_rows(in, q.tensors, steps[s]);
    const StoredConvolution view{&rounded.integers, {}, {}, 0};
    for (size_t o = 0; !rounded.integers.keeps_u16 && o < view.outputs(); ++o) {
      raise_until_fits(rounded.scaled, static_cast<int64_t>(o), view.terms(o),
                       counted_magnitude(input), input.type == ElementType::u8,
                       rounded.integers.weights);
    }
    out[s] = std::move(rounded.integers);
  }
  return out;
}

}  // namespace octavo
