#include "quantize/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/text.h"
#include "quantize/compensate.h"
#include "quantize/correct.h"
#include "quantize/prepare.h"
#include "quantize/report.h"
#include "quantize/roundings.h"
#include "quantize/types.h"
#include "quantize/warnings.h"
#include "quantize/widen.h"

namespace octavo {

namespace {

constexpr size_t repair_pictures = 64;
constexpr size_t report_pictures = 16;
constexpr size_t widen_pictures = 8;

Status check_call(const Graph& graph, const Preprocess* how, const CalibrationFeed& feed,
                  const QuantizeOptions& options) {
  if (feed.pixels && feed.values) {
    return usage_error("calibration takes either pictures or float inputs");
  }
  if (feed.count > 0 && !feed.pixels && !feed.values)
    return usage_error("calibration reads nothing");
  if (feed.pixels && how == nullptr) {
    return usage_error("calibration by pictures needs to know how they are preprocessed");
  }
  if (!(options.percentile > 50 && options.percentile <= 100)) {
    return usage_error(
        concat("a percentile of ", options.percentile, "; more than 50, up to 100 is expected"));
  }
  if (how == nullptr) return {};
  const Shape& input = graph.tensors[graph.input].shape;
  const Shape expected{1, how->height, how->width, how->channels()};
  if (input != expected) {
    return rejected(concat("the network takes ", list_text(input),
                           " where the preprocessing gives ", list_text(expected)));
  }
  for (int c = 0; c < how->channels(); ++c) {
    const float mean = how->mean[static_cast<size_t>(c)],
                deviation = how->std[static_cast<size_t>(c)];
    if (!std::isfinite(mean) || !std::isfinite(deviation) || std::fabs(deviation) < 1e-6f) {
      return rejected(
          concat("mean ", mean, " and std ", deviation, " cannot preprocess a picture"));
    }
  }
  return {};
}

Result<Quantized> quantize_by_file(const Graph& graph, const Preprocess* how,
                                   const FormedSteps& formed, const InputMapping& mapping,
                                   ChooseOptions options) {
  options.method = RangeMethod::maximum;  // pairs tell extremes; there are no histograms
  if (const Status status = check_rounded(graph, formed, mapping); !status) return status.error();
  const Calibration calibration = calibration_of_roundings(graph, formed, mapping);
  Choice choice = choose(graph, formed, calibration, mapping, options);
  const StepTables tables = make_tables(formed, calibration, choice);
  auto plan = lower(graph, formed, choice, tables, how);
  if (!plan) return plan.error();
  return Quantized{std::move(*plan), {}};
}

// What every stage after calibration reads.
struct Calibrated {
  const Graph& graph;
  const Preprocess* how;
  const FormedSteps& formed;
  const InputMapping& mapping;
  const CalibrationFeed& feed;
  const Calibration& statistics;
  Sweep sweep;

