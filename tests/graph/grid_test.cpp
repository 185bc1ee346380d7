// The rounding that files state, by values worked out by hand.
#include "graph/grid.h"

#include <gtest/gtest.h>

#include <limits>

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

}  // namespace
}  // namespace octavo
