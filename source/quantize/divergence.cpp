#include "quantize/divergence.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace octavo {

namespace {

// Of the first `kept` bins, the rest counted into the last, against the same bins merged
// into `levels` equal groups and spread again over those that are not empty.
double divergence(const std::vector<double>& magnitudes, size_t kept, size_t levels) {
  std::vector<double> target(magnitudes.begin(), magnitudes.begin() + static_cast<ptrdiff_t>(kept));
  for (size_t i = kept; i < magnitudes.size(); ++i) target[kept - 1] += magnitudes[i];
  double total = 0, merged_total = 0;
  for (size_t i = 0; i < kept; ++i) total += target[i];
  for (size_t i = 0; i < kept; ++i) merged_total += magnitudes[i];
  if (total <= 0 || merged_total <= 0) return HUGE_VAL;
  double sum = 0;
  for (size_t level = 0; level < levels; ++level) {
    const size_t from = level * kept / levels, to = (level + 1) * kept / levels;
    double mass = 0, filled = 0;
    for (size_t i = from; i < to; ++i) {
      mass += magnitudes[i];
      filled += target[i] > 0 ? 1 : 0;
    }
    for (size_t i = from; i < to; ++i) {
      if (target[i] <= 0) continue;
      const double p = target[i] / total;
      const double q = std::max(mass / filled / merged_total, 1e-12);
      sum += p * std::log(p / q);
    }
  }
  return sum;
}

}  // namespace

double least_divergence_threshold(const ChannelHistograms& whole) {
  if (whole.empty()) return 0;
  const auto half = static_cast<size_t>(whole.half());
  const auto counts = whole.counts(0);
  std::vector<double> magnitudes(half);
  bool is_signed = false;
  for (size_t i = 0; i < half; ++i) {
    magnitudes[i] = static_cast<double>(counts[half + i]) + counts[half - 1 - i];
    is_signed = is_signed || counts[half - 1 - i] != 0;
  }
  magnitudes[0] = magnitudes.size() > 1 ? magnitudes[1] : magnitudes[0];  // zeros are exact
  size_t last = half;
  while (last > 0 && magnitudes[last - 1] == 0) --last;
  const size_t levels = is_signed ? 128 : 255;
  size_t best = last;
  double least = HUGE_VAL;
  for (size_t kept = levels; kept <= last; kept += 8) {
    const double now = divergence(magnitudes, kept, levels);
    if (now < least) {
      least = now;
      best = kept;
    }
  }
  return static_cast<double>(best) * whole.bin_width(0);
}

}  // namespace octavo
