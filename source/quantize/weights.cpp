#include "quantize/weights.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace octavo {

namespace {

constexpr double most = 127;

// rint for |x| < 2^51, which compilers turn into vector code.
inline double round_even(double x) {
  constexpr double magic = 6755399441055744.0;  // 1.5 * 2^52
  return (x + magic) - magic;
}

inline double rounded(double value, double unit) {
  return round_even(std::min(std::max(value / unit, -most), most));
}

std::span<const double> row_of(const std::vector<double>& values, int64_t row, int64_t taps) {
  const auto length = static_cast<size_t>(taps);
  const size_t first = values.size() == length ? 0 : static_cast<size_t>(row) * length;
  return std::span(values).subspan(first, length);
}

double largest_magnitude(std::span<const double> values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::fabs(value));
  return largest;
}

double output_error(std::span<const double> values, std::span<const double> importance,
                    double unit) {
  double sum = 0;
  const double inverse = 1 / unit;
  for (size_t k = 0; k < values.size(); ++k) {
    const double stored = round_even(std::min(std::max(values[k] * inverse, -most), most));
    const double error = stored * unit - values[k];
    sum += importance[k] * error * error;
  }
  return sum;
}

// The step that would bring the row's largest weight to 127, or a smaller one that costs less.
double best_unit(std::span<const double> values, std::span<const double> importance) {
  const double widest = largest_magnitude(values) / most;
  double best = widest, least = output_error(values, importance, widest);
  for (int percent = 98; percent >= 60; percent -= 2) {
    const double unit = widest * percent / 100;
    const double error = output_error(values, importance, unit);
    if (error < least) {
      least = error;
      best = unit;
    }
  }
  return best;
}

void round_row(std::span<const double> values, double unit, std::span<int16_t> out) {
  for (size_t k = 0; k < values.size(); ++k)
    out[k] = static_cast<int16_t>(rounded(values[k], unit));
}

}  // namespace

IntegerWeights quantize_weights(const ScaledWeights& weights, bool per_channel) {
  IntegerWeights out;
  out.values.resize(weights.values.size());
  out.unit.assign(static_cast<size_t>(weights.outputs), 0.0);
  double largest = 0;
  for (int64_t o = 0; o < weights.outputs; ++o) {
    const auto values = row_of(weights.values, o, weights.taps);
    largest =
        std::max(largest, largest_magnitude(values) / weights.row_scale[static_cast<size_t>(o)]);
  }
  for (int64_t o = 0; o < weights.outputs; ++o) {
    const auto values = row_of(weights.values, o, weights.taps);
    double& unit = out.unit[static_cast<size_t>(o)];
    if (!per_channel) {
      unit = largest / most * weights.row_scale[static_cast<size_t>(o)];
    } else if (largest_magnitude(values) > 0) {
      unit = best_unit(values, row_of(weights.importance, o, weights.taps));
    }
    // A row of zeros has only its bias; any unit does that gives the bias enough digits.
    if (!(unit > 1e-25)) unit = 1e-25;
    const auto length = static_cast<size_t>(weights.taps);
    round_row(values, unit, std::span(out.values).subspan(static_cast<size_t>(o) * length, length));
  }
  return out;
}

namespace {

// Whether levels times the scale are the row, to the bit.
bool gives(std::span<const float> row, float scale, WholeLevels levels) {
  const auto lo = static_cast<float>(levels.lo), hi = static_cast<float>(levels.hi);
  return std::all_of(row.begin(), row.end(), [=](float w) {
    const float level = std::rint(w / scale);
    return level >= lo && level <= hi && level * scale == w;
  });
}

}  // namespace

std::optional<float> stored_scale(std::span<const float> row, WholeLevels levels) {
  constexpr double near = 1e-6;  // more than rounding products to float can be off, relative
  float largest = 0;
  for (const float w : row) largest = std::max(largest, std::fabs(w));
  if (largest == 0) return 1.0f;
  // Exporters bring a row's largest weight to 127, or 32767 of words: only with that (or one more)
  // first, rows that have a common factor get the file's own scale.
  const int turns = std::max(-levels.lo, levels.hi);
  const int usual = levels.hi > levels_of_any_byte.hi ? levels_of_word.hi : WholeLevels{}.hi;
  const auto level_of_turn = [=](int turn) {
    if (turn < 2) return usual + turn;
    return turn - 1 < usual ? turn - 1 : turn + 1;
  };
  for (int turn = 0; turn < turns; ++turn) {
    const int highest = level_of_turn(turn);
    const double unit = double{largest} / highest;
    const bool whole = std::all_of(row.begin(), row.end(), [&](float w) {
      const double level = w / unit;
      return std::fabs(level - std::rint(level)) <= near * highest;
    });
    if (!whole) continue;
    // The largest product was rounded, so its quotient may be a few steps off.
    float below = static_cast<float>(unit), above = below;
    for (int step = 0; step < 4; ++step) {
      if (gives(row, below, levels)) return below;
      if (gives(row, above, levels)) return above;
      below = std::nextafter(below, 0.0f);
      above = std::nextafter(above, std::numeric_limits<float>::infinity());
    }
  }
  return std::nullopt;
}

int64_t fold_bias(std::span<const int16_t> row, double unit, const BiasTerms& terms) {
  double sum = terms.real_bias / unit;
  for (size_t k = 0; k < row.size(); ++k) sum -= row[k] * terms.offsets[k];
  constexpr double limit = 9e15;
  return static_cast<int64_t>(std::rint(std::clamp(sum, -limit, limit)));
}

bool fits_accumulator(std::span<const int16_t> row, int64_t bias, int64_t largest, bool shifted) {
  int64_t sum = 0, magnitudes = 0;
  for (const int16_t w : row) {
    sum += w;
    magnitudes += std::abs(w);
  }
  // 2^31 - 1 less a part for the correction that the bias gets later.
  constexpr int64_t limit = (int64_t{1} << 31) - 1 - (int64_t{1} << 26);
  if (std::abs(bias) > limit || std::abs(bias) + largest * magnitudes > limit) return false;
  return !shifted || std::abs(bias + 128 * sum) + 128 * magnitudes <= limit;
}

void raise_until_fits(const ScaledWeights& weights, int64_t output, const BiasTerms& terms,
                      int64_t largest, bool shifted, IntegerWeights& out) {
  const auto length = static_cast<size_t>(weights.taps);
  const auto row = std::span(out.values).subspan(static_cast<size_t>(output) * length, length);
  double& unit = out.unit[static_cast<size_t>(output)];
  const auto values = row_of(weights.values, output, weights.taps);
  while (!fits_accumulator(row, fold_bias(row, unit, terms), largest, shifted)) {
    unit *= 1.25;
    round_row(values, unit, row);
  }
}

}  // namespace octavo
