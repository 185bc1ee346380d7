#include "quantize/correct.h"

#include <algorithm>
#include <cmath>

namespace octavo {

namespace {

// By tensor: the mean of every convolution's accumulated output where each step reads the
// float network's values, rounded.
Result<std::vector<ChannelMoments>> local_means(const Graph& graph, const FormedSteps& formed,
                                                const Simulation& simulation,
                                                const std::vector<size_t>& pictures,
                                                const FarPictures& far, const CalibrationFeed& feed,
                                                const Sweep& wanted) {
  const Sweep sweep =
      bounded_sweep(wanted, pictures.size(), 2 * session_bytes(graph) + activation_bytes(graph));
  auto float_sessions = create_sessions(graph, sweep.threads);
  if (!float_sessions) return float_sessions.error();
  auto sessions = create_sessions(simulation.graph, sweep.threads);
  if (!sessions) return sessions.error();
  const size_t tensors = graph.tensors.size();
  std::vector<uint8_t> measured(tensors, 0), stored(tensors, 0);
  for (const auto& step : formed.steps) {
    if (step.kind == StepKind::convolution) measured[step.accumulated] = 1;
    stored[step.output] = 1;
  }
  const auto inputs = static_cast<size_t>(element_count(graph.tensors[graph.input].shape));
  const auto outputs = static_cast<size_t>(element_count(graph.tensors[graph.output].shape));
  std::vector<std::vector<ChannelMoments>> records(sweep_slots(sweep));
  std::vector<ChannelMoments> sum(tensors);

  const auto work = [&](size_t i, size_t slot, size_t worker) -> Status {
    auto values = load_values(feed, pictures[i], simulation.mapping, inputs);
    if (!values) return values.error();
    std::vector<float> logits(outputs);
    std::vector<std::vector<float>> exact(tensors);
    const FloatSession::Observer keep = [&](TensorId t, std::span<float> seen) {
      if (stored[t] != 0) exact[t].assign(seen.begin(), seen.end());
    };
    if (auto status = (*float_sessions)[worker]->run(*values, logits, &keep); !status)
      return status;

    auto& record = records[slot];
    record.assign(tensors, {});
    const Probe measure_and_restore = [&](TensorId t, std::span<float> seen) {
      if (measured[t] != 0) record[t] = ChannelMoments::of(seen, channel_count(graph.tensors[t]));
      if (stored[t] != 0) std::copy(exact[t].begin(), exact[t].end(), seen.begin());
    };
    return simulate(simulation, *(*sessions)[worker], std::move(*values), logits,
                    measure_and_restore, {});
  };
  const auto merge = [&](size_t i, size_t slot) {
    for (size_t t = 0; t < tensors; ++t) {
      if (records[slot][t].count != 0 && !far.contains(t, pictures[i]))
        sum[t].merge(records[slot][t]);
    }
  };
  if (const Status status = for_pictures(sweep, pictures.size(), work, merge); !status) {
    return status.error();
  }
  return sum;
}

}  // namespace

Status correct_biases(const Graph& graph, const FormedSteps& formed, const Calibration& calibration,
                      const StepTables& tables, const InputMapping& mapping,
                      const CalibrationFeed& feed, const Sweep& sweep, Choice& choice) {
  const Simulation simulation = make_simulation(graph, formed, choice, tables, mapping);
  auto means =
      local_means(graph, formed, simulation, calibration.repair, calibration.far, feed, sweep);
  if (!means) return means.error();
  for (size_t s = 0; s < formed.steps.size(); ++s) {
    const FormedStep& step = formed.steps[s];
    if (step.kind != StepKind::convolution || step.whole_weights) continue;
    IntegerConvolution& conv = choice.convolutions[s];
    for (size_t o = 0; o < conv.real_bias.size(); ++o) {
      const auto channel = static_cast<int64_t>(o);
      const double shift = calibration.accumulated[step.accumulated].mean(channel) -
                           (*means)[step.accumulated].mean(channel);
      // The proof of the accumulator left this much room.
      const double most = conv.weights.unit[o] * (1 << 24);
      conv.real_bias[o] += std::clamp(shift, -most, most);
    }
  }
  return {};
}

}  // namespace octavo
