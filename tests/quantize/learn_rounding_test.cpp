// Learned rounding against all roundings that there are.
#include "quantize/learn_rounding.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "quantize/compensate.h"

namespace octavo {
namespace {

struct Problem {
  std::vector<double> form, values;
  double unit = 0;
};

// Taps with much in common, as neighbouring pixels have.
Problem related_taps(size_t size, std::mt19937_64& random) {
  std::normal_distribution<double> normal(0, 1);
  Problem out;
  out.form.assign(size * size, 0.0);
  for (int n = 0; n < 40; ++n) {
    const double common = normal(random);
    std::vector<double> window(size);
    for (double& x : window) x = common + normal(random);
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = 0; j < size; ++j) out.form[i * size + j] += window[i] * window[j] / 40;
    }
  }
  for (size_t k = 0; k < size; ++k) out.values.push_back(normal(random));
  out.unit = 0.07;
  return out;
}

double cost(const Problem& p, const std::vector<int16_t>& row) {
  double out = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    for (size_t j = 0; j < row.size(); ++j) {
      out += (row[i] - p.values[i] / p.unit) * p.form[i * row.size() + j] *
             (row[j] - p.values[j] / p.unit);
    }
  }
  return out;
}

std::vector<int16_t> nearest(const Problem& p) {
  std::vector<int16_t> out;
  for (const double value : p.values) {
    out.push_back(static_cast<int16_t>(std::rint(value / p.unit)));
  }
  return out;
}

std::vector<int16_t> learned(const Problem& p, std::vector<int16_t> row) {
  descend(p.form, p.values, p.unit, row);
  return row;
}

// Of the rows within a step of the nearest integers.
double least_cost(const Problem& p) {
  const std::vector<int16_t> middle = nearest(p);
  std::vector<int> offset(middle.size(), -1);
  double least = cost(p, middle);
  for (;;) {
    std::vector<int16_t> row = middle;
    for (size_t k = 0; k < row.size(); ++k) row[k] = static_cast<int16_t>(row[k] + offset[k]);
    least = std::min(least, cost(p, row));
    size_t k = 0;
    while (k < offset.size() && offset[k] == 1) offset[k++] = -1;
    if (k == offset.size()) return least;
    ++offset[k];
  }
}

TEST(LearnRounding, ThreeTapsByHand) {
  // All three always see the same, but for a tenth of their variance: what counts is the sum of the
  // errors. The nearest integers leave 3 times -0.4; one tap up takes it to -0.2.
  const Problem p{{1, 0.9, 0.9, 0.9, 1, 0.9, 0.9, 0.9, 1}, {0.4, 1.4, -2.6}, 1};
  const std::vector<int16_t> row = learned(p, nearest(p));
  EXPECT_EQ(nearest(p), (std::vector<int16_t>{0, 1, -3}));
  EXPECT_EQ(row[0] + row[1] + row[2], -1);
  EXPECT_NEAR(cost(p, row), least_cost(p), 1e-12);
  EXPECT_NEAR(rounding_cost(p.form, p.values, p.unit, row), cost(p, row), 1e-12);
}

TEST(LearnRounding, EndsNearTheLeastCostOfAllRoundings) {
  constexpr uint64_t seed = 41;
  std::mt19937_64 random(seed);
  double least = 0, from_compensated = 0, compensated = 0;
  int improved = 0;
  for (int n = 0; n < 60; ++n) {
    const Problem p = related_taps(7, random);
    std::vector<int16_t> start(7);
    round_compensated(inverse_factor(p.form), p.values, p.unit, start);
    const std::vector<int16_t> row = learned(p, start);
    EXPECT_LE(cost(p, row), cost(p, start) * (1 + 1e-12)) << "seed " << seed << ", row " << n;
    improved += cost(p, row) < 0.99 * cost(p, start) ? 1 : 0;
    least += least_cost(p);
    compensated += cost(p, start);
    from_compensated += cost(p, row);
    // No single step gains any more.
    for (size_t k = 0; k < row.size(); ++k) {
      for (const int by : {-1, 1}) {
        std::vector<int16_t> other = row;
        other[k] = static_cast<int16_t>(other[k] + by);
        EXPECT_GE(cost(p, other), cost(p, row) - 1e-9) << "seed " << seed << ", row " << n;
      }
    }
  }
  EXPECT_GT(improved, 2) << "seed " << seed;
  EXPECT_LT(from_compensated, 0.99 * compensated);
  EXPECT_LT(from_compensated, 1.2 * least);
}

TEST(LearnRounding, WeightsKeepToTheirBits) {
  const Problem beyond{{1, 0.99, 0.99, 1}, {140, 3}, 1};
  std::vector<int16_t> row{127, 3};
  descend(beyond.form, beyond.values, beyond.unit, row);
  EXPECT_EQ(row[0], 127);
  EXPECT_GT(row[1], 3);  // the other makes good for it
  EXPECT_LT(row[1], 3 + 13);
}

}  // namespace
}  // namespace octavo
