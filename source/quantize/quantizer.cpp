#include "quantize/quantizer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <string_view>

#include "base/text.h"
#include "quantize/compensate.h"
#include "quantize/correct.h"
#include "quantize/prepare.h"
#include "quantize/report.h"
#include "quantize/roundings.h"
#include "quantize/warnings.h"

namespace octavo {

namespace {

constexpr size_t repair_pictures = 64;
constexpr size_t report_pictures = 16;
constexpr size_t widen_pictures = 8;

Status check_options(const Graph& graph, const Preprocess* how, const QuantizeOptions& options) {
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

Status check_feed(const Preprocess* how, const CalibrationFeed& feed) {
  if (feed.pixels && feed.values) {
    return usage_error("calibration takes either pictures or float inputs");
  }
  if (!feed.pixels && !feed.values) return usage_error("calibration reads nothing");
  if (feed.pixels && how == nullptr) {
    return usage_error("calibration by pictures needs to know how they are preprocessed");
  }
  return {};
}

}  // namespace

Result<StepNetwork> cut_into_steps(const Graph& original, const Preprocess* how,
                                   const QuantizeOptions& options) {
  if (const Status good = check_options(original, how, options); !good) return good.error();
  Graph graph = prepare_for_steps(original, how != nullptr);
  auto formed = form_steps(graph);
  if (!formed) return formed.error();
  if (const Status status = check_ties(graph, *formed); !status) return status.error();
  auto types = stored_types(graph, *formed, options.int16_nodes);
  if (!types) return types.error();
  InputMapping mapping = input_mapping(graph, how);
  return StepNetwork{std::move(graph), std::move(mapping), std::move(*formed), std::move(*types)};
}

ChooseOptions choose_options(const StepNetwork& network, const QuantizeOptions& options) {
  return {options.method, options.percentile, options.per_channel_weights, network.types.of};
}

Sweep Quantizer::sweep(const char* what) const {
  return {options_.threads, what, options_.progress, options_.stop};
}

Result<Quantizer> Quantizer::create(const Graph& graph, const Preprocess* how,
                                    const CalibrationFeed& feed, const QuantizeOptions& options,
                                    const CalibrationStore* store) {
  if (const Status good = check_feed(how, feed); !good) return good.error();
  Quantizer out(how, feed, options);
  auto network = cut_into_steps(graph, how, options);
  if (!network) return network.error();
  out.network_ = std::make_unique<const StepNetwork>(*std::move(network));
  const CalibrateOptions calibrate_options{repair_pictures,
                                           store != nullptr || options.method == RangeMethod::kl};
  if (store != nullptr) {
    auto kept = store->load();
    if (!kept) return kept.error();
    if (*kept != nullptr) {
      const Status fits = check_calibration(**kept, out.network_->graph, out.network_->formed,
                                            feed.count, calibrate_options);
      if (!fits) return fits.error();
      out.calibration_ = *std::move(kept);
      return out;
    }
  }
  auto calibration = calibrate(out.network_->graph, out.network_->formed, out.network_->mapping,
                               feed, out.sweep("calibrating"), calibrate_options);
  if (!calibration) return calibration.error();
  out.calibration_ = std::make_shared<const Calibration>(*std::move(calibration));
  if (store != nullptr) {
    if (const Status kept = store->save(*out.calibration_); !kept) return kept.error();
  }
  return out;
}

Result<Folded> Quantizer::fold(std::span<const TensorId> wide) const {
  const auto& [graph, mapping, formed, types] = *network_;
  const Calibration& statistics = *calibration_;
  ChooseOptions options = choose_options(*network_, options_);
  for (const TensorId t : wide) options.types[t] = ElementType::i16;
  Folded out{choose(graph, formed, statistics, mapping, options), {}, {}, 1};
  if (const Status status = compensate_weights(graph, formed, statistics, mapping, *feed_,
                                               sweep("rounding weights"), out.choice);
      !status) {
    return status.error();
  }
  out.tables = make_tables(formed, statistics, out.choice);
  if (const Status status = correct_biases(graph, formed, statistics, out.tables, mapping, *feed_,
                                           sweep("correcting biases"), out.choice);
      !status) {
    return status.error();
  }
  auto plan = lower(graph, formed, out.choice, out.tables, how_);
  if (!plan) return plan.error();
  auto report = report_steps(graph, formed, out.choice, out.tables, mapping, *feed_,
                             spread_indices(statistics.readable, report_pictures), statistics.far,
                             sweep("measuring"));
  if (!report) return report.error();
  out.plan = std::move(*plan);
  out.plan.report = std::move(report->steps);
  out.logits_cosine = report->logits_cosine;
  return out;
}

Result<WideCandidates> Quantizer::wide_candidates(const Folded& folded) const {
  return rank_wide_candidates(network_->graph, network_->formed, folded.choice, folded.tables,
                              network_->mapping, *feed_,
                              spread_indices(calibration_->readable, widen_pictures),
                              sweep("looking for tensors that need 16 bits"));
}

Widened Quantizer::widened_in(const Plan& plan) const {
  std::set<std::string_view> wide;
  for (const Step& step : plan.steps) {
    if (plan.tensors[step.output].type == ElementType::i16) wide.insert(step.name);
  }
  Widened out;
  for (const FormedStep& step : network_->formed.steps) {
    const auto node = std::find_if(network_->graph.nodes.begin(), network_->graph.nodes.end(),
                                   [&](const Node& n) { return n.output == step.output; });
    if (node == network_->graph.nodes.end() || !wide.contains(node->name) ||
        network_->types.of[step.output] == ElementType::i16) {
      continue;
    }
    out.tensors.push_back(step.output);
    if (!moves_only(step)) out.nodes.push_back(node->name);
  }
  return out;
}

std::vector<size_t> Quantizer::held_out() const {
  const std::vector<size_t>& repair = calibration_->repair;
  std::vector<size_t> out;
  for (const size_t i : calibration_->readable) {
    if (!std::binary_search(repair.begin(), repair.end(), i)) out.push_back(i);
  }
  return out;
}

Quantized Quantizer::finish(Folded folded) const {
  const Graph& graph = network_->graph;
  Quantized out{std::move(folded.plan), calibration_warnings(graph, network_->formed, *calibration_,
                                                             folded.choice, *feed_)};
  const auto of_weights = weight_warnings(graph, network_->formed);
  out.warnings.insert(out.warnings.end(), of_weights.begin(), of_weights.end());
  for (const TensorId t : network_->types.named) {
    const int32_t most = folded.choice.tensors[t].levels.hi;
    if (most == 32767) continue;
    out.warnings.push_back(concat("tensor ", quoted(graph.tensors[t].name), " keeps to ",
                                  std::bit_width(static_cast<uint32_t>(most)),
                                  " bits and sign of its 16, so that sums of its products fit 32"));
  }
  return out;
}

}  // namespace octavo
