#include "quantize/calibrate.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.h"

namespace octavo {

namespace {

enum : uint8_t { wants_moments = 1, wants_histogram = 2, wants_repair = 4 };

std::vector<uint8_t> wanted(const Graph& graph, const FormedSteps& formed) {
  std::vector<uint8_t> wants(graph.tensors.size(), 0);
  wants[graph.input] = wants_moments | wants_histogram;
  for (const auto& step : formed.steps) {
    const bool moved = moves_only(step);
    wants[step.output] |= moved ? wants_moments : wants_moments | wants_histogram;
    if (!moved) wants[step.accumulated] |= wants_moments | wants_repair;
  }
  return wants;
}

// A histogram's counts are 32 bits wide: enough for this many pictures, by index, so
// that which pictures count does not depend on threads.
bool histogram_has_room(size_t picture, int64_t pixels) {
  return (static_cast<double>(picture) + 1) * static_cast<double>(pixels) < 4e9;
}

struct WorkerHistograms {
  ChannelHistograms channels, whole;

  void add(std::span<const float> values, const ChannelMoments& moments, bool whole_too) {
    std::vector<float> largest(moments.sum.size());
    for (size_t c = 0; c < largest.size(); ++c) {
      largest[c] = std::max(std::fabs(moments.minimum[c]), std::fabs(moments.maximum[c]));
    }
    if (channels.empty()) {
      channels = ChannelHistograms(moments.channels(), ChannelHistograms::compact_half);
      if (whole_too) whole = ChannelHistograms(1, ChannelHistograms::fine_half);
    }
    channels.add(values, largest);
    if (whole_too) whole.add(values, {{*std::max_element(largest.begin(), largest.end())}});
  }
};

void see_constant(const Graph& graph, TensorId t, Calibration& result) {
  const auto& values = *graph.tensors[t].values;
  TensorStatistics& seen = result.stored[t];
  seen.moments = ChannelMoments::of(values, channel_count(graph.tensors[t]));
  seen.pictures = 1;
  WorkerHistograms histograms;
  histograms.add(values, seen.moments, false);
  seen.histograms = std::move(histograms.channels);
}

struct PictureRecord {
  std::vector<ChannelMoments> moments;  // by tensor
  std::string unreadable;
};

// As far as what is wanted of it.
Graph shortened(const Graph& graph, const std::vector<uint8_t>& wants) {
  Graph out = graph;
  while (out.nodes.size() > 1 && wants[out.nodes.back().output] == 0) out.nodes.pop_back();
  out.output = out.nodes.back().output;
  return out;
}

// What one more thread keeps beside its session.
uint64_t statistics_bytes(const Graph& graph, const std::vector<uint8_t>& wants, bool whole) {
  constexpr uint64_t histogram = 2 * ChannelHistograms::compact_half * sizeof(uint32_t);
  constexpr uint64_t whole_histogram = 2 * ChannelHistograms::fine_half * sizeof(uint32_t);
  constexpr uint64_t moments = 4 * 2 * (sizeof(float) + sizeof(double) + sizeof(uint64_t));
  uint64_t bytes = 0;
  for (size_t t = 0; t < wants.size(); ++t) {
    if (wants[t] == 0) continue;
    const bool counted = (wants[t] & wants_histogram) != 0;
    const auto channels = static_cast<uint64_t>(channel_count(graph.tensors[t]));
    bytes += channels * (moments + (counted ? histogram : 0));
    bytes += counted && whole ? whole_histogram : 0;
  }
  return bytes;
}

// A value that is none makes its channel's sum none: sums of finite floats stay finite.
bool is_finite(const ChannelMoments& moments) {
  return std::all_of(moments.sum.begin(), moments.sum.end(),
                     [](double sum) { return std::isfinite(sum); });
}

// Those that `accumulated` covers, as far as they can be read.
std::vector<size_t> repair_indices(size_t pictures, const CalibrateOptions& options) {
  std::vector<size_t> all(pictures);
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  return spread_indices(all, options.most_repair);
}

// What is there of one tensor is what go_over() and see_constant() would have put there.
bool is_as_wanted(const TensorStatistics& seen, uint8_t wants, bool constant, int64_t channels,
                  const CalibrateOptions& options) {
  const bool counted = (wants & wants_histogram) != 0;
  const bool whole = counted && !constant && options.whole_histograms;
  if (!seen.moments.is_sound() || !seen.histograms.is_sound() || !seen.whole.is_sound())
    return false;
  return seen.moments.channels() == (wants != 0 ? channels : 0) &&
         seen.histograms.channels() == (counted ? channels : 0) &&
         (!counted || seen.histograms.half() == ChannelHistograms::compact_half) &&
         seen.whole.channels() == (whole ? 1 : 0) &&
         (!whole || seen.whole.half() == ChannelHistograms::fine_half);
}

struct Pass {
  Calibration calibration;
  std::vector<std::vector<double>> loudness;  // [tensor][readable picture]
};

// wants: by tensor, flags of what is wanted of it.
Result<Pass> go_over(const Graph& graph, const std::vector<uint8_t>& wants,
                     const InputMapping& mapping, const CalibrationFeed& feed,
                     const Sweep& all_threads, const CalibrateOptions& options,
                     const FarPictures& far) {
  const size_t tensors = graph.tensors.size();
  const Sweep sweep = bounded_sweep(
      all_threads, feed.count,
      session_bytes(graph) + statistics_bytes(graph, wants, options.whole_histograms));
  auto sessions = create_sessions(graph, sweep.threads);
  if (!sessions) return sessions.error();
  const auto inputs = static_cast<size_t>(element_count(graph.tensors[graph.input].shape));
  const auto outputs = static_cast<size_t>(element_count(graph.tensors[graph.output].shape));

  Pass pass;
  Calibration& result = pass.calibration;
  pass.loudness.resize(tensors);
  result.stored.resize(tensors);
  result.accumulated.resize(tensors);
  const auto repair = repair_indices(feed.count, options);
  std::vector<std::vector<WorkerHistograms>> histograms(sessions->size());
  for (auto& of_worker : histograms) of_worker.resize(tensors);
  std::vector<PictureRecord> records(sweep_slots(sweep));

  const auto work = [&](size_t i, size_t slot, size_t worker) -> Status {
    PictureRecord& record = records[slot];
    record = {};
    auto values = load_values(feed, i, mapping, inputs);
    if (!values && values.error().kind == ErrorKind::rejected) {
      record.unreadable = values.error().message;
      return {};
    }
    if (!values) return values.error();
    record.moments.resize(tensors);
    auto& of_worker = histograms[worker];
    std::optional<TensorId> overflow;
    const FloatSession::Observer observer = [&](TensorId t, std::span<float> seen) {
      if (wants[t] == 0) return;
      const int64_t channels = channel_count(graph.tensors[t]);
      ChannelMoments& moments = record.moments[t] = ChannelMoments::of(seen, channels);
      if (!is_finite(moments)) {
        if (!overflow) overflow = t;
        return;
      }
      if ((wants[t] & wants_histogram) == 0 ||
          !histogram_has_room(i, static_cast<int64_t>(moments.count)) || far.contains(t, i)) {
        return;
      }
      of_worker[t].add(seen, moments, options.whole_histograms);
    };
    std::vector<float> logits(outputs);
    const Status ran = (*sessions)[worker]->run(*values, logits, &observer);
    if (!ran || !overflow) return ran;
    return rejected(concat("the float network overflows on calibration input ", i, ": tensor ",
                           quoted(graph.tensors[*overflow].name),
                           " is the first that holds NaN or infinity"));
  };

  const auto merge = [&](size_t i, size_t slot) {
    PictureRecord& record = records[slot];
    if (!record.unreadable.empty()) {
      result.unreadable.push_back(std::move(record.unreadable));
      return;
    }
    result.readable.push_back(i);
    const bool repairs = std::binary_search(repair.begin(), repair.end(), i);
    if (repairs) result.repair.push_back(i);
    for (size_t t = 0; t < tensors; ++t) {
      if (record.moments[t].count == 0) continue;
      pass.loudness[t].push_back(loudness(record.moments[t]));
      if (far.contains(t, i)) continue;
      result.stored[t].moments.merge(record.moments[t]);
      ++result.stored[t].pictures;
      if (repairs && (wants[t] & wants_repair) != 0) result.accumulated[t].merge(record.moments[t]);
    }
  };

  if (const Status status = for_pictures(sweep, feed.count, work, merge); !status) {
    return status.error();
  }
  if (result.readable.empty()) {
    return rejected(concat("no calibration picture could be read; the first of ", feed.count, ": ",
                           result.unreadable.empty() ? "(none given)" : result.unreadable[0]));
  }
  for (auto& of_worker : histograms) {
    for (size_t t = 0; t < tensors; ++t) {
      if (of_worker[t].channels.empty()) continue;
      result.stored[t].histograms.merge(of_worker[t].channels);
      if (options.whole_histograms) result.stored[t].whole.merge(of_worker[t].whole);
    }
    of_worker.clear();
  }
  return pass;
}

}  // namespace

Result<Calibration> calibrate(const Graph& graph, const FormedSteps& formed,
                              const InputMapping& mapping, const CalibrationFeed& feed,
                              const Sweep& sweep, const CalibrateOptions& options) {
  std::vector<uint8_t> wants = wanted(graph, formed);
  auto first = go_over(graph, wants, mapping, feed, sweep, options, {});
  if (!first) return first.error();
  Calibration& out = first->calibration;
  for (const auto& step : formed.steps) {
    if (step.is<form::Constant>()) see_constant(graph, step.output, out);
  }
  FarPictures far(first->loudness, out.readable);
  if (far.empty()) return std::move(out);
  for (size_t t = 0; t < wants.size(); ++t) wants[t] = far.in(t) ? wants[t] : 0;
  auto second = go_over(shortened(graph, wants), wants, mapping, feed, sweep, options, far);
  if (!second) return second.error();
  for (size_t t = 0; t < wants.size(); ++t) {
    if (wants[t] == 0) continue;
    out.stored[t] = std::move(second->calibration.stored[t]);
    out.accumulated[t] = std::move(second->calibration.accumulated[t]);
  }
  out.far = std::move(far);
  return std::move(out);
}

Status check_calibration(const Calibration& calibration, const Graph& graph,
                         const FormedSteps& formed, size_t pictures,
                         const CalibrateOptions& options) {
  const size_t tensors = graph.tensors.size();
  const auto none_of_ours = [](const std::string& what) {
    return rejected(concat("a calibration that is not this network's: its ", what));
  };
  if (calibration.stored.size() != tensors || calibration.accumulated.size() != tensors) {
    return none_of_ours("tensors are others");
  }
  std::vector<size_t> repair;
  for (const size_t i : repair_indices(pictures, options)) {
    if (std::binary_search(calibration.readable.begin(), calibration.readable.end(), i)) {
      repair.push_back(i);
    }
  }
  const std::vector<size_t>& readable = calibration.readable;
  if (readable.empty() || !rises_below(readable, pictures) || calibration.repair != repair ||
      readable.size() + calibration.unreadable.size() != pictures ||
      !calibration.far.is_sound(tensors, pictures)) {
    return none_of_ours("pictures are others");
  }
  std::vector<uint8_t> wants = wanted(graph, formed), constant(tensors, 0);
  for (const auto& step : formed.steps) {
    if (!step.is<form::Constant>()) continue;
    constant[step.output] = 1;
    wants[step.output] = wants_moments | wants_histogram;
  }
  for (size_t t = 0; t < tensors; ++t) {
    const int64_t channels = channel_count(graph.tensors[t]);
    const ChannelMoments& repairs = calibration.accumulated[t];
    const bool repaired = (wants[t] & wants_repair) != 0;
    if (!is_as_wanted(calibration.stored[t], wants[t], constant[t] != 0, channels, options) ||
        !repairs.is_sound() || repairs.channels() != (repaired ? channels : 0)) {
      return none_of_ours(concat("statistics of ", quoted(graph.tensors[t].name),
                                 " are not those of such a tensor"));
    }
  }
  return {};
}

}  // namespace octavo
