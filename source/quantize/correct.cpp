#include "quantize/correct.h"

#include <algorithm>
#include <cmath>

#include "quantize/simulate.h"

namespace octavo {

namespace {

// By tensor: the mean of every convolution's accumulated output where each step reads the
// float network's values, rounded.
Result<std::vector<ChannelMoments>> local_means(const PassInputs& in,
                                                const Simulation& simulation) {
  const StepNetwork& network = in.network;
  const Graph& graph = network.graph;
  const std::vector<size_t>& pictures = in.calibration.repair;
  const Sweep sweep = bounded_sweep(in.sweep_for("correcting biases"), pictures.size(),
                                    2 * session_bytes(graph) + activation_bytes(graph));
  auto float_sessions = create_sessions(graph, sweep.threads);
  if (!float_sessions) return float_sessions.error();
  auto sessions = create_sessions(simulation.graph, sweep.threads);
  if (!sessions) return sessions.error();
  const size_t tensors = graph.tensors.size();
  std::vector<uint8_t> measured(tensors, 0), stored(tensors, 0);
  for (const auto& step : network.formed.steps) {
    if (step.is<form::Convolution>()) measured[step.accumulated] = 1;
    stored[step.output] = 1;
  }
  const auto inputs = static_cast<size_t>(element_count(graph.tensors[graph.input].shape));
  const auto outputs = static_cast<size_t>(element_count(graph.tensors[graph.output].shape));
  std::vector<std::vector<ChannelMoments>> records(sweep_slots(sweep));
  std::vector<ChannelMoments> sum(tensors);

  const auto work = [&](size_t i, size_t slot, size_t worker) -> Status {
    auto values = load_values(*in.feed, pictures[i], network.mapping, inputs);
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
      if (records[slot][t].count != 0 && !in.calibration.far.contains(t, pictures[i]))
        sum[t].merge(records[slot][t]);
    }
  };
  if (const Status status = for_pictures(sweep, pictures.size(), work, merge); !status) {
    return status.error();
  }
  return sum;
}

}  // namespace

Result<std::vector<std::vector<double>>> correct_biases(const PassInputs& in,
                                                        const Quantization& q) {
  const Simulation simulation = make_simulation(in.network, q);
  const auto means = local_means(in, simulation);
  if (!means) return means.error();
  const std::vector<FormedStep>& steps = in.network.formed.steps;
  std::vector<std::vector<double>> out(steps.size());
  for (size_t s = 0; s < steps.size(); ++s) {
    const FormedStep& step = steps[s];
    if (!step.is<form::Convolution>() || keeps_weights(step)) continue;
    const StoredConvolution conv = q.convolution(s);
    for (size_t o = 0; o < conv.outputs(); ++o) {
      const auto channel = static_cast<int64_t>(o);
      const double shift = in.calibration.accumulated[step.accumulated].mean(channel) -
                           (*means)[step.accumulated].mean(channel);
      const double most = largest_bias_shift(conv.unit(o));
      out[s].push_back(std::clamp(shift, -most, most));
    }
  }
  return out;
}

}  // namespace octavo
