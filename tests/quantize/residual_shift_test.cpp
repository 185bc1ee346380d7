#include "quantize/residual_shift.h"

#include <gtest/gtest.h>

#include <cmath>

namespace octavo {
namespace {

double left_over(double rest, double multiplier, double residual_multiplier) {
  const ResidualShift shift = residual_shift(rest, multiplier, residual_multiplier, 1024);
  EXPECT_LE(std::abs(shift.residual), 1024);
  return rest - shift.residual * residual_multiplier / multiplier - double(shift.bias);
}

TEST(ResidualShift, LeavesLittleOfAFraction) {
  for (const double rest : {-0.5, -0.31, 0.001, 0.27, 0.4999}) {
    for (const double ratio : {7.1803, 0.3117, 40.00153}) {
      EXPECT_LT(std::fabs(left_over(rest, 0.003, 0.003 * ratio)), 0.01) << rest << " " << ratio;
    }
  }
}

TEST(ResidualShift, IsNoneWhereNothingIsLeft) {
  const ResidualShift shift = residual_shift(0, 0.003, 0.0217, 1024);
  EXPECT_EQ(shift.residual, 0);
  EXPECT_EQ(shift.bias, 0);
}

// A quarter of a unit each: 0.25 is one, 0.13 half of one too much.
TEST(ResidualShift, OfUnitsThatShareADivisorLeavesHalfOfIt) {
  EXPECT_EQ(left_over(0.25, 1, 8.25), 0);
  EXPECT_NEAR(left_over(0.13, 1, 8.25), -0.12, 1e-12);
}

}  // namespace
}  // namespace octavo
