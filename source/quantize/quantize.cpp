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

// Folds again with 16 bits where they tell most. What is worse than before is dropped.
Result<Folded> fold_wider(const Quantizer& quantizer, Folded first,
                          std::vector<std::string>& warnings) {
  const auto candidates = quantizer.wide_candidates(first);
  if (!candidates) return candidates.error();
  const bool short_of_it = first.logits_cosine < least_logits_cosine;
  const Widening widening = short_of_it ? tensors_to_widen(*candidates, first.logits_cosine)
                                        : cheap_to_widen(*candidates);
  if (widening.tensors.empty()) return first;
  auto wider = quantizer.fold(widening.tensors);
  if (!wider) return wider.error();
  if (wider->logits_cosine <= first.logits_cosine) return first;
  if (!short_of_it) return wider;
  warnings.push_back(concat(
      "with bytes alone the cosine of the logits to the float network's is ",
      fixed(first.logits_cosine, 3), "; with 16 bits for ", widening.tensors.size(),
      " tensors, which ", std::lround(100 * widening.macs_share),
      " % of the multiply-accumulates read, it is ", fixed(wider->logits_cosine, 3),
      " (--no-auto-int16 leaves them bytes): ", first_names(quantizer.graph(), widening.tensors)));
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
    folded = fold_wider(*quantizer, std::move(*folded), warnings);
    if (!folded) return folded.error();
  }
  Quantized out = quantizer->finish(std::move(*folded));
  out.warnings.insert(out.warnings.end(), warnings.begin(), warnings.end());
  return out;
}

}  // namespace octavo
