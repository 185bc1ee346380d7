#include "evaluate/step_error.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "plan/element_type.h"

namespace octavo {

namespace {

template <class Stored>
float read_as(const std::byte* at) {
  Stored value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<float>(value);
}

float stored_value(ElementType type, const std::byte* at) {
  switch (type) {
    case ElementType::u8:
      return read_as<uint8_t>(at);
    case ElementType::i8:
      return read_as<int8_t>(at);
    case ElementType::i16:
      return read_as<int16_t>(at);
    case ElementType::u16:
      return read_as<uint16_t>(at);
    case ElementType::f32:
      return read_as<float>(at);
  }
  return 0;
}

float scale_of(const PlanTensor& tensor, size_t c) {
  return tensor.scale[tensor.scale.size() == 1 ? 0 : c];
}

float zero_of(const PlanTensor& tensor, size_t c) {
  return static_cast<float>(tensor.zero_point[tensor.zero_point.size() == 1 ? 0 : c]);
}

// level: the value in units of the scale, as it would be stored without rounding and clamping.
size_t bin_of(float level, StoredLevels levels) {
  constexpr float bins = inside_bins;
  const auto lo = static_cast<float>(levels.lo), steps = static_cast<float>(levels.steps());
  const float inside = (level - lo) / steps * bins;
  // The ends belong to the range.
  const float bin = inside == bins ? bins - 1 : std::floor(inside);
  return static_cast<size_t>(std::clamp<float>(bin, -beyond_bins, bins + beyond_bins - 1) +
                             beyond_bins);
}

}  // namespace

void ErrorSums::add(double exact, double stored) {
  dot += exact * stored;
  float_square += exact * exact;
  plan_square += stored * stored;
  error_square += (exact - stored) * (exact - stored);
}

void ErrorSums::add(const ErrorSums& other) {
  dot += other.dot;
  float_square += other.float_square;
  plan_square += other.plan_square;
  error_square += other.error_square;
}

double ErrorSums::cosine() const {
  const double norm = std::sqrt(float_square) * std::sqrt(plan_square);
  return norm > 0 ? dot / norm : (float_square == plan_square ? 1 : 0);
}

double ErrorSums::sqnr_db() const {
  constexpr double best_db = 200;
  if (error_square <= 0 || float_square <= 0) return error_square <= 0 ? best_db : 0;
  return std::min(best_db, 10 * std::log10(float_square / error_square));
}

StepError::StepError(const PlanTensor& tensor, std::span<const std::byte> stored,
                     std::span<const float> exact)
    : channels_(static_cast<size_t>(tensor.shape[3])) {
  const auto bytes = static_cast<size_t>(element_size(tensor.type));
  const bool ranged = tensor.type != ElementType::f32;
  const StoredLevels levels = levels_of(tensor.type);
  for (size_t i = 0; i < exact.size(); ++i) {
    const size_t c = i % channels_.size();
    const float raw = stored_value(tensor.type, stored.data() + i * bytes);
    const float scale = scale_of(tensor, c), zero = zero_of(tensor, c);
    channels_[c].sums.add(exact[i], ranged ? (raw - zero) * scale : raw);
    if (ranged) ++channels_[c].histogram[bin_of(exact[i] / scale + zero, levels)];
  }
}

void StepError::merge(const StepError& other) {
  if (channels_.empty()) {
    channels_ = other.channels_;
    return;
  }
  for (size_t c = 0; c < channels_.size(); ++c) {
    channels_[c].sums.add(other.channels_[c].sums);
    RangeHistogram& counts = channels_[c].histogram;
    for (size_t bin = 0; bin < counts.size(); ++bin)
      counts[bin] += other.channels_[c].histogram[bin];
  }
}

ErrorSums StepError::total() const {
  ErrorSums out;
  for (const ChannelError& channel : channels_) out.add(channel.sums);
  return out;
}

size_t StepError::worst_channel() const {
  const auto worst = std::max_element(
      channels_.begin(), channels_.end(),
      [](const auto& a, const auto& b) { return a.sums.error_square < b.sums.error_square; });
  return static_cast<size_t>(worst - channels_.begin());
}

StoredRange stored_range(const PlanTensor& tensor, size_t c) {
  const StoredLevels levels = levels_of(tensor.type);
  const double scale = scale_of(tensor, c), zero = zero_of(tensor, c);
  return {(levels.lo - zero) * scale, (levels.hi - zero) * scale};
}

RowRounding rounding_of(const PlanTensor& tensor) {
  RowRounding out;
  const StoredLevels levels = levels_of(tensor.type);
  for (size_t c = 0; c < static_cast<size_t>(tensor.shape[3]); ++c) {
    const float scale = scale_of(tensor, c), zero = zero_of(tensor, c);
    out.scale.push_back(scale);
    out.inverse_scale.push_back(1 / scale);
    out.lo.push_back(static_cast<float>(levels.lo) - zero);
    out.hi.push_back(static_cast<float>(levels.hi) - zero);
  }
  return out;
}

}  // namespace octavo
