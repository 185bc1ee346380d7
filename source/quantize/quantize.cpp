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

namespace octavo {

namespace {

constexpr size_t repair_pictures = 64;
constexpr size_t report_pictures = 16;

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
  const Choice choice = choose(graph, formed, calibration, mapping, options);
  auto plan = lower(graph, formed, choice, make_tables(formed, calibration, choice), how);
  if (!plan) return plan.error();
  return Quantized{std::move(*plan), {}};
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

  Sweep sweep{options.threads, "calibrating", options.progress, options.stop};
  const CalibrateOptions calibrate_options{repair_pictures, options.method == RangeMethod::kl};
  auto calibration = calibrate(graph, *formed, mapping, feed, sweep, calibrate_options);
  if (!calibration) return calibration.error();

  Choice choice = choose(graph, *formed, *calibration, mapping, choose_options);
  sweep.what = "rounding weights";
  if (const Status status =
          compensate_weights(graph, *formed, *calibration, mapping, feed, sweep, choice);
      !status) {
    return status.error();
  }
  const StepTables tables = make_tables(*formed, *calibration, choice);
  sweep.what = "correcting biases";
  if (const Status status =
          correct_biases(graph, *formed, *calibration, tables, mapping, feed, sweep, choice);
      !status) {
    return status.error();
  }
  auto plan = lower(graph, *formed, choice, tables, how);
  if (!plan) return plan.error();
  sweep.what = "measuring";
  auto report = report_steps(graph, *formed, choice, tables, mapping, feed,
                             spread_indices(calibration->readable, report_pictures), sweep);
  if (!report) return report.error();
  plan->report = std::move(*report);
  Quantized out{std::move(*plan), calibration_warnings(graph, *formed, *calibration, choice, feed)};
  for (const TensorId t : types->named) {
    const int32_t most = choice.tensors[t].levels.hi;
    if (most == 32767) continue;
    out.warnings.push_back(concat("tensor ", quoted(graph.tensors[t].name), " keeps to ",
                                  std::bit_width(static_cast<uint32_t>(most)),
                                  " bits and sign of its 16, so that sums of its products fit 32"));
  }
  return out;
}

}  // namespace octavo
