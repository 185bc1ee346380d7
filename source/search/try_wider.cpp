#include "search/try_wider.h"

#include <algorithm>

namespace octavo {

namespace {

constexpr double most_wide = 0.25;  // of the multiply-accumulates: wider plans are another trade
constexpr size_t most_trials = 5;

std::string node_that_makes(const Graph& graph, TensorId tensor) {
  for (const Node& node : graph.nodes) {
    if (node.output == tensor) return node.name;
  }
  return graph.tensors[tensor].name;
}

// One of each set of tensors that share their stored values is a name for all of them.
std::vector<WideCandidate> those_that_fit(const WideCandidates& all) {
  std::vector<WideCandidate> out;
  double macs = all.wide_macs;
  for (const WideCandidate& c : all.ranked) {
    if (macs + c.macs > most_wide * all.total_macs) continue;
    macs += c.macs;
    out.push_back(c);
  }
  return out;
}

}  // namespace

Result<WideTrials> try_wider(const Quantizer& quantizer, const Widened& present,
                             const Judge& judge) {
  WideTrials out;
  std::vector<TensorId> wide = present.tensors;
  WideTrial trial;
  trial.nodes = present.nodes;

  const auto attempt = [&](std::span<const TensorId> copied) -> Result<Quantization> {
    auto folded = quantizer.fold(wide, copied);
    if (!folded) return folded;
    auto judged = judge(folded->plan);
    if (!judged) return judged.error();
    trial.point.judged = *judged;
    const double usual_ms = out.tried.empty() ? 0 : out.tried.front().point.judged.ms;
    trial.point.slowdown = usual_ms > 0 ? judged->ms / usual_ms : 1;
    trial.settled = folded->report.logits_cosine >= ample_logits_cosine;
    out.tried.push_back(trial);
    return folded;
  };
  const auto as_it_is = attempt(present.copied);
  if (!as_it_is) return as_it_is.error();
  // Whoever names nodes asks for words without copies.
  const auto named = present.copied.empty() ? as_it_is : quantizer.fold(wide);
  if (!named) return named.error();
  const auto all = quantizer.wide_candidates(*named);
  if (!all) return all.error();
  const std::vector<WideCandidate> candidates = those_that_fit(*all);
  double macs = 0;
  for (size_t wanted = 1; out.tried.size() <= most_trials && trial.point.taken < candidates.size();
       wanted *= 2) {
    while (trial.point.taken < std::min(wanted, candidates.size())) {
      const WideCandidate& c = candidates[trial.point.taken++];
      wide.insert(wide.end(), c.tensors.begin(), c.tensors.end());
      trial.nodes.push_back(node_that_makes(quantizer.graph(), c.first_rounded));
      trial.point.tensors += c.tensors.size();
      macs += c.macs;
    }
    trial.point.macs_share = macs / std::max(1.0, all->total_macs);
    if (const auto folded = attempt({}); !folded) return folded.error();
    const double agreement = out.tried.back().point.judged.agreement;
    if (agreement > out.tried[out.best].point.judged.agreement) out.best = out.tried.size() - 1;
  }
  return out;
}

}  // namespace octavo
