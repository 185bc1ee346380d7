#include "quantize/widen.h"

#include <algorithm>
#include <numeric>

#include "quantize/report.h"
#include "quantize/simulate.h"

namespace octavo {

namespace {

constexpr size_t most_pictures = 8;

// Tensors that hold the same stored values, in another order or beside others, have one type.
class Groups {
 public:
  Groups(const Graph& graph, const FormedSteps& formed) : parent_(graph.tensors.size()) {
    std::iota(parent_.begin(), parent_.end(), TensorId{0});
    for (const auto& step : formed.steps) {
      if (!moves_only(step)) continue;
      for (const TensorId t : step.inputs) parent_[find(t)] = find(step.output);
    }
  }
  TensorId find(TensorId t) const {
    while (parent_[t] != t) t = parent_[t];
    return t;
  }

 private:
  std::vector<TensorId> parent_;
};

struct Candidate {
  TensorId group = 0;
  std::vector<TensorId> stored, rounded;  // all of it; outputs of its steps that round
  bool fixed = false;                     // no bytes, or not for us to widen
  double noise = 0, macs = 0, elements = 0;
};

struct Candidates {
  std::vector<Candidate> all;  // by group; those without a step that rounds are fixed
  double total_macs = 0, wide_macs = 0, total_elements = 0;
};

Candidates find_candidates(const StepNetwork& network, const std::vector<StoredTensor>& tensors,
                           const Groups& groups) {
  const Graph& graph = network.graph;
  Candidates out;
  out.all.resize(graph.tensors.size());
  for (size_t t = 0; t < out.all.size(); ++t) out.all[t].group = static_cast<TensorId>(t);
  const auto of = [&](TensorId t) -> Candidate& { return out.all[groups.find(t)]; };
  of(graph.input).fixed = true;
  of(network.logits()).fixed = true;
  for (const auto& step : network.formed.steps) {
    Candidate& own = of(step.output);
    own.fixed =
        own.fixed || step.rounding.has_value() || tensors[step.output].type != ElementType::u8;
    own.stored.push_back(step.output);
    const auto elements = static_cast<double>(element_count(graph.tensors[step.output].shape));
    own.elements += elements;
    out.total_elements += elements;
    if (!moves_only(step)) own.rounded.push_back(step.output);
    if (!step.is<form::Convolution>() && !step.is<form::MatMul>()) {
      // A gate of one pixel is read for each of the map.
      for (const TensorId t : step.inputs) of(t).elements += moves_only(step) ? 0 : elements;
      continue;
    }
    const auto macs = static_cast<double>(cost(graph, graph.nodes[step.node]).macs);
    out.total_macs += macs;
    const bool wide = tensors[step.inputs[0]].type == ElementType::i16;
    (wide ? out.wide_macs : of(step.inputs[0]).macs) += macs;
  }
  std::erase_if(out.all, [](const Candidate& c) { return c.fixed || c.rounded.empty(); });
  return out;
}

// How many of the pictures are looked at: each is one run of the network a candidate, and the order
// of hundreds of candidates needs few.
std::vector<size_t> pictures_to_rank_by(const std::vector<size_t>& pictures, size_t candidates) {
  constexpr size_t most_runs = 512, least_pictures = 2;
  const size_t count = std::max(least_pictures, most_runs / std::max<size_t>(1, candidates));
  return {pictures.begin(),
          pictures.begin() + static_cast<ptrdiff_t>(std::min(count, pictures.size()))};
}

// Fills in `noise`: that of the logits where only the candidate is rounded, over their power.
Status measure(const PassInputs& in, const Simulation& simulation,
               const std::vector<size_t>& pictures, std::vector<Candidate>& candidates) {
  const Graph& graph = in.network.graph;
  const Sweep sweep = bounded_sweep(in.sweep_for("looking for tensors that need 16 bits"),
                                    pictures.size(), session_bytes(graph));
  auto sessions = create_sessions(graph, sweep.threads);
  if (!sessions) return sessions.error();
  const auto inputs = static_cast<size_t>(element_count(graph.tensors[graph.input].shape));
  const auto outputs = static_cast<size_t>(element_count(graph.tensors[graph.output].shape));
  using Agreements = std::vector<Agreement>;  // by candidate
  std::vector<Agreements> records(sweep_slots(sweep));
  Agreements sum(candidates.size());

  const auto work = [&](size_t i, size_t slot, size_t worker) -> Status {
    records[slot].assign(candidates.size(), {});
    auto values = load_values(*in.feed, pictures[i], in.network.mapping, inputs);
    if (!values) return values.error();
    FloatSession& session = *(*sessions)[worker];
    std::vector<float> expected(outputs), logits(outputs);
    if (auto status = session.run(*values, expected); !status) return status;
    std::vector<uint8_t> rounds(graph.tensors.size());
    for (size_t c = 0; c < candidates.size(); ++c) {
      if (sweep.stop != nullptr && *sweep.stop) return Error{ErrorKind::interrupted, "interrupted"};
      std::fill(rounds.begin(), rounds.end(), uint8_t{0});
      for (const TensorId t : candidates[c].rounded) rounds[t] = 1;
      const FloatSession::Observer observer = [&](TensorId t, std::span<float> seen) {
        if (rounds[t] != 0) simulation.roundings[t].apply(seen);
        keep_from_zero(simulation.least_divisor[t], seen);
      };
      if (auto status = session.run(*values, logits, &observer); !status) return status;
      records[slot][c].add(expected, logits);
    }
    return {};
  };
  const auto merge = [&](size_t, size_t slot) {
    for (size_t c = 0; c < candidates.size(); ++c) {
      sum[c].aa += records[slot][c].aa;
      sum[c].noise += records[slot][c].noise;
    }
  };
  if (auto status = for_pictures(sweep, pictures.size(), work, merge); !status) return status;
  for (size_t c = 0; c < candidates.size(); ++c) {
    candidates[c].noise = sum[c].aa > 0 ? sum[c].noise / sum[c].aa : 0;
  }
  return {};
}

// What 16 bits add, in multiply-accumulates: those that read them take twice as long, and each
// element that is stored and read again about as long as 24 (measured on AVX-512 VNNI).
double work(double macs, double elements) {
  return macs + 24 * elements;
}

double work(const WideCandidate& candidate) {
  return work(candidate.macs, candidate.elements);
}

double all_work(const WideCandidates& candidates) {
  return work(candidates.total_macs, candidates.total_elements);
}

void take(Widening& widening, size_t index, const WideCandidate& candidate) {
  widening.taken[index] = true;
  widening.tensors.insert(widening.tensors.end(), candidate.tensors.begin(),
                          candidate.tensors.end());
  widening.macs += candidate.macs;
}

}  // namespace

Result<WideCandidates> rank_wide_candidates(const PassInputs& in, const Quantization& q) {
  const Groups groups(in.network.graph, in.network.formed);
  Candidates found = find_candidates(in.network, q.tensors, groups);
  const Simulation simulation = make_simulation(in.network, q);
  const auto seen =
      pictures_to_rank_by(spread_indices(in.calibration.readable, most_pictures), found.all.size());
  if (auto status = measure(in, simulation, seen, found.all); !status) {
    return status.error();
  }
  const auto worth = [](const Candidate& c) { return c.noise / work(c.macs, c.elements); };
  std::stable_sort(found.all.begin(), found.all.end(),
                   [&](const Candidate& a, const Candidate& b) { return worth(a) > worth(b); });
  WideCandidates out{{}, found.total_macs, found.wide_macs, found.total_elements};
  for (Candidate& c : found.all) {
    out.ranked.push_back({std::move(c.stored), c.noise, c.macs, c.elements, c.rounded.front()});
  }
  return out;
}

Widening widen_further(const WideCandidates& candidates, Widening so_far, double logits_cosine,
                       double most_share) {
  const double most_macs = most_share * candidates.total_macs - candidates.wide_macs;
  const double most_work = most_share * all_work(candidates) - candidates.wide_macs;
  so_far.taken.resize(candidates.ranked.size());
  double untaken = 0, taken_work = 0;
  for (size_t i = 0; i < candidates.ranked.size(); ++i) {
    const WideCandidate& c = candidates.ranked[i];
    if (so_far.taken[i]) {
      taken_work += work(c);
    } else {
      untaken += c.noise;
    }
  }
  // A cosine of 1 - n / 2 is a noise power of n. Half of what is allowed is aimed at: other
  // pictures are worse than those of calibration. Noises that are measured one at a time sum to
  // more than there is where the logits have no more to lose: then the same part of them goes.
  const double noise = 2 * (1 - logits_cosine), aim = 1 - least_logits_cosine;
  double left = std::max(noise - aim, untaken * (1 - aim / noise));
  for (size_t i = 0; i < candidates.ranked.size() && left > 0; ++i) {
    const WideCandidate& c = candidates.ranked[i];
    if (so_far.taken[i] || so_far.macs + c.macs > most_macs || taken_work + work(c) > most_work) {
      continue;
    }
    take(so_far, i, c);
    taken_work += work(c);
    left -= c.noise;
  }
  return so_far;
}

Widening cheap_to_widen(const WideCandidates& candidates) {
  constexpr double most_work = 0.05, least_gain = 3;
  double all_noise = 0;
  for (const WideCandidate& c : candidates.ranked) all_noise += c.noise;
  const double whole = all_work(candidates);
  double taken = 0;
  Widening out;
  out.taken.resize(candidates.ranked.size());
  for (size_t i = 0; i < candidates.ranked.size(); ++i) {
    const WideCandidate& c = candidates.ranked[i];
    if (c.noise * whole < least_gain * work(c) * all_noise) break;
    if (taken + work(c) > most_work * whole) continue;
    take(out, i, c);
    taken += work(c);
  }
  return out;
}

}  // namespace octavo
