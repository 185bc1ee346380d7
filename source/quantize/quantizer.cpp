#include "quantize/quantizer.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <set>
#include <string_view>

#include "base/stopwatch.h"
#include "base/text.h"
#include "quantize/byte_copies.h"
#include "quantize/earlier_fold.h"
#include "quantize/passes.h"
#include "quantize/warnings.h"

namespace octavo {

namespace {

constexpr size_t repair_pictures = 64;

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

void tell(const QuantizeOptions& options, const PassRun& run) {
  if (options.ran) options.ran(run);
}

}  // namespace

Result<StepNetwork> cut_as_asked(const Graph& graph, const Preprocess* how,
                                 const QuantizeOptions& options) {
  if (const Status good = check_options(options); !good) return good.error();
  const Stopwatch watch;
  auto network = cut_into_steps(graph, how, options);
  if (network) {
    tell(options, {"steps", network->formed.steps.size(), "steps formed", watch.milliseconds()});
  }
  return network;
}

Result<Quantizer> Quantizer::create(const Graph& graph, const Preprocess* how,
                                    const CalibrationFeed& feed, const QuantizeOptions& options,
                                    const CalibrationStore* store) {
  if (const Status good = check_feed(how, feed); !good) return good.error();
  Quantizer out(how, feed, options);
  auto network = cut_as_asked(graph, how, options);
  if (!network) return network.error();
  out.network_ = std::make_unique<const StepNetwork>(*std::move(network));
  const Stopwatch watch;
  auto calibration = out.calibrated(store);
  if (!calibration) return calibration.error();
  out.calibration_ = *std::move(calibration);
  tell(options, {"calibration", out.calibration_->readable.size(), "inputs", watch.milliseconds()});
  return out;
}

Result<std::shared_ptr<const Calibration>> Quantizer::calibrated(
    const CalibrationStore* store) const {
  const auto& [graph, mapping, formed, types, flow] = *network_;
  const CalibrateOptions how{repair_pictures,
                             store != nullptr || options_.method == RangeMethod::kl};
  if (store != nullptr) {
    auto kept = store->load();
    if (!kept) return kept;
    if (*kept != nullptr) {
      const Status fits = check_calibration(**kept, graph, formed, feed_->count, how);
      return fits ? kept : fits.error();
    }
  }
  auto made = calibrate(graph, formed, mapping, *feed_, sweep("calibrating"), how);
  if (!made) return made.error();
  auto out = std::make_shared<const Calibration>(*std::move(made));
  if (store != nullptr) {
    if (const Status kept = store->save(*out); !kept) return kept.error();
  }
  return out;
}

Sweep Quantizer::sweep(const char* what) const {
  return {options_.threads, what, options_.progress, options_.stop};
}

PassInputs Quantizer::inputs(const StepNetwork& network, const Calibration& calibration,
                             std::span<const TensorId> wide) const {
  PassInputs out{network,
                 calibration,
                 how_,
                 feed_,
                 network.types.of,
                 options_.method,
                 options_.percentile,
                 options_.per_channel_weights,
                 sweep("")};
  for (const TensorId t : wide) out.types[t] = ElementType::i16;
  return out;
}

Result<Quantization> Quantizer::fold(std::span<const TensorId> wide,
                                     std::span<const TensorId> copied,
                                     const Quantization* earlier) const {
  std::optional<EarlierFold> known;
  if (earlier != nullptr) known.emplace(EarlierFold{*network_, *earlier});
  const auto run = [&](const StepNetwork& network, const Calibration& calibration) {
    PassInputs in = inputs(network, calibration, wide);
    in.earlier = known ? &*known : nullptr;
    return run_passes(in, options_.disabled, options_.ran);
  };
  if (copied.empty()) return run(*network_, *calibration_);
  const auto other = with_byte_copies(*network_, {copied.begin(), copied.end()});
  if (!other) return other.error();
  const Calibration calibration = with_byte_copies(*calibration_, *other);
  auto out = run(other->network, calibration);
  if (out) out->copied = other->originals;
  return out;
}

Result<WideCandidates> Quantizer::wide_candidates(const Quantization& folded,
                                                  bool with_copies) const {
  const Stopwatch watch;
  auto out = pictures_read() > 1
                 ? candidates_by_halves(folded, with_copies)
                 : rank_wide_candidates(inputs(*network_, *calibration_, {}), folded,
                                        calibration_->readable, with_copies);
  if (out) {
    tell(options_, {"widen", out->ranked.size(), "tensors ranked", watch.milliseconds()});
  }
  return out;
}

// That are fed in views; else 0.
size_t Quantizer::pictures_read() const {
  const std::vector<size_t>& readable = calibration_->readable;
  if (!sees_few_pictures() || readable.empty()) return 0;
  size_t out = 1;
  for (size_t i = 1; i < readable.size(); ++i) {
    out += readable[i] / feed_->views != readable[i - 1] / feed_->views;
  }
  return out;
}

// What few pictures do not show is clipped, and no picture of theirs tells how much that is. So one
// in two makes the ranges and the others are rounded by them.
Result<WideCandidates> Quantizer::candidates_by_halves(const Quantization& folded,
                                                       bool with_copies) const {
  const size_t views = feed_->views;
  const std::vector<size_t>& readable = calibration_->readable;
  std::vector<size_t> makers, judges;
  bool makes = false;
  for (size_t i = 0; i < readable.size(); ++i) {
    const bool is_next = i == 0 || readable[i] / views != readable[i - 1] / views;
    makes = is_next ? !makes : makes;
    (makes ? makers : judges).push_back(readable[i]);
  }
  CalibrationFeed half;
  half.count = makers.size();
  half.views = views;
  if (feed_->pixels) half.pixels = [&](size_t i) { return feed_->pixels(makers[i]); };
  if (feed_->values) half.values = [&](size_t i) { return feed_->values(makers[i]); };
  const auto& [graph, mapping, formed, types, flow] = *network_;
  const auto calibration = calibrate(graph, formed, mapping, half, sweep("calibrating by half"),
                                     {repair_pictures, options_.method == RangeMethod::kl});
  if (!calibration) return calibration.error();
  PassInputs in = inputs(*network_, *calibration, {});
  in.feed = &half;
  for (TensorId t = 0; t < in.types.size(); ++t) {  // what it has 16 bits for already
    if (folded.tensors[t].type == ElementType::i16) in.types[t] = ElementType::i16;
  }
  // Ranges are what is asked for.
  static const std::string disabled[] = {"compensation", "learned-rounding", "bias-correction",
                                         "correction-in-order", "report"};
  const auto by_half = run_passes(in, disabled, {});
  if (!by_half) return by_half.error();
  in.feed = feed_;
  auto out = rank_wide_candidates(in, *by_half, judges, with_copies);
  if (out) out->of_other_pictures = true;
  return out;
}

Widened Quantizer::widened_in(const Plan& plan) const {
  std::set<std::string_view> wide;
  for (const Step& step : plan.steps) {
    if (plan.tensors[step.output].type == ElementType::i16) wide.insert(step.name);
  }
  std::set<std::string_view> names;
  for (const Step& step : plan.steps) names.insert(step.name);
  Widened out;
  for (const TensorId t : may_have_byte_copies(*network_)) {
    if (names.contains(byte_copy_name(network_->graph, t))) out.copied.push_back(t);
  }
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

std::vector<std::string> Quantizer::warnings(const Quantization& folded) const {
  const Graph& graph = network_->graph;
  std::vector<std::string> out =
      calibration_warnings(*network_, *calibration_, folded.tensors, *feed_);
  const auto of_weights = weight_warnings(graph, network_->formed);
  out.insert(out.end(), of_weights.begin(), of_weights.end());
  for (const TensorId t : network_->types.named) {
    const int32_t most = folded.tensors[t].levels.hi;
    if (most == 32767) continue;
    out.push_back(concat("tensor ", quoted(graph.tensors[t].name), " keeps to ",
                         std::bit_width(static_cast<uint32_t>(most)),
                         " bits and sign of its 16, so that sums of its products fit 32"));
  }
  return out;
}

Quantized Quantizer::finish(Quantization folded) const {
  std::vector<std::string> told = warnings(folded);
  return with_report(std::move(folded), std::move(told));
}

}  // namespace octavo
