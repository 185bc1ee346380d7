#include "quantize/correct.h"

#include <algorithm>
#include <utility>

#include "quantize/accumulated_means.h"

namespace octavo {

namespace {

// Where each step reads the float network's values, rounded.
Result<std::vector<ChannelMeans>> local_means(const PassInputs& in, const Simulation& simulation) {
  const Graph& graph = in.network.graph;
  const Sweep sweep = bounded_sweep(in.sweep_for("correcting biases"), in.calibration.repair.size(),
                                    2 * session_bytes(graph) + activation_bytes(graph));
  auto float_sessions = create_sessions(graph, sweep.threads);
  if (!float_sessions) return float_sessions.error();
  auto sessions = create_sessions(simulation.graph, sweep.threads);
  if (!sessions) return sessions.error();
  std::vector<uint8_t> stored(graph.tensors.size(), 0);
  for (const auto& step : in.network.formed.steps) stored[step.output] = 1;
  const auto outputs = static_cast<size_t>(element_count(graph.tensors[graph.output].shape));
  const auto run = [&](size_t i, size_t worker, const Probe& measure) -> Status {
    auto values = repair_values(in, i);
    if (!values) return values.error();
    std::vector<float> logits(outputs);
    std::vector<std::vector<float>> exact(graph.tensors.size());
    const FloatSession::Observer keep = [&](TensorId t, std::span<float> seen) {
      if (stored[t] != 0) exact[t].assign(seen.begin(), seen.end());
    };
    if (auto status = (*float_sessions)[worker]->run(*values, logits, &keep); !status)
      return status;
    const Probe measure_and_restore = [&](TensorId t, std::span<float> seen) {
      measure(t, seen);
      if (stored[t] != 0) std::copy(exact[t].begin(), exact[t].end(), seen.begin());
    };
    return simulate(simulation, *(*sessions)[worker], *std::move(values), logits,
                    measure_and_restore, {});
  };
  return accumulated_means(in, sweep, run);
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
    out[s] = missing_means(in, step, *means);
    for (size_t o = 0; o < out[s].size(); ++o) {
      const double most = largest_bias_shift(conv.unit(o));
      out[s][o] = std::clamp(out[s][o], -most, most);
    }
  }
  return out;
}

}  // namespace octavo
