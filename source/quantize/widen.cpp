#include "quantize/widen.h"

#include <algorithm>
#include <numeric>

#include "quantize/byte_copies.h"
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
  double noise = 0, macs = 0, work = 0;
  WideCandidate::Readers readers = WideCandidate::Readers::all_alike;
};

double worth(const Candidate& c) {
  return c.noise / c.work;
}

struct Candidates {
  std::vector<Candidate> all;  // by group; those without a step that rounds are fixed
  double total_macs = 0, wide_macs = 0, total_work = 0;
};

// What an element that is stored and read costs a frame of bytes, in multiply-accumulates.
constexpr double element_work = 24;

// What 16 bits add to a frame, in multiply-accumulates of bytes, which a frame makes about 240 a
// nanosecond of (AVX-512 VNNI, where the difference is largest; a plan is the same everywhere).
namespace added {
constexpr double element = 8;          // that a step stores, or makes of words without products
constexpr double behind_more = 24;     // by a convolution by channels, or with more than a clamp
constexpr double copied_element = 36;  // that is read as a word and stored as a byte
constexpr double sum = 16;             // of products of words, however many
}  // namespace added

// The weights' shape of a convolution, [outputs, height, width, inputs of a group].
const Shape& weights_shape(const Graph& graph, const Node& node) {
  return graph.tensors[node.inputs[1]].shape;
}

// How many channels a kernel computes for one that exists: a vector's 16 are of one group, unless
// whole groups fill its lanes.
double computed_channels(const Graph& graph, const Node& node) {
  constexpr int64_t vector = 16;
  const int64_t groups = std::get<Conv2d>(node.op).groups;
  const Shape& weights = weights_shape(graph, node);
  const int64_t inputs = weights[3], outputs = weights[0] / groups;
  const bool fill_lanes = inputs == outputs && (inputs == 4 || inputs == 8 || inputs == 16);
  if (groups == 1 || inputs == 1 || fill_lanes) return 1;
  const int64_t vectors = (outputs + vector - 1) / vector;
  return static_cast<double>(vectors * vector) / static_cast<double>(outputs);
}

// Of a multiply-accumulate of words: one more than of bytes for each that is made, and what each
// sum costs.
double added_by_mac(const Graph& graph, const FormedStep& step) {
  const Node& node = graph.nodes[step.node];
  if (!std::holds_alternative<Conv2d>(node.op)) return 1;
  const Shape& weights = weights_shape(graph, node);
  return computed_channels(graph, node) +
         added::sum / static_cast<double>(weights[1] * weights[2] * weights[3]);
}

double added_by_element(const Graph& graph, const FormedStep& step) {
  if (!step.is<form::Convolution>()) return added::element;
  const Node& node = graph.nodes[step.node];
  const bool of_one_channel = weights_shape(graph, node)[3] == 1;
  const bool by_channels = of_one_channel && std::get<Conv2d>(node.op).groups > 1;
  const bool from_sums = !by_channels && !step.has_residual && !step.activation;
  return from_sums ? added::element : added::behind_more;
}

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
    own.work += added_by_element(graph, step) * elements;
    out.total_work += element_work * elements;
    if (!moves_only(step)) own.rounded.push_back(step.output);
    if (!step.is<form::Convolution>() && !step.is<form::MatMul>()) {
      // A gate of one pixel is read for each of the map.
      if (moves_only(step)) continue;
      for (const TensorId t : step.inputs) of(t).work += added::element * elements;
      continue;
    }
    const auto macs = static_cast<double>(cost(graph, graph.nodes[step.node]).macs);
    out.total_macs += macs;
    out.total_work += macs;
    if (tensors[step.inputs[0]].type == ElementType::i16) {
      out.wide_macs += macs;
    } else {
      of(step.inputs[0]).macs += macs;
      of(step.inputs[0]).work += macs * added_by_mac(graph, step);
    }
  }
  std::erase_if(out.all, [](const Candidate& c) { return c.fixed || c.rounded.empty(); });
  return out;
}

// To the graph copies of those whose convolutions they would spare more than they take, and to the
// candidates what is rounded for these convolutions alone.
void add_copies(const StepNetwork& network, Graph& graph, Simulation& simulation,
                std::vector<Candidate>& candidates) {
  std::vector<double> macs(graph.tensors.size(), 0), work = macs;
  for (const FormedStep& step : network.formed.steps) {
    if (!step.is<form::Convolution>()) continue;
    const Node& node = graph.nodes[step.node];
    const auto own = static_cast<double>(cost(graph, node).macs);
    macs[node.inputs[0]] += own;
    work[node.inputs[0]] += own * added_by_mac(graph, step);
  }
  const std::vector<TensorId> possible = may_have_byte_copies(network);
  std::vector<TensorId> originals;
  std::vector<Candidate> seconds;
  for (const Candidate& c : candidates) {
    const TensorId t = c.stored.front();
    const double copying =
        added::copied_element * static_cast<double>(element_count(graph.tensors[t].shape));
    if (!std::binary_search(possible.begin(), possible.end(), t) || work[t] <= copying) continue;
    originals.push_back(t);
    seconds.push_back(
        {t, {t}, {}, false, 0, macs[t], work[t] - copying, WideCandidate::Readers::no_longer_copy});
  }
  const std::vector<TensorId> copies = put_byte_copies(graph, originals);
  simulation.roundings.resize(graph.tensors.size());
  simulation.least_divisor.resize(graph.tensors.size());
  for (size_t i = 0; i < copies.size(); ++i) {
    simulation.roundings[copies[i]] = simulation.roundings[originals[i]];
    seconds[i].rounded = {copies[i]};
    candidates.push_back(std::move(seconds[i]));
  }
}

