#include "quantize/table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

namespace octavo {
namespace {

using Kind = Unary::Kind;

double largest_error(const Unary& unary, const ActivationTable& table, double lo, double hi) {
  double largest = 0;
  for (int i = 0; i <= 4000; ++i) {
    const double x = lo + (hi - lo) * i / 4000;
    largest =
        std::max(largest, std::fabs(table(static_cast<float>(x)) - activation_value(unary, x)));
  }
  return largest;
}

// One step of 8 bits over [-0.28, 8] is 0.032: the table must be well inside.
TEST(Table, SmoothActivationsAreWithinAFractionOfAnEightBitStep) {
  const Unary silu{Kind::silu};
  EXPECT_LT(largest_error(silu, make_table(silu, {-8, 8}), -8, 8), 0.006);
  const Unary gelu{Kind::gelu};
  EXPECT_LT(largest_error(gelu, make_table(gelu, {-5, 5}), -5, 5), 0.006);
  const Unary sigmoid{Kind::sigmoid};
  EXPECT_LT(largest_error(sigmoid, make_table(sigmoid, {-30, 30}), -30, 30), 0.003);
  const Unary tanh{Kind::tanh};
  EXPECT_LT(largest_error(tanh, make_table(tanh, {-20, 20}), -20, 20), 0.004);
}

// Wide to the right, a function that is 0 to the left: with its middle knot at 0, half of the
// segments lie where nothing happens. An error of a piecewise linear fit falls with their width
// squared: (24 / 40)^2.
TEST(Table, AMiddleThatMayMoveSpendsNoKnotsWhereTheFunctionHasEnded) {
  const Unary silu{Kind::silu};
  const auto centred = make_table(silu, {-40, 36, true});
  const auto moved = make_table(silu, {-40, 36, false});
  EXPECT_EQ(centred.centre, 0);
  EXPECT_GT(moved.centre, 10);
  const double left = largest_error(silu, centred, -40, 36);
  EXPECT_LT(largest_error(silu, moved, -40, 36), 0.5 * left);
}

TEST(Table, ACornerAtZeroStaysSharp) {
  const Unary leaky{Kind::leaky_relu, 0.1f};
  const auto table = make_table(leaky, {-3, 5});
  EXPECT_EQ(table(0), 0.0f);
  EXPECT_LT(largest_error(leaky, table, -5, 5), 0.001);
  EXPECT_EQ(make_table(leaky, {-3, 5, false}).centre, 0);
}

// As local response normalization and generalized means have them.
TEST(Table, APowerFollowsItsExponent) {
  const Unary response{Kind::power, -0.75f};
  EXPECT_LT(largest_error(response, make_table(response, {1, 4}), 1, 4), 0.002);
  const Unary mean{Kind::power, 3.1f};
  EXPECT_LT(largest_error(mean, make_table(mean, {0, 2, false}), 0, 2), 0.004);
  const Unary root{Kind::power, 1 / 3.1f};
  EXPECT_LT(largest_error(root, make_table(root, {0.2, 8}), 0.2, 8), 0.02);
  const Unary odd{Kind::power, 5};
  EXPECT_LT(largest_error(odd, make_table(odd, {-1.5, 1.5}), -1.5, 1.5), 0.02);
}

TEST(Table, NeighboursNeverDifferByMoreThanTheKernelsTake) {
  for (const double reach : {1e-4, 0.1, 3.0, 50.0, 1e7}) {
    for (const Kind kind : {Kind::tanh, Kind::silu, Kind::absolute, Kind::erf, Kind::softplus}) {
      const auto table = make_table(Unary{kind}, {-reach, reach});
      for (size_t i = 1; i < table.knots.size(); ++i) {
        EXPECT_LE(std::abs(table.knots[i] - table.knots[i - 1]), 32767);
      }
    }
  }
}

}  // namespace
}  // namespace octavo
