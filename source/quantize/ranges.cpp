#include "quantize/ranges.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "quantize/divergence.h"

namespace octavo {

namespace {

constexpr double kl_floor = 0.7;  // of a channel's own least-error range

// Calls f(low, width, count, negative) for the bins that are not empty and may reach beyond the
// range, in magnitudes, from the middle outwards, until it returns false. The last bin of a side
// ends at the largest value seen.
template <class Function>
void for_bins_beyond(const TensorStatistics& statistics, int64_t channel, const ChannelRange& range,
                     Function f) {
  if (statistics.histograms.empty()) return;  // nothing was counted: the extremes are all
  const auto counts = statistics.histograms.counts(channel);
  const double width = statistics.histograms.bin_width(channel);
  const int half = statistics.histograms.half();
  const auto c = static_cast<size_t>(channel);
  const double highest = statistics.moments.maximum[c], lowest = -statistics.moments.minimum[c];
  const auto shortened = [&](double low, double end) {
    return std::clamp(end - low, 1e-6 * width, width);
  };
  // With a bin to spare for the quotient's rounding.
  const auto first_beyond = [&](double end) {
    return static_cast<int>(std::clamp(end / width - 1, 0.0, static_cast<double>(half)));
  };
  const int first_above = first_beyond(range.hi), first_below = first_beyond(-range.lo);
  for (int i = std::min(first_above, first_below); i < half; ++i) {
    const double low = i * width;
    const uint32_t above = i < first_above ? 0 : counts[static_cast<size_t>(half + i)];
    const uint32_t below = i < first_below ? 0 : counts[static_cast<size_t>(half - 1 - i)];
    if (above != 0 && !f(low, shortened(low, highest), above, false)) return;
    if (below != 0 && !f(low, shortened(low, lowest), below, true)) return;
  }
}

// Mean square beyond `end` of values spread evenly over [low, low + width].
double clipped_square(double low, double width, double end) {
  const double from = std::max(low, end) - end, to = low + width - end;
  if (to <= 0) return 0;
  return (to * to * to - from * from * from) / (3 * width);
}

// Sum of the squares of what lies beyond the range; of no more than makes it larger than `most`.
double clipped_squares(const TensorStatistics& statistics, int64_t channel,
                       const ChannelRange& range, double most) {
  double out = 0;
  for_bins_beyond(statistics, channel, range,
                  [&](double low, double width, uint32_t count, bool negative) {
                    out += count * clipped_square(low, width, negative ? -range.lo : range.hi);
                    return out <= most;
                  });
  return out;
}

ChannelRange seen_range(const ChannelMoments& moments, int64_t channel) {
  const auto c = static_cast<size_t>(channel);
  return {std::min(0.0, static_cast<double>(moments.minimum[c])),
          std::max(0.0, static_cast<double>(moments.maximum[c]))};
}

// The end of `side` (+1, -1) beyond which the share 1 - percentile / 100 of the values lies.
double percentile_end(const TensorStatistics& statistics, int64_t channel, double percentile,
                      int side) {
  const auto counts = statistics.histograms.counts(channel);
  const double width = statistics.histograms.bin_width(channel);
  const int half = statistics.histograms.half();
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  double beyond = total * (1 - percentile / 100);
  for (int i = half - 1; i >= 0; --i) {
    const double here = counts[static_cast<size_t>(side > 0 ? half + i : half - 1 - i)];
    if (here > beyond) return side * (i + 1 - beyond / here) * width;
    beyond -= here;
  }
  return 0;
}

ChannelRange least_error_range(const TensorStatistics& statistics, int64_t channel,
                               const ChannelRange& seen, double clip_weight) {
  ChannelRange best = seen;
  const auto rounding = [&](const ChannelRange& range) {
    const double step = range.width() / 255;
    const auto c = static_cast<size_t>(channel);
    return static_cast<double>(statistics.moments.nonzero[c]) * step * step / 12;
  };
  constexpr double all = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 2; ++round) {
    for (double ChannelRange::* end : {&ChannelRange::hi, &ChannelRange::lo}) {
      double least = clip_weight * clipped_squares(statistics, channel, best, all) + rounding(best);
      for (int percent = 98; percent >= 30; percent -= 2) {
        ChannelRange tried = best;
        tried.*end = seen.*end * percent / 100;
        if (tried.width() <= 0) break;
        // A smaller range clips more: beyond twice the least, whatever sums round, none is better.
        const double most = 2 * least / clip_weight;
        const double clipped = clipped_squares(statistics, channel, tried, most);
        if (clipped > most) break;
        const double now = clip_weight * clipped + rounding(tried);
        if (now < least) {
          least = now;
          best = tried;
        }
      }
    }
  }
  return best;
}

// What a further view of a picture tells, as a share of another picture.
constexpr double told_by_view = 0.25;

// How many independent looks at a channel its samples amount to: neighbouring pixels of one
// picture tell little new.
double evidence(const TensorStatistics& statistics, int64_t channel, size_t views) {
  const auto& moments = statistics.moments;
  if (statistics.pictures == 0 || moments.count == 0) return 0;
  const double pixels =
      static_cast<double>(moments.count) / static_cast<double>(statistics.pictures);
  const double pictures = static_cast<double>(statistics.pictures) * (views > 1 ? told_by_view : 1);
  const double looks = pictures * std::min(pixels, 16.0);
  return std::min(looks, static_cast<double>(moments.nonzero[static_cast<size_t>(channel)]));
}

// The largest of n values with an exponential tail is near ln n of its scale: how much
// farther ten thousand would reach than those that were seen.
double margin(double looks) {
  constexpr double enough = 1e4;
  return std::log(enough) / std::log(std::clamp(looks, 8.0, enough));
}

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Margin and floor; never beyond what the producing step can give.
void allow_for_the_unseen(const TensorStatistics& statistics, const RangePolicy& policy,
                          std::vector<ChannelRange>& ranges) {
  std::vector<double> widths;
  for (const auto& range : ranges) {
    if (range.width() > 0) widths.push_back(range.width());
  }
  const double typical = widths.empty() ? 1.0 : median_of(widths);
  for (size_t c = 0; c < ranges.size(); ++c) {
    ChannelRange& range = ranges[c];
    const double looks = evidence(statistics, static_cast<int64_t>(c), policy.views);
    const double wider = margin(looks);
    range.lo *= wider;
    range.hi *= wider;
    const double floor = typical / (1 + looks / 8);
    if (range.width() < floor) {
      const double grow = range.width() > 0 ? floor / range.width() : 1.0;
      range.lo *= grow;
      range.hi *= grow;
      if (range.width() <= 0) range.hi = floor;
    }
    range.lo = std::max(range.lo, std::min(0.0, static_cast<double>(policy.bounds.lo)));
    range.hi = std::min(range.hi, std::max(0.0, static_cast<double>(policy.bounds.hi)));
    if (!(range.width() > 1e-20)) range.hi = range.lo + std::max(typical, 1e-6);
  }
}

}  // namespace

