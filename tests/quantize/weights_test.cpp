#include "quantize/weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace octavo {
namespace {

TEST(Weights, EachRowHasItsOwnUnit) {
  const ScaledWeights weights{2, 2, {1.0, -0.5, 0.01, 0.005}, {1, 1, 1, 1}, {1, 1}};
  const auto integers = quantize_weights(weights, true);
  for (size_t row = 0; row < 2; ++row) {
    for (size_t k = 0; k < 2; ++k) {
      const double back = integers.values[row * 2 + k] * integers.unit[row];
      EXPECT_NEAR(back, weights.values[row * 2 + k], integers.unit[row] / 2 + 1e-12);
    }
  }
  EXPECT_NEAR(integers.unit[0] / integers.unit[1], 100, 40);
  const auto shared = quantize_weights(weights, false);
  EXPECT_DOUBLE_EQ(shared.unit[0], 1.0 / 127);
  EXPECT_DOUBLE_EQ(shared.unit[1], 1.0 / 127);
}

// One weight that hardly matters must not coarsen those that do.
TEST(Weights, AnUnimportantOutlierIsClipped) {
  ScaledWeights weights{1, 64, std::vector<double>(64), std::vector<double>(64, 1.0), {1}};
  for (size_t k = 0; k < 64; ++k) weights.values[k] = std::sin(static_cast<double>(k));
  weights.values[0] = 1.5;
  weights.importance[0] = 1e-6;
  const auto integers = quantize_weights(weights, true);
  EXPECT_LT(integers.unit[0], 1.2 / 127);
  EXPECT_EQ(integers.values[0], 127);
}

// docs/numerics.md, "A worked example".
TEST(Bias, FoldsZeroPointsAsTheWorkedExample) {
  const std::vector<int16_t> row{5, -7, 100};
  const std::vector<double> zero_points{10, 128, 128};
  EXPECT_EQ(fold_bias(row, 0.0002, {0.5, zero_points}), -9454);
}

TEST(Bias, APicturesMeanIsFoldedExactly) {
  const std::vector<int16_t> row{3};
  const std::vector<double> mean{123.675};
  EXPECT_EQ(fold_bias(row, 1.0, {0.0, mean}), -371);  // 371.025
}

TEST(Accumulator, TheBoundIsThatOfTheSpecification) {
  const std::vector<int16_t> row(60000, 127);  // 255 * 127 * 60000 = 1.94e9
  EXPECT_TRUE(fits_accumulator(row, 0, 255, true));
  EXPECT_FALSE(fits_accumulator(row, 300'000'000, 255, true));
  EXPECT_FALSE(fits_accumulator(row, 0, 32767, false));
}

TEST(Accumulator, ARowThatDoesNotFitGetsALargerUnit) {
  const ScaledWeights weights{1, 4, {1, 1, 1, 1}, {1, 1, 1, 1}, {1}};
  auto integers = quantize_weights(weights, true);
  const std::vector<double> zero(4, 0.0);
  const BiasTerms terms{1e9, zero};  // 1e9 * 127 is far beyond int32
  raise_until_fits(weights, 0, terms, 255, true, integers);
  EXPECT_TRUE(fits_accumulator(integers.values, fold_bias(integers.values, integers.unit[0], terms),
                               255, true));
  EXPECT_NEAR(
      static_cast<double>(fold_bias(integers.values, integers.unit[0], terms)) * integers.unit[0],
      1e9, 1);
}

}  // namespace
}  // namespace octavo
