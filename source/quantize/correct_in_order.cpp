#include "quantize/correct_in_order.h"

#include <algorithm>
#include <utility>

#include "quantize/accumulated_means.h"
#include "quantize/correct.h"

namespace octavo {

namespace {

using Shifts = std::vector<std::vector<double>>;  // by step

// In the simulated network, of which no more is run than the first `nodes` nodes.
Result<std::vector<ChannelMoments>> network_means(const PassInputs& in, Simulation simulation,
                                                  size_t nodes) {
  simulation.graph.nodes.resize(nodes);
  simulation.graph.output = simulation.graph.nodes.back().output;
  const Graph& graph = simulation.graph;
  const Sweep sweep = bounded_sweep(in.sweep_for("correcting biases in order"),
                                    in.calibration.repair.size(), session_bytes(graph));
  auto sessions = create_sessions(graph, sweep.threads);
  if (!sessions) return sessions.error();
  const auto outputs = static_cast<size_t>(element_count(graph.tensors[graph.output].shape));
  return accumulated_means(
      in, sweep, [&](size_t worker, std::vector<float> values, const Probe& measure) -> Status {
        std::vector<float> last(outputs);
        return simulate(simulation, *(*sessions)[worker], std::move(values), last, measure, {});
      });
}

// Of the steps: squares of what is missing, over the variances of the channels.
double all_missing(const PassInputs& in, const std::vector<size_t>& steps,
                   const std::vector<ChannelMoments>& means) {
  double out = 0;
  for (const size_t s : steps) {
    const FormedStep& step = in.network.formed.steps[s];
    const ChannelMoments& expected = in.calibration.accumulated[step.accumulated];
    const std::vector<double> shift = missing_means(in, step, means);
    double squares = 0, variance = 0;
    for (size_t c = 0; c < shift.size(); ++c) {
      squares += shift[c] * shift[c];
      variance += expected.variance(static_cast<int64_t>(c));
    }
    if (variance > 0) out += squares / variance;
  }
  return out;
}

}  // namespace

Result<Shifts> correct_in_order(const PassInputs& in, const Quantization& q) {
  const std::vector<FormedStep>& steps = in.network.formed.steps;
  std::vector<size_t> corrected;
  for (size_t s = 0; s < q.bias_shifts.size(); ++s) {
    if (q.bias_shifts[s].empty()) continue;
    const uint64_t values = in.calibration.accumulated[steps[s].accumulated].count;
    if (values >= least_corrected_values) corrected.push_back(s);
  }
  if (corrected.empty()) return q.bias_shifts;
  const size_t together =
      std::max(least_corrected_together,
               (corrected.size() + most_correction_groups - 1) / most_correction_groups);
  const auto end_of = [&](size_t first) { return std::min(first + together, corrected.size()); };
  const std::vector<Node>& nodes = in.network.graph.nodes;
  const auto nodes_until = [&](size_t s) {
    const auto makes = [&](const Node& node) { return node.output == steps[s].accumulated; };
    return static_cast<size_t>(std::find_if(nodes.begin(), nodes.end(), makes) - nodes.begin()) + 1;
  };
  // For the first `end` of the corrected steps: a residual may be added late.
  const auto nodes_of = [&](size_t end) {
    size_t out = 0;
    for (size_t i = 0; i < end; ++i) out = std::max(out, nodes_until(corrected[i]));
    return out;
  };
  const size_t all = nodes_of(corrected.size());
  Shifts out = q.bias_shifts;
  Quantization corrected_so_far = q;
  const auto means_until = [&](size_t end) {
    corrected_so_far.bias_shifts = out;
    return network_means(in, make_simulation(in.network, corrected_so_far), end);
  };
  double before = 0;
  for (size_t first = 0; first < corrected.size(); first += together) {
    const size_t end = end_of(first);
    const auto means = means_until(first == 0 ? all : nodes_of(end));
    if (!means) return means.error();
    if (first == 0) before = all_missing(in, corrected, *means);
    for (size_t i = first; i < end; ++i) {
      const size_t s = corrected[i];
      const std::vector<double> shift = missing_means(in, steps[s], *means);
      for (size_t o = 0; o < out[s].size(); ++o) {
        const double moved = out[s][o] + correction_damping(together) * shift[o];
        const double most = largest_bias_shift(q.convolution(s).unit(o));
        out[s][o] = std::clamp(moved, -most, most);
      }
    }
  }
  const auto means = means_until(all);
  if (!means) return means.error();
  return all_missing(in, corrected, *means) < before ? out : q.bias_shifts;
}

}  // namespace octavo
