#include "quantize/quantize.h"

#include <algorithm>
#include <cmath>

#include "base/fixed.h"
#include "base/text.h"
#include "quantize/fold_wider.h"
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

// What was given 16 bits because bytes were too few; where nothing was short of anything `inspect`
// tells of it.
void tell_of_widening(const Quantizer& quantizer, const FoldedWider& wider, double by_bytes,
                      const WideCandidates& candidates, std::vector<std::string>& warnings) {
  const std::vector<TensorId>& tensors = wider.widening.tensors;
  if (by_bytes >= least_logits_cosine || tensors.empty()) return;
  const double macs_share =
      (candidates.wide_macs + wider.widening.macs) / std::max(1.0, candidates.total_macs);
  warnings.push_back(concat(
      "with bytes alone the cosine of the logits to the float network's is ", fixed(by_bytes, 3),
      "; with 16 bits for ", tensors.size(), " tensors, which ", std::lround(100 * macs_share),
      " % of the multiply-accumulates read, it is ",
      fixed(wider.quantization.report.logits_cosine, 3),
      " (--no-auto-int16 leaves them bytes): ", first_names(quantizer.graph(), tensors)));
}

Result<Folded> fold_by_pictures(const Graph& graph, const Preprocess* how,
                                const CalibrationFeed& feed, const QuantizeOptions& options,
                                const CalibrationStore* store) {
  const auto quantizer = Quantizer::create(graph, how, feed, options, store);
  if (!quantizer) return quantizer.error();
  auto folded = quantizer->fold();
  if (!folded) return folded.error();
  std::vector<std::string> of_widening;
  if (options.auto_int16 && gains_by_widening(*quantizer, *folded)) {
    const double by_bytes = folded->report.logits_cosine;
    const auto candidates = quantizer->wide_candidates(*folded, true);
    if (!candidates) return candidates.error();
    auto wider = fold_wider(*quantizer, *std::move(folded), *candidates);
    if (!wider) return wider.error();
    tell_of_widening(*quantizer, *wider, by_bytes, *candidates, of_widening);
    folded = std::move(wider->quantization);
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
