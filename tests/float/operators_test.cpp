// Operators that the engine computes itself.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "float/reference.h"

namespace octavo::test {
namespace {

constexpr uint32_t seed = 4711;

std::vector<float> run_unary(Unary op, const std::vector<float>& x) {
  OneNode one({1, static_cast<int64_t>(x.size())}, op);
  one.finish();
  return run_engine(one.graph, x);
}

TEST(FloatUnary, EqualsItsDefinition) {
  std::mt19937 random(seed);
  for (int k = 0; k <= static_cast<int>(Unary::Kind::cosine); ++k) {
    const auto kind = static_cast<Unary::Kind>(k);
    const bool positive = kind == Unary::Kind::log || kind == Unary::Kind::sqrt ||
                          kind == Unary::Kind::power;  // of a broken exponent
    Unary op{kind, 0.25f, 0.5f};
    if (kind == Unary::Kind::clip) op = {kind, -0.5f, 2.5f};
    OneNode one({1, 200}, op);
    one.finish();
    SCOPED_TRACE(testing::Message() << operator_name(op) << ", seed " << seed);
    expect_engine_agrees(one.graph, random_values(200, random, positive ? 0.01f : -6, 6), 5e-7);
  }
}

TEST(FloatUnary, WorkedOutByHand) {
  using Kind = Unary::Kind;
  EXPECT_EQ(run_unary({Kind::hard_swish}, {-4, -3, 0, 3, 5}), (std::vector<float>{0, 0, 0, 3, 5}));
  EXPECT_EQ(run_unary({Kind::clip, 0, 6}, {-1, 3, 7}), (std::vector<float>{0, 3, 6}));
  EXPECT_EQ(run_unary({Kind::leaky_relu, 0.5f}, {-2, 2}), (std::vector<float>{-1, 2}));
  // Abramowitz and Stegun, table 7.1: erf(0.5), erf(1).
  const std::vector<float> erf = run_unary({Kind::erf}, {0.5f, 1});
  EXPECT_FLOAT_EQ(erf[0], 0.5204998778f);
  EXPECT_FLOAT_EQ(erf[1], 0.8427007929f);
  // gelu(x) = x * Phi(x), Phi(1) = 0.8413447461.
  EXPECT_FLOAT_EQ(run_unary({Kind::gelu}, {1})[0], 0.8413447461f);
  EXPECT_EQ(run_unary({Kind::power, 1.5f}, {0, 4, 9}), (std::vector<float>{0, 8, 27}));
  EXPECT_EQ(run_unary({Kind::power, -3}, {-2, 1, 2}), (std::vector<float>{-0.125f, 1, 0.125f}));
}

TEST(FloatUnary, StaysFiniteFarFromZero) {
  using Kind = Unary::Kind;
  for (const Kind kind : {Kind::sigmoid, Kind::silu, Kind::softplus, Kind::mish, Kind::gelu,
                          Kind::gelu_tanh, Kind::tanh, Kind::elu}) {
    for (const float y : run_unary({kind, 1}, {-1000, -100, 100, 1000})) {
      EXPECT_TRUE(std::isfinite(y)) << operator_name(Operator(Unary{kind}));
    }
  }
}

TEST(FloatBinary, BroadcastsBothWays) {
  std::mt19937 random(seed);
  const std::vector<std::pair<Shape, Shape>> shapes = {
      {{1, 4, 3, 5}, {1, 4, 3, 5}}, {{1, 4, 3, 5}, {5}},       {{1, 4, 3, 5}, {}},
      {{1, 4, 3, 5}, {1, 1, 1, 5}}, {{1, 4, 3, 5}, {4, 1, 1}}, {{1, 4, 3, 5}, {4, 3, 1}},
      {{1, 4, 1, 5}, {3, 1}},       {{1, 5}, {2, 4, 5}},       {{1, 1}, {2, 3, 1, 5}},
      {{1, 4, 1, 5}, {3, 4, 3, 1}}};
  for (int k = 0; k <= static_cast<int>(Binary::Kind::maximum); ++k) {
    for (const auto& [x, constant] : shapes) {
      for (const bool swapped : {false, true}) {
        OneNode one(x, Binary{static_cast<Binary::Kind>(k)});
        one.add_random(constant, random, 0.25f, 3);
        auto& inputs = one.graph.nodes[0].inputs;
        if (swapped) std::swap(inputs[0], inputs[1]);
        one.finish();
        SCOPED_TRACE(testing::Message() << to_text(one.graph) << ", seed " << seed);
        expect_engine_agrees(one.graph, random_values(element_count(x), random, 0.25f, 3), 5e-7);
      }
    }
  }
}

TEST(FloatBinary, SquaresExactlyAndOfNegatives) {
  OneNode one({1, 3}, Binary{Binary::Kind::power});
  one.graph.nodes[0].inputs.push_back(one.graph.add_constant("two", {}, {2}));
  one.finish();
  EXPECT_EQ(run_engine(one.graph, {-3, 0.1f, 5}), (std::vector<float>{9, 0.1f * 0.1f, 25}));
}

TEST(FloatChannelAffine, ScalesAlongItsAxis) {
  std::mt19937 random(seed);
  const Shape x{1, 3, 4, 5};
  for (int axis = 0; axis < 4; ++axis) {
    OneNode one(x, ChannelAffine{axis});
    one.add_random({x[static_cast<size_t>(axis)]}, random);
    one.add_random({x[static_cast<size_t>(axis)]}, random);
    one.finish();
    expect_engine_agrees(one.graph, random_values(element_count(x), random));
  }
}

TEST(FloatFakeQuantize, RoundsByChannelAndKeepsToItsIntegers) {
  OneNode one({1, 4}, FakeQuantize{{{0.5f, 2, 1, 1}, {0, 1, 128, 200}, 255}, 1});
  one.finish();
  EXPECT_EQ(run_engine(one.graph, {0.75f, -3, -200, 100}), (std::vector<float>{1, -2, -128, 55}));
}

TEST(FloatFakeQuantize, EqualsItsDefinition) {
  std::mt19937 random(seed);
  for (const int axis : {1, 2, 3}) {
    const Shape x{1, 3, 4, 5};
    FakeQuantize op{{{}, {}, axis == 2 ? 65535 : 255}, axis};
    for (int64_t c = 0; c < x[static_cast<size_t>(axis)]; ++c) {
      op.grid.scale.push_back(0.01f * static_cast<float>(c + 1));
      op.grid.zero_point.push_back(static_cast<int32_t>(50 * c));
    }
    OneNode one(x, op);
    one.finish();
    expect_engine_agrees(one.graph, random_values(60, random, -2, 2), 1e-6);
  }
}

TEST(FloatPool2d, EqualsItsDefinitionOverRandomWindows) {
  std::mt19937 random(seed);
  const auto pick = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  int pooled = 0;
  for (int round = 0; round < 300; ++round) {
    Pool2d op;
    op.kind = round % 2 ? Pool2d::Kind::maximum : Pool2d::Kind::average;
    op.kernel = {pick(1, 4), pick(1, 4)};
    op.stride = {pick(1, 3), pick(1, 3)};
    op.dilation = {pick(1, 2), pick(1, 2)};
    op.pads = {pick(0, op.kernel[0] - 1), pick(0, op.kernel[1] - 1), pick(0, op.kernel[0] - 1),
               pick(0, op.kernel[1] - 1)};
    op.ceil_mode = pick(0, 1);
    op.count_include_pad = pick(0, 1);
    const Shape x{1, pick(4, 9), pick(4, 9), pick(1, 5)};
    OneNode one(x, op);
    if (!infer_shape(one.graph, one.graph.nodes[0])) continue;  // a window without a pixel
    one.finish();
    SCOPED_TRACE(testing::Message() << "round " << round << ", seed " << seed);
    expect_engine_agrees(one.graph, random_values(element_count(x), random), 5e-7);
    ++pooled;
  }
  EXPECT_GT(pooled, 150);
}

// Kernel 2, stride 2, one row and column of padding before, ceil_mode: 3 pixels give
// windows {pad, 0}, {1, 2}; the overhang of a last window never counts.
TEST(FloatPool2d, CountsPaddingOnlyWhenAskedTo) {
  Pool2d op{Pool2d::Kind::average, {1, 2}, {1, 2}, {1, 1}, {0, 1, 0, 0}, true, true};
  OneNode with({1, 1, 4, 1}, op);
  with.finish();
  EXPECT_EQ(run_engine(with.graph, {8, 2, 4, 6}), (std::vector<float>{4, 3, 6}));
  op.count_include_pad = false;
  OneNode without({1, 1, 4, 1}, op);
  without.finish();
  EXPECT_EQ(run_engine(without.graph, {8, 2, 4, 6}), (std::vector<float>{8, 3, 6}));
}

TEST(FloatReduce, EqualsItsDefinitionForAllAxes) {
  std::mt19937 random(seed);
  const Shape x{1, 3, 4, 5};
  const std::vector<std::vector<int>> axes = {{0},    {1},    {2},    {3},          {1, 2},
                                              {1, 3}, {2, 3}, {0, 3}, {0, 1, 2, 3}, {0, 2}};
  for (int k = 0; k <= static_cast<int>(Reduce::Kind::l2); ++k) {
    for (const auto& over : axes) {
      for (const bool keep : {false, true}) {
        OneNode one(x, Reduce{static_cast<Reduce::Kind>(k), over, keep});
        one.finish();
        SCOPED_TRACE(testing::Message() << to_text(one.graph) << ", seed " << seed);
        expect_engine_agrees(one.graph, random_values(element_count(x), random), 2e-7);
      }
    }
  }
}

TEST(FloatSoftmax, SumsToOneAlongItsAxis) {
  std::mt19937 random(seed);
  const Shape x{1, 3, 4, 5};
  for (int axis = 0; axis < 4; ++axis) {
    OneNode one(x, Softmax{axis});
    one.finish();
    expect_engine_agrees(one.graph, random_values(element_count(x), random, -8, 8));
  }
}

TEST(FloatSoftmax, DoesNotOverflow) {
  OneNode one({1, 3}, Softmax{1});
  one.finish();
  EXPECT_EQ(run_engine(one.graph, {1000, 1000, -1000}), (std::vector<float>{0.5f, 0.5f, 0}));
}

TEST(FloatLayerNorm, EqualsItsDefinition) {
  std::mt19937 random(seed);
  OneNode one({1, 3, 4, 50}, LayerNorm{1e-6f});
  one.add_random({50}, random);
  one.add_random({50}, random);
  one.finish();
  expect_engine_agrees(one.graph, random_values(600, random, 2, 5), 5e-7);
}

}  // namespace
}  // namespace octavo::test
