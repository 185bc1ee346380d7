#include "quantize/round_by_taps.h"

#include <algorithm>

#include "quantize/earlier_fold.h"
#include "quantize/identity.h"
#include "quantize/tap_moments.h"

namespace octavo {

namespace {

std::vector<int16_t> round_step(const Graph& graph, const FormedStep& step,
                                const TapMoments& moments, const StoredTensor& input,
                                const StoredConvolution& conv, const BlockRounder& rounder) {
  const Node& node = graph.nodes[step.node];
  const Tensor& weight = graph.tensors[node.inputs[1]];
  const std::vector<float> real = weights_without(graph, step, conv.integers->identity);
  const auto taps = static_cast<size_t>(moments.taps);
  const auto group_channels = static_cast<size_t>(weight.shape[3]);
  const auto per_group = static_cast<size_t>(conv.integers->outputs_per_group);
  std::vector<int16_t> rounded(conv.weights.begin(), conv.weights.end());
  for (int64_t g = 0; g < moments.groups; ++g) {
    for (int64_t b = 0; b < moments.blocks(); ++b) {
      const std::vector<double> form = error_form(moments, g, b);
      const RowRounder round = form.empty() ? RowRounder() : rounder(form);
      if (!round) continue;
      const auto first = static_cast<size_t>(b * moments.block);
      std::vector<double> values(static_cast<size_t>(moments.block_size(b)));
      for (size_t o = static_cast<size_t>(g) * per_group;
           o < static_cast<size_t>(g + 1) * per_group; ++o) {
        for (size_t k = 0; k < values.size(); ++k) {
          const size_t c = static_cast<size_t>(g) * group_channels + (first + k) % group_channels;
          values[k] = real[o * taps + first + k] * input.scale[c];
        }
        round(values, conv.unit(o), std::span(rounded).subspan(o * taps + first, values.size()));
      }
    }
  }
  const bool bytes = input.type == ElementType::u8;
  for (size_t o = 0; o < conv.outputs(); ++o) {
    const auto row = std::span(rounded).subspan(o * taps, taps);
    const int64_t bias = fold_bias(row, conv.unit(o), conv.terms(o));
    if (fits_accumulator(row, bias, input.levels.hi, bytes)) continue;
    std::copy(conv.row(o).begin(), conv.row(o).end(), row.begin());
  }
  return rounded;
}

}  // namespace

std::vector<bool> steps_to_round(const PassInputs& in, const Quantization& q) {
  std::vector<bool> out;
  for (const auto& same : same_convolutions(in, q)) out.push_back(!same);
  return out;
}

Result<RoundedWeights> round_by_taps(const PassInputs& in, const Quantization& q,
                                     RoundedWeights Quantization::* field,
                                     const BlockRounder& rounder) {
  const auto same = same_convolutions(in, q);
  const Sweep sweep = in.sweep_for("rounding weights");
  std::vector<TapMoments> own;
  if (in.taps == nullptr) {
    auto collected = collect_tap_moments(in, q.tensors, steps_to_round(in, q), sweep);
    if (!collected) return collected.error();
    own = *std::move(collected);
  }
  const std::vector<TapMoments>& moments = in.taps == nullptr ? own : *in.taps;
  const std::vector<FormedStep>& steps = in.network.formed.steps;
  RoundedWeights out(steps.size());
  const auto work = [&](size_t s, size_t, size_t) -> Status {
    const FormedStep& step = steps[s];
    if (same[s]) {
      out[s] = (in.earlier->quantization.*field)[*same[s]];
    } else if (step.is<form::Convolution>() && !keeps_weights(step) && moments[s].taps != 0) {
      out[s] = round_step(in.network.graph, step, moments[s], q.tensors[step.inputs[0]],
                          q.convolution(s), rounder);
    }
    return {};
  };
  const Status done = for_pictures(sweep, steps.size(), work, [](size_t, size_t) {});
  if (!done) return done.error();
  return out;
}

}  // namespace octavo