// Of a tensor and its copy, measured each: what is gained by words of which convolutions read a
// copy, and then by words for these too. Where the second is worth more they go together.
void part_from_copies(std::vector<Candidate>& candidates) {
  using Readers = WideCandidate::Readers;
  for (Candidate& copy : candidates) {
    if (copy.readers != Readers::no_longer_copy) continue;
    Candidate& whole = *std::find_if(candidates.begin(), candidates.end(), [&](const Candidate& c) {
      return c.stored.front() == copy.stored.front();
    });
    Candidate with_copy = whole;
    with_copy.noise = std::max(0.0, whole.noise - copy.noise);
    with_copy.macs -= copy.macs;
    with_copy.work -= copy.work;
    with_copy.readers = Readers::copy;
    if (worth(with_copy) < worth(copy)) {
      copy.fixed = true;
    } else {
      whole = std::move(with_copy);
      copy.rounded = whole.rounded;
    }
  }
  std::erase_if(candidates, [](const Candidate& c) { return c.fixed; });
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
Status measure(const PassInputs& in, const Graph& graph, const Simulation& simulation,
               const std::vector<size_t>& pictures, std::vector<Candidate>& candidates) {
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

bool can_take(const Widening& so_far, const WideCandidate& candidate) {
  const auto& copied = so_far.copied;
  return candidate.readers != WideCandidate::Readers::no_longer_copy ||
         std::find(copied.begin(), copied.end(), candidate.first_rounded) != copied.end();
}

void take(Widening& widening, size_t index, const WideCandidate& candidate) {
  widening.taken[index] = true;
  widening.macs += candidate.macs;
  if (candidate.readers == WideCandidate::Readers::no_longer_copy) {
    std::erase(widening.copied, candidate.first_rounded);
    return;
  }
  widening.tensors.insert(widening.tensors.end(), candidate.tensors.begin(),
                          candidate.tensors.end());
  if (candidate.readers == WideCandidate::Readers::copy) {
    widening.copied.push_back(candidate.first_rounded);
  }
}

}  // namespace

Result<WideCandidates> rank_wide_candidates(const PassInputs& in, const Quantization& q,
                                            std::span<const size_t> pictures, bool with_copies) {
  const Groups groups(in.network.graph, in.network.formed);
  Candidates found = find_candidates(in.network, q.tensors, groups);
  Simulation simulation = make_simulation(in.network, q);
  Graph graph = in.network.graph;
  if (with_copies) add_copies(in.network, graph, simulation, found.all);
  const auto seen = pictures_to_rank_by(spread_indices(pictures, most_pictures), found.all.size());
  if (auto status = measure(in, graph, simulation, seen, found.all); !status) {
    return status.error();
  }
  part_from_copies(found.all);
  std::stable_sort(found.all.begin(), found.all.end(),
                   [&](const Candidate& a, const Candidate& b) { return worth(a) > worth(b); });
  WideCandidates out{{}, found.total_macs, found.wide_macs, found.total_work};
  for (Candidate& c : found.all) {
    out.ranked.push_back(
        {std::move(c.stored), c.noise, c.macs, c.work, c.rounded.front(), c.readers});
  }
  return out;
}

Widening widen_further(const WideCandidates& candidates, Widening so_far, double logits_cosine,
                       double most_share) {
  const double most_macs = most_share * candidates.total_macs - candidates.wide_macs;
  const double most_work = most_share * candidates.total_work - candidates.wide_macs;
  so_far.taken.resize(candidates.ranked.size());
  double untaken = 0, taken_work = 0;
  for (size_t i = 0; i < candidates.ranked.size(); ++i) {
    const WideCandidate& c = candidates.ranked[i];
    if (so_far.taken[i]) {
      taken_work += c.work;
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
    if (so_far.taken[i] || !can_take(so_far, c) || so_far.macs + c.macs > most_macs ||
        taken_work + c.work > most_work) {
      continue;
    }
    take(so_far, i, c);
    taken_work += c.work;
    left -= c.noise;
  }
  return so_far;
}

Widening worth_widening(const WideCandidates& candidates, const WorthRung& rung) {
  double all_noise = 0;
  for (const WideCandidate& c : candidates.ranked) all_noise += c.noise;
  const double whole = candidates.total_work;
  double taken = 0;
  Widening out;
  out.taken.resize(candidates.ranked.size());
  for (size_t i = 0; i < candidates.ranked.size(); ++i) {
    const WideCandidate& c = candidates.ranked[i];
    if (c.noise * whole < rung.least_gain * c.work * all_noise) break;
    if (!can_take(out, c) || taken + c.work > rung.share * whole) continue;
    take(out, i, c);
    taken += c.work;
  }
  return out;
}

Widening first_to_widen(const WideCandidates& candidates, size_t count, Widening so_far) {
  so_far.taken.resize(candidates.ranked.size());
  for (size_t i = 0; i < candidates.ranked.size() && count > 0; ++i) {
    if (so_far.taken[i]) continue;
    --count;
    if (can_take(so_far, candidates.ranked[i])) take(so_far, i, candidates.ranked[i]);
  }
  return so_far;
}

double expected_cosine(const WideCandidates& candidates, const Widening& widening) {
  double noise = 0;
  for (size_t i = 0; i < candidates.ranked.size(); ++i) {
    const bool taken = i < widening.taken.size() && widening.taken[i];
    if (!taken) noise += candidates.ranked[i].noise;
  }
  return 1 - noise / 2;
}

}  // namespace octavo
