#include "quantize/report.h"

#include <algorithm>
#include <cmath>

#include "quantize/simulate.h"

namespace octavo {

void Agreement::add(std::span<const float> a, std::span<const float> b) {
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const double x = a[i], y = b[i];
    aa += x * x;
    bb += y * y;
    ab += x * y;
    noise += (x - y) * (x - y);
  }
}

double Agreement::cosine() const {
  if (aa <= 0 || bb <= 0) return aa == bb ? 1 : 0;
  return ab / std::sqrt(aa * bb);
}

double Agreement::sqnr_db() const {
  if (noise <= 0) return 200;
  return aa <= 0 ? 0 : std::min(200.0, 10 * std::log10(aa / noise));
}

namespace {

constexpr size_t most_pictures = 16;

struct PictureAgreement {
  std::vector<Agreement> together, alone;  // by tensor
};

// The float network's values of every step's output, for one picture.
using Reference = std::vector<std::vector<float>>;

}  // namespace

Result<QuantizationReport> report_steps(const PassInputs& in, const Quantization& q) {
  const StepNetwork& network = in.network;
  const Graph& graph = network.graph;
  const std::vector<size_t> pictures = spread_indices(in.calibration.readable, most_pictures);
  const Sweep sweep = bounded_sweep(in.sweep_for("measuring"), pictures.size(),
                                    2 * session_bytes(graph) + activation_bytes(graph));
  const Simulation simulation = make_simulation(network, q);
  auto float_sessions = create_sessions(graph, sweep.threads);
  if (!float_sessions) return float_sessions.error();
  auto sessions = create_sessions(simulation.graph, sweep.threads);
  if (!sessions) return sessions.error();
  const size_t tensors = graph.tensors.size();
  const auto inputs = static_cast<size_t>(element_count(graph.tensors[graph.input].shape));
  const auto outputs = static_cast<size_t>(element_count(graph.tensors[graph.output].shape));
  std::vector<uint8_t> wanted(tensors, 0);
  for (const auto& step : network.formed.steps) wanted[step.output] = 1;
  std::vector<PictureAgreement> records(sweep_slots(sweep));
  PictureAgreement sum{std::vector<Agreement>(tensors), std::vector<Agreement>(tensors)};

  const auto work = [&](size_t i, size_t slot, size_t worker) -> Status {
    PictureAgreement& record = records[slot];
    record.together.assign(tensors, {});
    record.alone.assign(tensors, {});
    auto values = load_values(*in.feed, pictures[i], network.mapping, inputs);
    if (!values) return values.error();
    std::vector<float> logits(outputs);
    Reference reference(tensors);
    const FloatSession::Observer keep = [&](TensorId t, std::span<float> seen) {
      if (wanted[t] != 0) reference[t].assign(seen.begin(), seen.end());
    };
    if (auto status = (*float_sessions)[worker]->run(*values, logits, &keep); !status)
      return status;
    const Probe compare = [&](TensorId t, std::span<float> seen) {
      if (t < tensors && wanted[t] != 0) record.together[t].add(reference[t], seen);
    };
    FloatSession& session = *(*sessions)[worker];
    if (auto status = simulate(simulation, session, *values, logits, {}, compare); !status)
      return status;
    const Probe compare_and_restore = [&](TensorId t, std::span<float> seen) {
      if (t >= tensors || wanted[t] == 0) return;
      record.alone[t].add(reference[t], seen);
      std::copy(reference[t].begin(), reference[t].end(), seen.begin());
    };
    return simulate(simulation, session, std::move(*values), logits, {}, compare_and_restore);
  };
  double sum_of_cosines = 0;
  const auto merge = [&](size_t i, size_t slot) {
    sum_of_cosines += records[slot].together[network.logits()].cosine();
    const auto add = [](Agreement& to, const Agreement& from) {
      to.aa += from.aa;
      to.bb += from.bb;
      to.ab += from.ab;
      to.noise += from.noise;
    };
    for (size_t t = 0; t < tensors; ++t) {
      if (in.calibration.far.contains(t, pictures[i])) continue;  // alone it would be the sum
      add(sum.together[t], records[slot].together[t]);
      add(sum.alone[t], records[slot].alone[t]);
    }
  };
  if (const Status status = for_pictures(sweep, pictures.size(), work, merge); !status) {
    return status.error();
  }
  QuantizationReport report;
  if (!pictures.empty()) {
    report.logits_cosine = sum_of_cosines / static_cast<double>(pictures.size());
  }
  for (size_t s = 0; s < network.formed.steps.size(); ++s) {
    const TensorId t = network.formed.steps[s].output;
    report.steps.push_back({static_cast<uint32_t>(s), static_cast<float>(sum.together[t].cosine()),
                            static_cast<float>(sum.together[t].sqnr_db()),
                            static_cast<float>(sum.alone[t].cosine()),
                            static_cast<float>(sum.alone[t].sqnr_db())});
  }
  return report;
}

}  // namespace octavo
