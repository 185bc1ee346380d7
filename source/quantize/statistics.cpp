#include "quantize/statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

namespace octavo {

namespace {

constexpr int least_exponent = -120;

// The smallest e with magnitude < half * 2^e.
int exponent_for(float magnitude, int half) {
  if (!(magnitude > 0)) return least_exponent;
  int exponent = 0;
  std::frexp(magnitude, &exponent);  // magnitude < 2^exponent
  return std::max(least_exponent, exponent - std::countr_zero(static_cast<unsigned>(half)));
}

// Channels first .. first + width - 1 of pixels that are `stride` values apart, whose counts begin
// at `counts`, a channel after the other. The bins of all channels of a pixel are found before any
// is counted, which compilers turn into vector code; for the same reason what is off by a rounding
// is brought back as a float.
template <size_t width>
void count_channels(const float* values, size_t pixels, size_t stride, const float* inverse,
                    int half, uint32_t* counts) {
  float scale[width];
  std::copy_n(inverse, width, scale);
  const float most = std::nextafter(static_cast<float>(half), 0.0f);
  for (size_t p = 0; p < pixels; ++p, values += stride) {
    int bin[width];
    for (size_t c = 0; c < width; ++c) {
      const float scaled = std::min(std::max(values[c] * scale[c], -most), most);
      bin[c] = static_cast<int>(scaled) - (scaled < 0 ? 1 : 0);
    }
    for (size_t c = 0; c < width; ++c) ++counts[static_cast<int>(2 * c + 1) * half + bin[c]];
  }
}

double mean_of(const std::vector<double>& sum, uint64_t count, int64_t channel) {
  return count == 0 ? 0 : sum[static_cast<size_t>(channel)] / static_cast<double>(count);
}

}  // namespace

ChannelHistograms::ChannelHistograms(int64_t channels, int half)
    : half_(half),
      exponent_(static_cast<size_t>(channels), least_exponent),
      counts_(static_cast<size_t>(channels) * 2 * static_cast<size_t>(half), 0) {}

double ChannelHistograms::bin_width(int64_t channel) const {
  return std::ldexp(1.0, exponent_[static_cast<size_t>(channel)]);
}

std::span<const uint32_t> ChannelHistograms::counts(int64_t channel) const {
  const auto bins = static_cast<size_t>(2 * half_);
  return std::span(counts_).subspan(static_cast<size_t>(channel) * bins, bins);
}

void ChannelHistograms::grow(int64_t channel, int exponent) {
  int& current = exponent_[static_cast<size_t>(channel)];
  if (exponent <= current) return;
  const int shift = std::min(exponent - current, 30);
  const int bins = 2 * half_;
  uint32_t* counts = counts_.data() + static_cast<ptrdiff_t>(channel) * bins;
  std::vector<uint32_t> merged(static_cast<size_t>(bins), 0);
  for (int i = 0; i < bins; ++i) {
    merged[static_cast<size_t>(((i - half_) >> shift) + half_)] += counts[i];
  }
  std::copy(merged.begin(), merged.end(), counts);
  current = exponent;
}

void ChannelHistograms::add(std::span<const float> values, std::span<const float> largest) {
  const size_t channels = exponent_.size();
  std::vector<float> inverse(channels);
  for (size_t c = 0; c < channels; ++c) {
    grow(static_cast<int64_t>(c), exponent_for(largest[c], half_));
    inverse[c] = std::ldexp(1.0f, -exponent_[c]);
  }
  // A cache line of a pixel at a time, so that what is counted in stays in a core's first cache.
  constexpr size_t together = 16;
  const size_t pixels = channels == 0 ? 0 : values.size() / channels;
  size_t c = 0;
  const auto count = [&](auto width) {
    count_channels<width>(values.data() + c, pixels, channels, inverse.data() + c, half_,
                          counts_.data() + c * 2 * static_cast<size_t>(half_));
    c += width;
  };
  while (c + together <= channels) count(std::integral_constant<size_t, together>());
  while (c + 4 <= channels) count(std::integral_constant<size_t, 4>());
  while (c < channels) count(std::integral_constant<size_t, 1>());
}

bool ChannelHistograms::is_sound() const {
  if (empty()) return half_ == 0 && counts_.empty();
  if (half_ != compact_half && half_ != fine_half) return false;
  constexpr int most_exponent = 128;
  return counts_.size() / (2 * static_cast<size_t>(half_)) == exponent_.size() &&
         counts_.size() % (2 * static_cast<size_t>(half_)) == 0 &&
         std::all_of(exponent_.begin(), exponent_.end(), [](int exponent) {
           return exponent >= least_exponent && exponent <= most_exponent;
         });
}

void ChannelHistograms::merge(const ChannelHistograms& other) {
  if (empty()) {
    *this = other;
    return;
  }
  for (int64_t c = 0; c < channels() && c < other.channels(); ++c) add_channel(c, other, c);
}

void ChannelHistograms::add_channel(int64_t channel, const ChannelHistograms& other,
                                    int64_t theirs) {
  const int exponent = other.exponent_[static_cast<size_t>(theirs)];
  grow(channel, exponent);
  const int shift = std::min(exponent_[static_cast<size_t>(channel)] - exponent, 30);
  const auto counts = other.counts(theirs);
  uint32_t* mine = counts_.data() + static_cast<ptrdiff_t>(channel) * 2 * half_;
  for (int i = 0; i < 2 * half_; ++i) {
    mine[((i - half_) >> shift) + half_] += counts[static_cast<size_t>(i)];
  }
}

ChannelHistograms ChannelHistograms::folded(int64_t period) const {
  if (empty()) return {};
  ChannelHistograms out(period, half_);
  for (int64_t c = 0; c < channels(); ++c) out.add_channel(c % period, *this, c);
  return out;
}

ChannelMoments::ChannelMoments(int64_t channels)
    : minimum(static_cast<size_t>(channels), std::numeric_limits<float>::max()),
      maximum(static_cast<size_t>(channels), std::numeric_limits<float>::lowest()),
      sum(static_cast<size_t>(channels), 0.0),
      square_sum(static_cast<size_t>(channels), 0.0),
      nonzero(static_cast<size_t>(channels), 0) {}

bool ChannelMoments::is_sound() const {
  const size_t size = sum.size();
  if (minimum.size() != size || maximum.size() != size || square_sum.size() != size ||
      nonzero.size() != size || (size == 0) != (count == 0)) {
    return false;
  }
  for (size_t c = 0; c < size; ++c) {
    if (!std::isfinite(minimum[c]) || !std::isfinite(maximum[c]) || !std::isfinite(sum[c]) ||
        !std::isfinite(square_sum[c]) || square_sum[c] < 0 || minimum[c] > maximum[c] ||
        nonzero[c] > count) {
      return false;
    }
  }
  return true;
}

ChannelMoments ChannelMoments::of(std::span<const float> values, int64_t channels) {
  ChannelMoments out(channels);
  const auto width = static_cast<size_t>(channels);
  if (width == 0) return out;
  for (size_t first = 0; first + width <= values.size(); first += width) {
    const float* row = values.data() + first;
    for (size_t c = 0; c < width; ++c) {
      const float value = row[c];
      out.minimum[c] = std::min(out.minimum[c], value);
      out.maximum[c] = std::max(out.maximum[c], value);
    }
    for (size_t c = 0; c < width; ++c) {
      const double value = row[c];
      out.sum[c] += value;
      out.square_sum[c] += value * value;
    }
    for (size_t c = 0; c < width; ++c) out.nonzero[c] += row[c] != 0.0f ? 1 : 0;
  }
  out.count = values.size() / width;
  return out;
}

void ChannelMoments::merge(const ChannelMoments& next) {
  if (sum.empty()) {
    *this = next;
    return;
  }
  for (size_t c = 0; c < sum.size() && c < next.sum.size(); ++c) {
    minimum[c] = std::min(minimum[c], next.minimum[c]);
    maximum[c] = std::max(maximum[c], next.maximum[c]);
    sum[c] += next.sum[c];
    square_sum[c] += next.square_sum[c];
    nonzero[c] += next.nonzero[c];
  }
  count += next.count;
}

ChannelMoments ChannelMoments::folded(int64_t period) const {
  ChannelMoments out(period);
  const auto width = static_cast<size_t>(period);
  for (size_t c = 0; c < sum.size(); ++c) {
    const size_t to = c % width;
    out.minimum[to] = std::min(out.minimum[to], minimum[c]);
    out.maximum[to] = std::max(out.maximum[to], maximum[c]);
    out.sum[to] += sum[c];
    out.square_sum[to] += square_sum[c];
    out.nonzero[to] += nonzero[c];
  }
  out.count = count * (sum.size() / width);
  return out;
}

double ChannelMoments::mean(int64_t channel) const {
  return mean_of(sum, count, channel);
}

double ChannelMoments::variance(int64_t channel) const {
  if (count == 0) return 0;
  const double average = mean(channel);
  const double square = square_sum[static_cast<size_t>(channel)] / static_cast<double>(count);
  return std::max(0.0, square - average * average);
}

ChannelMeans ChannelMeans::of(std::span<const float> values, int64_t channels) {
  const auto width = static_cast<size_t>(channels);
  ChannelMeans out{std::vector<double>(width, 0.0)};
  if (width == 0) return out;
  for (size_t first = 0; first + width <= values.size(); first += width) {
    const float* row = values.data() + first;
    for (size_t c = 0; c < width; ++c) out.sum[c] += row[c];
  }
  out.count = values.size() / width;
  return out;
}

void ChannelMeans::merge(const ChannelMeans& next) {
  sum.resize(next.sum.size(), 0.0);
  for (size_t c = 0; c < sum.size(); ++c) sum[c] += next.sum[c];
  count += next.count;
}

double ChannelMeans::mean(int64_t channel) const {
  return mean_of(sum, count, channel);
}

}  // namespace octavo
