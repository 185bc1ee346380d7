#include "quantize/quantize.h"

#include <algorithm>
#include <cmath>

#include "base/fixed.h"
#include "base/text.h"
#include "quantize/quantizer.h"
#include "quantize/roundings.h"
#include "quantize/warnings.h"

namespace octavo {

namespace {

Result<Quantized> quantize_by_file(const Graph& original, const Preprocess* how,
                                   const QuantizeOptions& options) {
  const auto network = cut_into_steps(original, how, options);
  if (!network) return network.error();
  const auto& [graph, mapping, formed, types] = *network;
  ChooseOptions choice_options = choose_options(*network, options);
  choice_options.method = RangeMethod::maximum;  // pairs tell extremes; there are no histograms
  if (const Status status = check_rounded(graph, formed, mapping); !status) return status.error();
  const Calibration calibration = calibration_of_roundings(graph, formed, mapping);
  Choice choice = choose(graph, formed, calibration, mapping, choice_options);
  const StepTables tables = make_tables(formed, calibration, choice);
  auto plan = lower(graph, formed, choice, tables, how);
  if (!plan) return plan.error();
  return Quantized{std::move(*plan), weight_warnings(graph, formed)};
}

// "'a', 'b' and 7 more": a warning is a line, not a list.
std::string first_names(const Graph& graph, const std::vector<TensorId>& tensors) {
  constexpr size_t most = 5;
  std::string out;
  for (size_t i = 0; i < std::min(most, tensors.size()); ++i) {
    out += concat(i == 0 ? "" : ", ", quoted(graph.tensors[tensors[i]].name));
  }
  return tensors.size() <= most ? out : concat(out, " and ", tensors.size() - most, " more");
}

// Folds again with 16 bits where they tell most: for a small share of the work, and for more as
// long as the logits are too far off. What is worse than before is dropped.
Result<Folded> fold_wider(const Quantizer& quantizer, Folded first,
                          std::vector<std::string>& warnings) {
  const auto candidates = quantizer.wide_candidates(first);
  if (!candidates) return candidates.error();
  const double by_bytes = first.logits_cosine;
  Folded best = std::move(first);
  Widening wide, of_best;
  double cosine = by_bytes;
  for (const double share : wide_macs_shares) {
    if (cosine >= least_logits_cosine) break;
    const size_t before = wide.tensors.size();
    wide = widen_further(*candidates, std::move(wide), cosine, share);
    if (wide.tensors.size() == before) continue;
    auto wider = quantizer.fold(wide.tensors);
    if (!wider) return wider.error();
    cosine = wider->logits_cosine;
    if (cosine <= best.logits_cosine) continue;
    best = std::move(*wider);
    of_best = wide;
  }
  if (of_best.tensors.empty()) return best;
  const double macs_share =
      (candidates->wide_macs + of_best.macs) / std::max(1.0, candidates->total_macs);
  warnings.push_back(concat(
      "with bytes alone the cosine of the logits to the float network's is ", fixed(by_bytes, 3),
      "; with 16 bits for ", of_best.tensors.size(), " tensors, which ",
      std::lround(100 * macs_share), " % of the multiply-accumulates read, it is ",
      fixed(best.logits_cosine, 3),
      " (--no-auto-int16 leaves them bytes): ", first_names(quantizer.graph(), of_best.tensors)));
  return best;
}

// The same where nothing is short of anything: the few tensors that disturb the logits far more
// than 16 bits for them cost.
Result<Folded> fold_cheaply_wider(const Quantizer& quantizer, Folded first) {
  const auto candidates = quantizer.wide_candidates(first);
  if (!candidates) return candidates.error();
  const Widening widening = cheap_to_widen(*candidates);
  if (widening.tensors.empty()) return first;
  auto wider = quantizer.fold(widening.tensors);
  if (wider && wider->logits_cosine <= first.logits_cosine) return first;
  return wider;
}

}  // namespace

Result<Quantized> quantize(const Graph& graph, const Preprocess* how, const CalibrationFeed& feed,
                           const QuantizeOptions& options, const CalibrationStore* store) {
  if (feed.count == 0) return quantize_by_file(graph, how, options);
  const auto quantizer = Quantizer::create(graph, how, feed, options, store);
  if (!quantizer) return quantizer.error();
  auto folded = quantizer->fold();
  if (!folded) return folded.error();
  std::vector<std::string> warnings;
  if (options.auto_int16 && folded->logits_cosine < ample_logits_cosine) {
    folded = folded->logits_cosine < least_logits_cosine
                 ? fold_wider(*quantizer, std::move(*folded), warnings)
                 : fold_cheaply_wider(*quantizer, std::move(*folded));
    if (!folded) return folded.error();
  }
  Quantized out = quantizer->finish(std::move(*folded));
  out.warnings.insert(out.warnings.end(), warnings.begin(), warnings.end());
  return out;
}

}  // namespace octavo
