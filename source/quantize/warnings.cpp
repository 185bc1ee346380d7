#include "quantize/warnings.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.h"
#include "quantize/ranges.h"
#include "quantize/roundings.h"

namespace octavo {

namespace {

constexpr size_t few_pictures = 50;
constexpr size_t few_classes = 10;
constexpr double much_clipped = 0.01;

void warn_of_clipping(const StepNetwork& network, const Calibration& calibration,
                      const std::vector<StoredTensor>& tensors,
                      std::vector<std::string>& warnings) {
  double most = 0;
  size_t clipped = 0;
  TensorId worst = 0;
  for (const auto& step : network.formed.steps) {
    const StoredTensor& stored = tensors[step.output];
    const TensorStatistics& statistics = calibration.stored[step.output];
    if (moves_only(step) || stored.scale.empty() || statistics.histograms.empty()) continue;
    std::vector<ChannelRange> ranges;
    for (size_t c = 0; c < stored.scale.size(); ++c) {
      // Half a step beyond the last stored value still rounds to it.
      ranges.push_back({(stored.levels.lo - stored.zero_point[c] - 0.5) * stored.scale[c],
                        (stored.levels.hi - stored.zero_point[c] + 0.5) * stored.scale[c]});
    }
    const double share = clipped_share(statistics, ranges);
    clipped += share > much_clipped ? 1 : 0;
    if (share > most) {
      most = share;
      worst = step.output;
    }
  }
  if (clipped == 0) return;
  warnings.push_back(concat(clipped, clipped == 1 ? " tensor has" : " tensors have",
                            " more than 1 % of ", clipped == 1 ? "its" : "their",
                            " values clipped; most, ", std::rint(most * 1000) / 10, " %, ",
                            quoted(network.graph.tensors[worst].name)));
}

void warn_of_far_pictures(const Graph& graph, const Calibration& calibration,
                          const CalibrationFeed& feed, std::vector<std::string>& warnings) {
  if (calibration.far.empty()) return;
  const FarPictures::Summary far = calibration.far.summary();
  const std::string picture = far.picture < feed.names.size() ? quoted(feed.names[far.picture])
                                                              : concat("number ", far.picture + 1);
  warnings.push_back(
      concat(far.pictures,
             feed.views > 1      ? " views of calibration pictures are"
             : far.pictures == 1 ? " calibration picture is"
                                 : " calibration pictures are",
             " far beyond the others in ", far.tensors, far.tensors == 1 ? " tensor" : " tensors",
             " and left out there; the farthest, ", picture, ", has ", std::llround(far.times),
             " times the median picture's energy in ", quoted(graph.tensors[far.tensor].name),
             ": is it of the kind that the network will see?"));
}

double largest_score(std::span<const float> logits) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return 1 / sum;
}

}  // namespace

std::vector<std::string> weight_warnings(const Graph& graph, const FormedSteps& formed) {
  if (!has_roundings(graph)) return {};
  size_t count = 0;
  std::string first;
  for (const auto& step : formed.steps) {
    if (!step.is<form::Convolution>() || keeps_weights(step)) continue;
    if (count++ == 0) first = graph.nodes[step.node].name;
  }
  if (count == 0) return {};
  return {
      concat(count, count == 1 ? " product of" : " products of", " the quantized file, the first ",
             quoted(first),
             ", multiply by weights that 9 bits with a scale a row do not hold, nor 16 bits where "
             "the activations have 16; these are rounded again to 8 bits, so that answers differ "
             "from those of the file's own runtime: quantize the weights to 8 bits")};
}

std::vector<std::string> calibration_warnings(const StepNetwork& network,
                                              const Calibration& calibration,
                                              const std::vector<StoredTensor>& tensors,
                                              const CalibrationFeed& feed) {
  const Graph& graph = network.graph;
  std::vector<std::string> warnings;
  const size_t pictures = calibration.readable.size() / feed.views;
  if (!calibration.unreadable.empty()) {
    warnings.push_back(
        concat(calibration.unreadable.size(), " of ", feed.count,
               " calibration pictures could not be read; the first: ", calibration.unreadable[0]));
  }
  if (pictures < few_pictures) {
    warnings.push_back(concat("only ", pictures, pictures == 1 ? " picture" : " pictures",
                              " to calibrate with; 100 to 500 give reliable ranges"));
  }
  std::set<int> classes;
  for (const size_t i : calibration.readable) {
    if (i < feed.classes.size() && feed.classes[i] >= 0) classes.insert(feed.classes[i]);
  }
  const auto outputs = static_cast<size_t>(element_count(graph.tensors[graph.output].shape));
  if (!classes.empty() && classes.size() < std::min(few_classes, outputs)) {
    warnings.push_back(concat("the calibration pictures show only ", classes.size(), " of ",
                              outputs, " classes; pictures of many classes give better ranges"));
  }
  warn_of_far_pictures(graph, calibration, feed, warnings);
  warn_of_clipping(network, calibration, tensors, warnings);
  return warnings;
}

Result<ColorConfidence> compare_color_orders(const Graph& graph, const Preprocess& how,
                                             const CalibrationFeed& feed, const Sweep& wanted,
                                             size_t most) {
  ColorConfidence result;
  if (how.channels() != 3 || !feed.pixels || feed.count == 0) return result;
  const Sweep sweep = bounded_sweep(wanted, std::min(most, feed.count), session_bytes(graph));
  auto sessions = create_sessions(graph, sweep.threads);
  if (!sessions) return sessions.error();
  const InputMapping mapping = input_mapping(graph, &how);
  const auto inputs = static_cast<size_t>(element_count(graph.tensors[graph.input].shape));
  const auto outputs = static_cast<size_t>(element_count(graph.tensors[graph.output].shape));
  std::vector<size_t> all(feed.count);
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  const auto pictures = spread_indices(all, most);
  struct Scores {
    double as_given = 0, reversed = 0;
    bool read = false;
  };
  std::vector<Scores> records(sweep_slots(sweep));
  // The same feed with its channels the other way round.
  CalibrationFeed reversed = feed;
  reversed.pixels = [&feed](size_t i) -> Result<std::vector<uint8_t>> {
    auto pixels = feed.pixels(i);
    if (!pixels) return pixels.error();
    for (size_t first = 0; first + 3 <= pixels->size(); first += 3) {
      std::swap((*pixels)[first], (*pixels)[first + 2]);
    }
    return std::move(*pixels);
  };
  const auto work = [&](size_t i, size_t slot, size_t worker) -> Status {
    records[slot] = {};
    std::vector<float> logits(outputs);
    for (const CalibrationFeed* from : {&feed, static_cast<const CalibrationFeed*>(&reversed)}) {
      auto values = load_values(*from, pictures[i], mapping, inputs);
      if (!values && values.error().kind == ErrorKind::rejected) return {};
      if (!values) return values.error();
      if (auto status = (*sessions)[worker]->run(*values, logits); !status) return status;
      (from == &feed ? records[slot].as_given : records[slot].reversed) = largest_score(logits);
    }
    records[slot].read = true;
    return {};
  };
  const auto merge = [&](size_t, size_t slot) {
    if (!records[slot].read) return;
    result.as_given += records[slot].as_given;
    result.reversed += records[slot].reversed;
    ++result.pictures;
  };
  if (const Status status = for_pictures(sweep, pictures.size(), work, merge); !status) {
    return status.error();
  }
  if (result.pictures > 0) {
    result.as_given /= static_cast<double>(result.pictures);
    result.reversed /= static_cast<double>(result.pictures);
  }
  return result;
}

}  // namespace octavo
