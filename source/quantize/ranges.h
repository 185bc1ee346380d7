// From statistics to the range of real values that a channel can store.
#pragma once

#include <vector>

#include "plan/element_type.h"
#include "quantize/quantize.h"
#include "quantize/statistics.h"
#include "quantize/steps.h"

namespace octavo {

// Always lo <= 0 <= hi, so that zero is stored exactly, and lo < hi.
struct ChannelRange {
  double lo = 0, hi = 0;
  double width() const { return hi - lo; }
};

// Clipped pixels come together, so their errors add up where those of rounding cancel.
inline constexpr double automatic_clip_weight = 4.0;

// Expected squared error of one value of the channel when it is stored so: the mean
// square of what is clipped, weighted, and of the rounding of what is not zero (zero is exact).
double storage_error(const TensorStatistics& statistics, int64_t channel, double scale,
                     int32_t zero_point, StoredLevels levels, double clip_weight);

struct RangePolicy {
  RangeMethod method = RangeMethod::automatic;
  double percentile = 99.999;
  RealRange bounds;  // what the producing step cannot leave
  size_t views = 1;  // of each picture that the statistics count
};

// One range a channel. maximum: all that was seen. percentile: all but that share of
// the channel's values at either end. mse: least storage_error. automatic: the same
// with clipping counted more, since clipped pixels come together. kl: Migacz 2017 ("8-bit
// inference with TensorRT") on the whole tensor, with a floor a channel; needs `whole`.
//
// What few samples cannot tell is added: a margin that falls with their number, and for
// channels that hardly fire a floor relative to the tensor's typical channel.
std::vector<ChannelRange> channel_ranges(const TensorStatistics& statistics,
                                         const RangePolicy& policy);

// The share of the tensor's values outside the ranges.
double clipped_share(const TensorStatistics& statistics, const std::vector<ChannelRange>& ranges);

}  // namespace octavo
