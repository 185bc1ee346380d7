#include "export/recognize.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graph/resize_taps.h"
#include "plan/random.h"
#include "quantize/table.h"

namespace octavo {
namespace {

using Kind = Unary::Kind;

std::optional<RecognizedFunction> recognized(const ActivationTable& table) {
  return recognize_function(table.knots, table.result_unit);
}

// Largest difference of the recognized function from the table's own, in steps of 8 bits over
// what the table holds.
double steps_apart(const ActivationTable& table, const RecognizedFunction& known) {
  double lowest = 1e30, highest = -1e30, largest = 0;
  for (int u = -32768; u < 32768; u += 16) {
    const double own = table(static_cast<float>(table.centre + u * table.argument_unit));
    const double found = activation_value(known.unary, known.centre + u * known.argument_unit);
    largest = std::max(largest, std::fabs(own - found));
    lowest = std::min(lowest, own);
    highest = std::max(highest, own);
  }
  return largest / (highest - lowest) * 255;
}

class Functions : public ::testing::TestWithParam<Unary> {};

TEST_P(Functions, IsKnownFromItsTableWhateverItsSpan) {
  testing::Random random(7);
  for (int i = 0; i < 20; ++i) {
    const TableSpan span{-random.uniform(0.3f, 14), random.uniform(0.3f, 14), random.chance(0.5f)};
    const ActivationTable table = make_table(GetParam(), span);
    const auto known = recognized(table);
    ASSERT_TRUE(known) << span.lo << ' ' << span.hi;
    EXPECT_LT(steps_apart(table, *known), 0.75) << span.lo << ' ' << span.hi;
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Functions,
                         ::testing::Values(Unary{Kind::silu}, Unary{Kind::gelu},
                                           Unary{Kind::gelu_tanh}, Unary{Kind::sigmoid},
                                           Unary{Kind::tanh}, Unary{Kind::mish},
                                           Unary{Kind::softplus}, Unary{Kind::erf},
                                           Unary{Kind::leaky_relu, 0.1f}, Unary{Kind::elu, 1.0f},
                                           Unary{Kind::absolute}));

TEST(RecognizeFunction, TellsSiluFromGeluAndSigmoidFromTanh) {
  EXPECT_EQ(recognized(make_table({Kind::silu}, {-6, 9}))->unary.kind, Kind::silu);
  EXPECT_EQ(recognized(make_table({Kind::gelu}, {-6, 9}))->unary.kind, Kind::gelu);
  EXPECT_EQ(recognized(make_table({Kind::sigmoid}, {-6, 9}))->unary.kind, Kind::sigmoid);
  EXPECT_EQ(recognized(make_table({Kind::tanh}, {-6, 9}))->unary.kind, Kind::tanh);
  EXPECT_NEAR(recognized(make_table({Kind::leaky_relu, 0.2f}, {-6, 9}))->unary.alpha, 0.2, 1e-4);
}

TEST(RecognizeFunction, TakesNoOtherKnotsForOne) {
  testing::Random random(11);
  for (int i = 0; i < 20; ++i) {
    std::vector<int16_t> knots(65);
    for (int16_t& knot : knots) knot = static_cast<int16_t>(random.integer(-16383, 16383));
    EXPECT_FALSE(recognize_function(knots, 1e-7));
  }
  ActivationTable bent = make_table({Kind::silu}, {-6, 9});
  bent.knots[50] = static_cast<int16_t>(bent.knots[50] + 40);
  EXPECT_FALSE(recognized(bent));
}

SoftmaxStep softmax_of(double scale) {
  SoftmaxStep step;
  for (int i = 0; i < 256; ++i) {
    step.coarse.push_back(static_cast<uint16_t>(std::rint(32768 * std::exp(-256 * i * scale))));
    step.fine.push_back(static_cast<uint16_t>(std::rint(32768 * std::exp(-i * scale))));
  }
  return step;
}

TEST(SoftmaxScale, IsThatOfTheTablesEvenWhereTheTensorSaysAnother) {
  EXPECT_EQ(softmax_scale(softmax_of(0.003), 0.003), 0.003);
  EXPECT_NEAR(softmax_scale(softmax_of(0.003), 0.5).value(), 0.003, 1e-6);
}

SoftmaxStep long_softmax_of(double scale) {
  SoftmaxStep step;
  for (int i = 0; i < 256; ++i) {
    for (const auto& [table, exponent] :
         {std::pair{&step.coarse, -256.0}, std::pair{&step.fine, -1.0}}) {
      const auto entry =
          static_cast<uint32_t>(std::rint((1 << 30) * std::exp(exponent * i * scale)));
      table->push_back(static_cast<uint16_t>(entry));
      table->push_back(static_cast<uint16_t>(entry >> 16));
    }
  }
  return step;
}

// Of 16-bit tensors of a small range, and of bytes of a large one.
TEST(SoftmaxScale, IsFoundHoweverSmallOrLarge) {
  for (const double scale : {3e-7, 1e-6, 9e-6, 4e-4, 0.003, 0.02, 0.3, 2.0}) {
    EXPECT_NEAR(softmax_scale(softmax_of(scale), 7).value_or(0), scale, 1e-3 * scale);
    EXPECT_NEAR(softmax_scale(long_softmax_of(scale), 7).value_or(0), scale, 1e-6 * scale);
  }
}

TEST(SoftmaxScale, IsThatOfLongTables) {
  SoftmaxStep step = long_softmax_of(0.003);
  EXPECT_EQ(softmax_scale(step, 0.003), 0.003);
  EXPECT_NEAR(softmax_scale(step, 0.5).value(), 0.003, 1e-10);
  step.fine[300] = static_cast<uint16_t>(step.fine[300] + 100);
  EXPECT_FALSE(softmax_scale(step, 0.003));
}

TEST(SoftmaxScale, IsNoneWhereATableIsNoExponential) {
  SoftmaxStep step = softmax_of(0.003);
  step.fine[100] = static_cast<uint16_t>(step.fine[100] - 9);
  EXPECT_FALSE(softmax_scale(step, 0.003));
}

TEST(RecognizeResize, FindsTheModeWhoseTapsTheseAre) {
  for (const auto mode : {Resize::Mode::linear, Resize::Mode::nearest}) {
    Resize op;
    op.mode = mode;
    op.coordinates = Resize::Coordinates::align_corners;
    ResizeStep step;
    const auto put = [&](int64_t in, int64_t out, auto& from, auto& weight) {
      const float scale = static_cast<float>(out) / static_cast<float>(in);
      for (const ResizeTaps& tap : resize_taps(op, in, out, scale)) {
        from.push_back(static_cast<int32_t>(tap.index[0]));
        weight.push_back(tap.count == 2 ? static_cast<int32_t>(std::lrint(128 * tap.weight[1]))
                                        : 0);
      }
    };
    put(7, 15, step.row, step.row_weight);
    put(5, 11, step.column, step.column_weight);
    const auto known = recognize_resize(step, 7, 5);
    ASSERT_TRUE(known);
    EXPECT_EQ(known->mode, mode);
    // Several ways of rounding may be one here; of two neighbours none is.
    if (mode == Resize::Mode::linear) {
      EXPECT_EQ(known->coordinates, op.coordinates);
    }
    const auto rows = resize_taps(*known, 7, 15, known->scale_h);
    for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].index[0], step.row[i]);
    step.row[3] = 0;
    step.row_weight[3] = 77;
    EXPECT_FALSE(recognize_resize(step, 7, 5));
  }
}

}  // namespace
}  // namespace octavo
