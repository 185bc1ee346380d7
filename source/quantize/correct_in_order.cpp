#include "quantize/correct_in_order.h"

#include <algorithm>
#include <utility>

#include "graph/part.h"
#include "quantize/accumulated_means.h"
#include "quantize/correct.h"

namespace octavo {

namespace {

using Shifts = std::vector<std::vector<double>>;  // by step

// The simulated network over the pictures of calibration.repair. Biases change in the order of the
// nodes: what is there before the first that may still change is kept of each picture, and the next
// run goes on from it.
class SimulatedRun {
 public:
  // No more of the network is run than its first `nodes` nodes.
  SimulatedRun(const PassInputs& in, Simulation simulation, size_t nodes)
      : in_(in), simulation_(std::move(simulation)), settled_(in.network.graph.tensors.size()) {
    Graph& graph = simulation_.graph;
    graph.nodes.resize(nodes);
    graph.output = graph.nodes.back().output;
    makers_ = producers(graph);
  }

  // By the shifts of `q`.
  void renew_bias(const Quantization& q, size_t step) {
    octavo::renew_bias(in_.network, q, step, simulation_);
  }

  // The means of what nodes before `end` make, of those that were not settled before. From now on
  // nothing changes that nodes before `settled` read.
  Result<std::vector<ChannelMeans>> run(size_t settled, size_t end) {
    const size_t halt = last_to_keep(settled);
    const GraphPart part = part_of(simulation_.graph, begin_, halt, end);
    const Sweep sweep = bounded_sweep(in_.sweep_for("correcting biases in order"),
                                      in_.calibration.repair.size(), session_bytes(part.graph));
    auto sessions = create_sessions(part.graph, sweep.threads);
    if (!sessions) return sessions.error();
    std::vector<std::vector<float>> kept(can_keep(halt) ? in_.calibration.repair.size() : 0);
    const size_t values = kept_values(halt);
    auto means =
        accumulated_means(in_, sweep, [&](size_t i, size_t worker, const Probe& measure) -> Status {
          auto given = rows_.empty() ? entered(i) : std::move(rows_[i]);
          if (!given) return given.error();
          std::vector<float> left(values);
          const Status ran =
              simulate_part(simulation_, part, *(*sessions)[worker], *given, left, measure, {});
          if (!kept.empty()) kept[i] = std::move(left);
          return ran;
        });
    if (!means) return means;
    for (size_t t = 0; t < settled_.size(); ++t) {
      if ((*means)[t].count != 0 && makers_[t] < settled) settled_[t] = (*means)[t];
    }
    rows_ = std::move(kept);
    begin_ = halt;
    return means;
  }

  // By tensor: the last run's, or of an earlier one in which it was settled.
  const std::vector<ChannelMeans>& settled() const { return settled_; }

 private:
  size_t kept_values(size_t node) const {
    return static_cast<size_t>(values_of(simulation_.graph, live_at(simulation_.graph, node)));
  }

  bool can_keep(size_t node) const {
    return kept_values(node) * sizeof(float) * in_.calibration.repair.size() <= in_.most_kept_bytes;
  }

  // 64 pictures of 224 by 224 pixels are 37 MiB, and maps between the blocks of a network less.
  // Where those inside a block are too large the run begins a few nodes earlier.
  size_t last_to_keep(size_t settled) const {
    size_t node = std::max(settled, begin_);
    while (node > begin_ && !can_keep(node)) --node;
    return node;
  }

  Result<std::vector<float>> entered(size_t i) const {
    auto values = repair_values(in_, i);
    if (values) enter(simulation_, *values);
    return values;
  }

  const PassInputs& in_;
  Simulation simulation_;
  std::vector<uint32_t> makers_;          // by tensor
  std::vector<ChannelMeans> settled_;     // by tensor
  size_t begin_ = 0;                      // the node that the next run begins with
  std::vector<std::vector<float>> rows_;  // by picture, live_at(begin_); none: pictures are read
};

// Of the steps: squares of what is missing, over the variances of the channels.
double all_missing(const PassInputs& in, const std::vector<size_t>& steps,
                   const std::vector<ChannelMeans>& means) {
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

// Those whose means tell enough, in their order.
std::vector<size_t> steps_to_correct(const PassInputs& in, const Quantization& q) {
  std::vector<size_t> out;
  for (size_t s = 0; s < q.bias_shifts.size(); ++s) {
    if (q.bias_shifts[s].empty()) continue;
    const TensorId accumulated = in.network.formed.steps[s].accumulated;
    if (in.calibration.accumulated[accumulated].count >= least_corrected_values) out.push_back(s);
  }
  return out;
}

// Steps' nodes need not be in the order of the steps.
struct Reach {
  size_t first = SIZE_MAX, end = 0;  // the nodes that read their biases, and make what accumulates
};
Reach reach_of(const StepNetwork& network, std::span<const size_t> steps) {
  const std::vector<uint32_t> makers = producers(network.graph);
  Reach out;
  for (const size_t s : steps) {
    const FormedStep& step = network.formed.steps[s];
    out.first = std::min<size_t>(out.first, step.node);
    // A residual may be added late.
    out.end = std::max<size_t>(out.end, makers[step.accumulated] + size_t{1});
  }
  return out;
}

}  // namespace

Result<Shifts> correct_in_order(const PassInputs& in, const Quantization& q) {
  const std::vector<FormedStep>& steps = in.network.formed.steps;
  const std::vector<size_t> corrected = steps_to_correct(in, q);
  if (corrected.empty()) return q.bias_shifts;
  const size_t together =
      std::max(least_corrected_together,
               (corrected.size() + most_correction_groups - 1) / most_correction_groups);
  const std::span<const size_t> all(corrected);
  const size_t all_nodes = reach_of(in.network, all).end;
  Quantization corrected_so_far = q;
  Shifts& shifts = corrected_so_far.bias_shifts;
  SimulatedRun network(in, make_simulation(in.network, q), all_nodes);
  double before = 0;
  for (size_t first = 0; first < corrected.size(); first += together) {
    const size_t end = std::min(first + together, corrected.size());
    const size_t settled = reach_of(in.network, all.subspan(first)).first;
    // The first run tells of all how they were.
    const auto means =
        network.run(settled, first == 0 ? all_nodes : reach_of(in.network, all.first(end)).end);
    if (!means) return means.error();
    if (first == 0) before = all_missing(in, corrected, *means);
    for (size_t i = first; i < end; ++i) {
      const size_t s = corrected[i];
      const std::vector<double> shift = missing_means(in, steps[s], *means);
      for (size_t o = 0; o < shifts[s].size(); ++o) {
        const double moved = shifts[s][o] + correction_damping(together) * shift[o];
        const double most = largest_bias_shift(q.convolution(s).unit(o));
        shifts[s][o] = std::clamp(moved, -most, most);
      }
      network.renew_bias(corrected_so_far, s);
    }
  }
  if (const auto last = network.run(all_nodes, all_nodes); !last) return last.error();
  return all_missing(in, corrected, network.settled()) < before ? shifts : q.bias_shifts;
}

}  // namespace octavo
