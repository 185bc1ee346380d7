#include "quantize/quantize.h"

#include <algorithm>
#include <cmath>

#include "base/fixed.h"
#include "base/text.h"
#include "quantize/passes.h"
#include "quantize/quantization_file.h"
#include "quantize/quantizer.h"
#include "quantize/roundings.h"
#include "quantize/warnings.h"

namespace octavo {

namespace {

// A quantization, and what it warns of.
struct Folded {
  Quantization quantization;
  std::vector<std::string> warnings;
};

Result<Folded> fold_by_file(const Graph& original, const Preprocess* how,
                            const QuantizeOptions& options) {
  const auto network = cut_as_asked(original, how, options);
  if (!network) return network.error();
  const auto& [graph, mapping, formed, types, flow] = *network;
  if (const Status status = check_rounded(graph, formed, mapping); !status) return status.error();
  const Calibration calibration = calibration_of_roundings(graph, formed, mapping);
  PassInputs inputs{*network, calibration, how, nullptr, types.of};
  inputs.method = RangeMethod::maximum;  // pairs tell extremes; there are no histograms
  inputs.per_channel_weights = options.per_channel_weights;
  auto made = run_passes(inputs, options.disabled, options.ran);
  if (!made) return made.error();
  return Folded{*std::move(made), weight_warnings(graph, formed)};
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

// Folds again with 16 bits where they tell most: where they are cheap for what they bring, and, as
// long as the logits are too far off, where they are not. What is worse than before is dropped.
Result<Quantization> fold_wider(const Quantizer& quantizer, Quantization first,
                                std::vector<std::string>& warnings) {
  const auto candidates = quantizer.wide_candidates(first, true);
  if (!candidates) return candidates.error();
  const double by_bytes = first.report.logits_cosine;
  Quantization best = std::move(first);
  Widening of_best;
  // Few pictures tell nothing of what they themselves clip.
  const bool by_others = candidates->of_other_pictures;
  const auto cosine_of = [&](const Quantization& q, const Widening& wide) {
    const double seen = q.report.logits_cosine;
    return by_others ? std::min(seen, expected_cosine(*candidates, wide)) : seen;
  };
  Widening wide;
  double cosine = cosine_of(best, wide);
  // Folds with `next` where that is another widening than the last one.
  const auto attempt = [&](Widening next) -> Status {
    if (next.tensors == wide.tensors && next.copied == wide.copied) return {};
    wide = std::move(next);
    auto wider = quantizer.fold(wide.tensors, wide.copied);
    if (!wider) return wider.error();
    const double before = cosine_of(best, of_best);
    cosine = cosine_of(*wider, wide);
    if (cosine <= before) return {};
    best = *std::move(wider);
    of_best = wide;
    return {};
  };
  for (const WorthRung& rung : worth_rungs) {
    if (cosine >= rung.below || (rung.of_few_pictures && !by_others)) break;
    if (const Status tried = attempt(worth_widening(*candidates, rung)); !tried) {
      return tried.error();
    }
  }
  for (const auto& [below, share] : wide_rungs) {
    if (cosine >= below) break;
    const Status tried = attempt(widen_further(*candidates, wide, cosine, share));
    if (!tried) return tried.error();
  }
  // Where nothing was short of anything `inspect` tells of it.
  if (by_bytes >= least_logits_cosine || of_best.tensors.empty()) return best;
  const double macs_share =
      (candidates->wide_macs + of_best.macs) / std::max(1.0, candidates->total_macs);
  warnings.push_back(concat(
      "with bytes alone the cosine of the logits to the float network's is ", fixed(by_bytes, 3),
      "; with 16 bits for ", of_best.tensors.size(), " tensors, which ",
      std::lround(100 * macs_share), " % of the multiply-accumulates read, it is ",
      fixed(best.report.logits_cosine, 3),
      " (--no-auto-int16 leaves them bytes): ", first_names(quantizer.graph(), of_best.tensors)));
  return best;
}

Result<Folded> fold_by_pictures(const Graph& graph, const Preprocess* how,
                                const CalibrationFeed& feed, const QuantizeOptions& options,
                                const CalibrationStore* store) {
  const auto quantizer = Quantizer::create(graph, how, feed, options, store);
  if (!quantizer) return quantizer.error();
  auto folded = quantizer->fold();
  if (!folded) return folded.error();
  std::vector<std::string> of_widening;
  const bool is_ample =
      feed.views == 1 && folded->report.logits_cosine >= ample_logits_cosine;
  if (options.auto_int16 && !is_ample) {
    folded = fold_wider(*quantizer, *std::move(folded), of_widening);
    if (!folded) return folded.error();
  }
  std::vector<std::string> warnings = quantizer->warnings(*folded);
  warnings.insert(warnings.end(), of_widening.begin(), of_widening.end());
  return Folded{*std::move(folded), std::move(warnings)};
}

// What is kept is believed no further than a network of the same steps goes.
Result<Quantized> quantize_by_kept(const KeptQuantization& kept, const Graph& graph,
                                   const Preprocess* how, const QuantizeOptions& options) {
  const auto network = cut_as_asked(graph, how, options);
  if (!network) return network.error();
  if (const Status fits = check_quantization(kept.quantization, *network); !fits) {
    return fits.error();
  }
  return with_report(kept.quantization, kept.warnings);
}

}  // namespace

Status check_options(const QuantizeOptions& options) {
  if (!(options.percentile > 50 && options.percentile <= 100)) {
    return usage_error(
        concat("a percentile of ", options.percentile, "; more than 50, up to 100 is expected"));
  }
  const std::vector<std::string>& disabled = options.disabled;
  if (const Status possible = check_disabled(disabled); !possible) return possible;
  const bool measures = std::find(disabled.begin(), disabled.end(), "report") == disabled.end();
  if (!options.auto_int16 || measures) return {};
  return usage_error(
      "the pass 'report' cannot be left out where 16 bits are found by what it measures: "
      "--no-auto-int16 goes with it");
}

Result<Quantized> quantize(const Graph& graph, const Preprocess* how, const CalibrationFeed& feed,
                           const QuantizeOptions& options, const CalibrationStore* store,
                           const QuantizationStore* kept) {
  if (kept != nullptr) {
    const auto there = kept->load();
    if (!there) return there.error();
    if (*there != nullptr) return quantize_by_kept(**there, graph, how, options);
  }
  auto folded = feed.count == 0 ? fold_by_file(graph, how, options)
                                : fold_by_pictures(graph, how, feed, options, store);
  if (!folded) return folded.error();
  if (kept != nullptr) {
    const Status saved = kept->save(folded->quantization, folded->warnings);
    if (!saved) return saved.error();
  }
  return with_report(std::move(folded->quantization), std::move(folded->warnings));
}

}  // namespace octavo
