// The rounding that files state, by values worked out by hand.
#include "graph/grid.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace octavo {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

TEST(Grid, TiesGoToEvenBeforeTheZeroPointIsAdded) {
  const Grid grid{{2}, {7}, 255};
  EXPECT_EQ(grid.code(1, 0), 7);   // 0.5 -> 0
  EXPECT_EQ(grid.code(3, 0), 9);   // 1.5 -> 2
  EXPECT_EQ(grid.code(5, 0), 9);   // 2.5 -> 2
  EXPECT_EQ(grid.code(-1, 0), 7);  // -0.5 -> 0
  EXPECT_EQ(grid.code(-3, 0), 5);  // -1.5 -> -2
  EXPECT_EQ(grid.rounded(3, 0), 4);
  EXPECT_EQ(grid.rounded(-3, 0), -4);
}

TEST(Grid, CodesKeepToTheirType) {
  const Grid grid{{0.5f}, {128}, 255};
  EXPECT_EQ(grid.code(1e30f, 0), 255);
  EXPECT_EQ(grid.code(-infinity, 0), 0);
  EXPECT_EQ(grid.rounded(infinity, 0), 63.5f);
  EXPECT_EQ(grid.rounded(-1e30f, 0), -64);
  EXPECT_EQ((Grid{{1}, {0}, 65535}).code(70000, 0), 65535);
}

TEST(Grid, WhatIsNoNumberIsStoredAsZeroAndStaysOneInFloat) {
  const Grid grid{{0.5f}, {9}, 255};
  EXPECT_EQ(grid.code(nan, 0), 9);
  EXPECT_TRUE(std::isnan(grid.rounded(nan, 0)));
}

TEST(Grid, OneScaleServesAllChannels) {
  const Grid one{{2}, {3}, 255}, two{{2, 4}, {3, 0}, 255};
  EXPECT_EQ(one.code(8, 1), 7);
  EXPECT_EQ(two.code(8, 0), 7);
  EXPECT_EQ(two.code(8, 1), 2);
}

// As an operator of a file rounds its result: that decides ties which real numbers do not have.
TEST(Grid, TheQuotientIsRoundedToFloat) {
  const float scale = 0.1f, value = 0.25f;  // 0.1f is above 1 / 10: the real quotient is below 2.5
  EXPECT_LT(double{value} / double{scale}, 2.5);
  EXPECT_EQ(value / scale, 2.5f);
  EXPECT_EQ((Grid{{scale}, {0}, 255}).code(value, 0), 2);
  const float next = 0.35f;  // 3.4999999... in real numbers, 3.5 in float
  EXPECT_LT(double{next} / double{scale}, 3.5);
  EXPECT_EQ(next / scale, 3.5f);
  EXPECT_EQ((Grid{{scale}, {0}, 255}).code(next, 0), 4);
}

std::vector<float> random_values(size_t count, float scale) {
  constexpr uint32_t seed = 5;
  ::testing::Test::RecordProperty("seed", static_cast<int>(seed));
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> halves(-700, 700);
  std::uniform_real_distribution<float> any(-400, 400);
  std::vector<float> values{infinity, -infinity, 1e30f, -1e30f};
  while (values.size() < count) {  // every other one at a tie or on a code
    values.push_back(static_cast<float>(halves(random)) * scale / 2);
    values.push_back(any(random) * scale);
  }
  return values;
}

TEST(RowRounding, OfAGridIsTheGrids) {
  const Grid two{{0.1f, 3}, {128, 0}, 255}, wide{{0.01f}, {65535}, 65535};
  for (const Grid& grid : {two, wide}) {
    const std::vector<float> values = random_values(4000, grid.scale[0]);
    std::vector<float> rounded = values;
    RowRounding::of(grid, 2).apply(rounded);
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(rounded[i], grid.rounded(values[i], i % 2)) << values[i] << " of channel " << i % 2;
    }
  }
}

// 1 / 0.3f is rounded: what a step multiplies by is no quotient where that decides a tie.
TEST(RowRounding, ByAProductMovesNothingButTies) {
  constexpr float scale = 0.3f;
  const Grid grid{{scale}, {128}, 255};
  const std::vector<float> values = random_values(4000, scale);
  std::vector<float> quotients = values, products = values;
  RowRounding rows = RowRounding::of(grid, 1);
  rows.apply(quotients);
  rows.inverse_scale = {1 / scale};
  rows.apply(products);
  size_t moved = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (quotients[i] == products[i]) continue;
    ++moved;
    const double code = double{values[i]} / double{scale}, down = std::floor(code);
    EXPECT_NEAR(code - down, 0.5, 1e-4) << values[i];
  }
  EXPECT_GT(moved, 0u);
  EXPECT_LT(moved, values.size() / 2);
}

TEST(RowRounding, KeepsNumbersThatAreNone) {
  std::vector<float> values{nan, 3};
  RowRounding::of(Grid{{2}, {9}, 255}, 1).apply(values);
  EXPECT_TRUE(std::isnan(values[0]));
  EXPECT_EQ(values[1], 4);
}

}  // namespace
}  // namespace octavo