  Sweep sweep_for(const char* what) const {
    Sweep out = sweep;
    out.what = what;
    return out;
  }
};

struct Folded {
  Choice choice;
  StepTables tables;
  Plan plan;                 // with its report
  double logits_cosine = 1;  // QuantizationReport's
};

Result<Folded> fold(const Calibrated& from, const ChooseOptions& options) {
  const auto& [graph, how, formed, mapping, feed, statistics, sweep] = from;
  Folded out{choose(graph, formed, statistics, mapping, options), {}, {}, 1};
  if (const Status status = compensate_weights(graph, formed, statistics, mapping, feed,
                                               from.sweep_for("rounding weights"), out.choice);
      !status) {
    return status.error();
  }
  out.tables = make_tables(formed, statistics, out.choice);
  if (const Status status = correct_biases(graph, formed, statistics, out.tables, mapping, feed,
                                           from.sweep_for("correcting biases"), out.choice);
      !status) {
    return status.error();
  }
  auto plan = lower(graph, formed, out.choice, out.tables, how);
  if (!plan) return plan.error();
  auto report = report_steps(graph, formed, out.choice, out.tables, mapping, feed,
                             spread_indices(statistics.readable, report_pictures), statistics.far,
                             from.sweep_for("measuring"));
  if (!report) return report.error();
  out.plan = std::move(*plan);
  out.plan.report = std::move(report->steps);
  out.logits_cosine = report->logits_cosine;
  return out;
}

// "0.975"
std::string three_digits(double value) {
  const auto thousandths = static_cast<int>(std::lround(1000 * value));
  const std::string digits = concat(1000 + thousandths % 1000);
  return concat(thousandths / 1000, ".", digits.substr(1));
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
Result<Folded> fold_wider(const Calibrated& from, ChooseOptions options, Folded first,
                          std::vector<std::string>& warnings) {
  auto widening = tensors_to_widen(
      from.graph, from.formed, first.choice, first.tables, from.mapping, from.feed,
      spread_indices(from.statistics.readable, widen_pictures), first.logits_cosine,
      from.sweep_for("looking for tensors that need 16 bits"));
  if (!widening) return widening.error();
  if (widening->tensors.empty()) return first;
  for (const TensorId t : widening->tensors) options.types[t] = ElementType::i16;
  auto wider = fold(from, options);
  if (!wider) return wider.error();
  if (wider->logits_cosine <= first.logits_cosine) return first;
  warnings.push_back(
      concat("with bytes alone the cosine of the logits to the float network's is ",
             three_digits(first.logits_cosine), "; with 16 bits for ", widening->tensors.size(),
             " tensors, which ", std::lround(100 * widening->macs_share),
             " % of the multiply-accumulates read, it is ", three_digits(wider->logits_cosine),
             " (--no-auto-int16 leaves them bytes): ", first_names(from.graph, widening->tensors)));
  return wider;
}

}  // namespace

Result<Quantized> quantize(const Graph& original, const Preprocess* how,
                           const CalibrationFeed& feed, const QuantizeOptions& options) {
  if (const Status status = check_call(original, how, feed, options); !status)
    return status.error();
  const Graph graph = prepare_for_steps(original, how != nullptr);
  const InputMapping mapping = input_mapping(graph, how);
  auto formed = form_steps(graph);
  if (!formed) return formed.error();
  if (const Status status = check_ties(graph, *formed); !status) return status.error();
  auto types = stored_types(graph, *formed, options.int16_nodes);
  if (!types) return types.error();
  const ChooseOptions choose_options{options.method, options.percentile,
                                     options.per_channel_weights, std::move(types->of)};
  if (feed.count == 0) return quantize_by_file(graph, how, *formed, mapping, choose_options);

  const Sweep sweep{options.threads, "calibrating", options.progress, options.stop};
  const CalibrateOptions calibrate_options{repair_pictures, options.method == RangeMethod::kl};
  auto calibration = calibrate(graph, *formed, mapping, feed, sweep, calibrate_options);
  if (!calibration) return calibration.error();

  const Calibrated calibrated{graph, how, *formed, mapping, feed, *calibration, sweep};
  auto folded = fold(calibrated, choose_options);
  if (!folded) return folded.error();
  std::vector<std::string> warnings;
  if (options.auto_int16 && folded->logits_cosine < least_logits_cosine) {
    folded = fold_wider(calibrated, choose_options, std::move(*folded), warnings);
    if (!folded) return folded.error();
  }
  Quantized out{std::move(folded->plan),
                calibration_warnings(graph, *formed, *calibration, folded->choice, feed)};
  out.warnings.insert(out.warnings.end(), warnings.begin(), warnings.end());
  for (const TensorId t : types->named) {
    const int32_t most = folded->choice.tensors[t].levels.hi;
    if (most == 32767) continue;
    out.warnings.push_back(concat("tensor ", quoted(graph.tensors[t].name), " keeps to ",
                                  std::bit_width(static_cast<uint32_t>(most)),
                                  " bits and sign of its 16, so that sums of its products fit 32"));
  }
  return out;
}

}  // namespace octavo
