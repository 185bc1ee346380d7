#include "quantize/learn_rounding.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "quantize/round_by_taps.h"

namespace octavo {

namespace {

constexpr int most = 127;

// Half the derivative of the cost by each weight: F e.
std::vector<double> slopes(std::span<const double> form, std::span<const double> values,
                           double unit, std::span<const int16_t> row) {
  const size_t size = values.size();
  std::vector<double> out(size, 0.0);
  for (size_t k = 0; k < size; ++k) {
    const double error = row[k] - values[k] / unit;
    const double* column = form.data() + k * size;  // F is symmetric
    for (size_t i = 0; i < size; ++i) out[i] += column[i] * error;
  }
  return out;
}

struct Move {
  size_t tap = 0;
  int by = 0;  // 0: none gains
};

// A step of weight k to either side costs F[k, k] more and, downhill, 2 |slope| less.
Move best_move(std::span<const double> diagonal, std::span<const double> slope,
               std::span<const int16_t> row) {
  constexpr double least = 1e-9;  // of the cost of a step; below it sums' own rounding decides
  Move out;
  double gained = 0;
  for (size_t k = 0; k < row.size(); ++k) {
    const double gain = 2 * std::fabs(slope[k]) - diagonal[k];
    if (gain <= std::max(gained, least * diagonal[k])) continue;
    const int by = slope[k] > 0 ? -1 : 1;
    if (std::abs(row[k] + by) > most) continue;
    gained = gain;
    out = {k, by};
  }
  return out;
}

}  // namespace

double rounding_cost(std::span<const double> form, std::span<const double> values, double unit,
                     std::span<const int16_t> row) {
  const std::vector<double> slope = slopes(form, values, unit, row);
  double out = 0;
  for (size_t k = 0; k < row.size(); ++k) out += slope[k] * (row[k] - values[k] / unit);
  return out;
}

void descend(std::span<const double> form, std::span<const double> values, double unit,
             std::span<int16_t> row) {
  const size_t size = values.size();
  std::vector<double> slope = slopes(form, values, unit, row), diagonal(size);
  for (size_t k = 0; k < size; ++k) diagonal[k] = form[k * (size + 1)];
  for (size_t moves = 0; moves < size; ++moves) {
    const Move move = best_move(diagonal, slope, row);
    if (move.by == 0) return;
    row[move.tap] = static_cast<int16_t>(row[move.tap] + move.by);
    const double* column = form.data() + move.tap * size;
    for (size_t k = 0; k < size; ++k) slope[k] += move.by * column[k];
  }
}

Result<std::vector<std::vector<int16_t>>> learn_rounding(const PassInputs& in,
                                                         const Quantization& q) {
  return round_by_taps(
      in, q, &Quantization::learned, [](std::span<const double> form) -> RowRounder {
        return [form](std::span<const double> values, double unit, std::span<int16_t> row) {
          descend(form, values, unit, row);
        };
      });
}

}  // namespace octavo