double storage_error(const TensorStatistics& statistics, int64_t channel, double scale,
                     int32_t zero_point, StoredLevels levels, double clip_weight) {
  const double hi = (levels.hi - zero_point) * scale, lo = (zero_point - levels.lo) * scale;
  const double clipped =
      clipped_squares(statistics, channel, {-lo, hi}, std::numeric_limits<double>::infinity());
  const auto c = static_cast<size_t>(channel);
  const double count = std::max<double>(1.0, static_cast<double>(statistics.moments.count));
  const double rounded = static_cast<double>(statistics.moments.nonzero[c]) * scale * scale / 12;
  return (clip_weight * clipped + rounded) / count;
}

std::vector<ChannelRange> channel_ranges(const TensorStatistics& statistics,
                                         const RangePolicy& policy) {
  const int64_t channels = statistics.moments.channels();
  std::vector<ChannelRange> ranges(static_cast<size_t>(channels));
  double threshold = 0;
  if (policy.method == RangeMethod::kl) threshold = least_divergence_threshold(statistics.whole);
  for (int64_t c = 0; c < channels; ++c) {
    ChannelRange& range = ranges[static_cast<size_t>(c)];
    const ChannelRange seen = range = seen_range(statistics.moments, c);
    switch (policy.method) {
      case RangeMethod::maximum:
        break;
      case RangeMethod::percentile:
        range.hi = std::min(seen.hi, percentile_end(statistics, c, policy.percentile, +1));
        range.lo = std::max(seen.lo, percentile_end(statistics, c, policy.percentile, -1));
        break;
      case RangeMethod::mse:
        range = least_error_range(statistics, c, seen, 1.0);
        break;
      case RangeMethod::automatic:
        range = least_error_range(statistics, c, seen, automatic_clip_weight);
        break;
      case RangeMethod::kl: {
        // One threshold for the tensor would cut off channels that reach farther than most.
        const ChannelRange least = least_error_range(statistics, c, seen, 1.0);
        range.hi = std::min(seen.hi, std::max(threshold, kl_floor * least.hi));
        range.lo = std::max(seen.lo, std::min(-threshold, kl_floor * least.lo));
        break;
      }
    }
  }
  allow_for_the_unseen(statistics, policy, ranges);
  return ranges;
}

double clipped_share(const TensorStatistics& statistics, const std::vector<ChannelRange>& ranges) {
  double outside = 0, total = 0;
  for (int64_t c = 0; c < statistics.histograms.channels(); ++c) {
    const ChannelRange& range = ranges[static_cast<size_t>(c)];
    for_bins_beyond(statistics, c, {},
                    [&](double low, double width, uint32_t count, bool negative) {
                      const double end = negative ? -range.lo : range.hi;
                      total += count;
                      outside += count * std::clamp((low + width - end) / width, 0.0, 1.0);
                      return true;
                    });
  }
  return total == 0 ? 0 : outside / total;
}

}  // namespace octavo
