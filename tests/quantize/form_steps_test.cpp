#include <gtest/gtest.h>

#include <set>

#include "quantize/build_graph.h"
#include "quantize/steps.h"

namespace octavo {
namespace {

using testing::GraphBuilder;
using Kind = Unary::Kind;

GraphBuilder small_graph() {
  return GraphBuilder({1, 8, 8, 4}, 7);
}

const FormedStep& step_named(const Graph& graph, const FormedSteps& formed,
                             const std::string& last) {
  for (const auto& step : formed.steps) {
    if (graph.nodes[step.nodes.back()].name == last) return step;
  }
  ADD_FAILURE() << "no step ends at " << last;
  return formed.steps[0];
}

TEST(FormSteps, ReluBecomesTheClampOfItsConvolution) {
  auto b = small_graph();
  const TensorId relu = b.unary("relu", Kind::relu, b.conv("conv", b.graph.input, 4));
  b.conv("head", relu, 3);
  const auto formed = form_steps(b.graph);
  ASSERT_TRUE(formed) << formed.error().message;
  ASSERT_EQ(formed->steps.size(), 2u);
  const FormedStep& step = formed->steps[0];
  EXPECT_EQ(step.nodes, (std::vector<uint32_t>{0, 1}));
  EXPECT_FALSE(step.activation);
  EXPECT_EQ(step.lo, 0.0f);
  EXPECT_EQ(step.hi, std::numeric_limits<float>::infinity());
  EXPECT_EQ(step.output, relu);
}

TEST(FormSteps, ResidualThenReluIsOneStepOfTheLaterConvolution) {
  auto b = small_graph();
  const TensorId early = b.conv("early", b.graph.input, 4);
  const TensorId late =
      b.conv("late", b.unary("mid_relu", Kind::relu, b.conv("mid", b.graph.input, 4)), 4);
  const TensorId sum = b.binary("add", Binary::Kind::add, late, early);
  b.conv("head", b.unary("relu", Kind::relu, sum), 3);
  const auto formed = form_steps(b.graph);
  ASSERT_TRUE(formed) << formed.error().message;
  ASSERT_EQ(formed->steps.size(), 4u);  // early, mid, late + add + relu, head
  const FormedStep& step = step_named(b.graph, *formed, "relu");
  EXPECT_EQ(b.graph.nodes[step.node].name, "late");
  EXPECT_TRUE(step.has_residual);
  EXPECT_EQ(step.inputs.back(), early);
  EXPECT_EQ(step.lo, 0.0f);
  EXPECT_EQ(step.accumulated, sum);
}

TEST(FormSteps, ActivationBeforeTheResidualStaysInTheStep) {
  auto b = small_graph();
  const TensorId relu = b.unary("relu", Kind::relu, b.conv("conv", b.graph.input, 4));
  b.conv("head", b.binary("add", Binary::Kind::add, b.graph.input, relu), 3);
  const auto formed = form_steps(b.graph);
  ASSERT_TRUE(formed) << formed.error().message;
  ASSERT_EQ(formed->steps.size(), 2u);
  EXPECT_EQ(formed->steps[0].activation->kind, Kind::relu);
  EXPECT_TRUE(formed->steps[0].has_residual);
  EXPECT_FALSE(std::isfinite(formed->steps[0].lo));
}

TEST(FormSteps, AnActivationAfterAResidualSumCannotShareTheConvolution) {
  auto b = small_graph();
  const TensorId sum =
      b.binary("add", Binary::Kind::add, b.graph.input, b.conv("conv", b.graph.input, 4));
  b.conv("head", b.unary("swish", Kind::hard_swish, sum), 3);
  const auto formed = form_steps(b.graph);
  ASSERT_TRUE(formed) << formed.error().message;
  // conv + add stored; hard swish of it; head.
  ASSERT_EQ(formed->steps.size(), 3u);
  EXPECT_TRUE(formed->steps[1].is<form::Rescale>());
  EXPECT_EQ(formed->steps[1].activation->kind, Kind::hard_swish);
}

TEST(FormSteps, ATensorWithTwoReadersIsStored) {
  auto b = small_graph();
  const TensorId conv = b.conv("conv", b.graph.input, 4);
  const TensorId relu = b.unary("relu", Kind::relu, conv);
  b.conv("head", b.binary("add", Binary::Kind::add, conv, relu), 3);
  const auto formed = form_steps(b.graph);
  ASSERT_TRUE(formed) << formed.error().message;
  ASSERT_EQ(formed->steps.size(), 4u);
  EXPECT_EQ(formed->steps[0].output, conv);
  EXPECT_TRUE(formed->steps[1].is<form::Rescale>());
  EXPECT_EQ(formed->steps[1].lo, 0.0f);
  EXPECT_TRUE(formed->steps[2].is<form::Add>());
}

TEST(FormSteps, GateIsTheSecondOperandAndConstantsRescale) {
  auto b = small_graph();
  const TensorId x = b.conv("conv", b.graph.input, 4);
  const TensorId gate = b.unary("sigmoid", Kind::hard_sigmoid,
                                b.conv("squeeze", b.global_pool("pool", x), 4), 1.0f / 6, 0.5f);
  const TensorId gated = b.binary("gate", Binary::Kind::multiply, gate, x);
  const TensorId half = b.graph.add_constant("half", {1}, {0.5f});
  b.conv("head", b.binary("halve", Binary::Kind::multiply, half, gated), 3);
  const auto formed = form_steps(b.graph);
  ASSERT_TRUE(formed) << formed.error().message;
  const FormedStep& multiply = step_named(b.graph, *formed, "gate");
  EXPECT_EQ(multiply.inputs, (std::vector<TensorId>{x, gate}));
  const FormedStep& rescale = step_named(b.graph, *formed, "halve");
  EXPECT_EQ(rescale.as<form::Rescale>()->factor, std::vector<double>(4, 0.5));
}

TensorId scaled(GraphBuilder& b, const std::string& name, TensorId x, float factor,
                float shift = 0) {
  const TensorId scale = b.graph.add_constant(name + "_scale", {4}, std::vector<float>(4, factor));
  const TensorId offset = b.graph.add_constant(name + "_shift", {4}, std::vector<float>(4, shift));
  return b.node(name, ChannelAffine{3}, {x, scale, offset});
}

TEST(FormSteps, FactorsOfASumsOperandsArePartOfTheSum) {
  for (const bool subtract : {false, true}) {
    auto b = small_graph();
    const TensorId x = b.unary("x", Kind::sigmoid, b.conv("conv", b.graph.input, 4));
    const TensorId y = b.unary("y", Kind::hard_swish, x);
    const TensorId sum = b.binary("sum", subtract ? Binary::Kind::subtract : Binary::Kind::add,
                                  scaled(b, "left", x, 0.25f), scaled(b, "right", y, 3));
    b.conv("head", sum, 3);
    const auto formed = form_steps(b.graph);
    ASSERT_TRUE(formed) << formed.error().message;
    ASSERT_EQ(formed->steps.size(), 4u);  // conv, y, sum, head
    const FormedStep& step = step_named(b.graph, *formed, "sum");
    EXPECT_EQ(step.inputs, (std::vector<TensorId>{x, y}));
    EXPECT_EQ(step.nodes.size(), 3u);
    ASSERT_TRUE(step.is<form::Add>());
    EXPECT_EQ(step.as<form::Add>()->a_factor, std::vector<double>(4, 0.25));
    EXPECT_EQ(step.as<form::Add>()->b_factor, std::vector<double>(4, subtract ? -3 : 3));
  }
}

TEST(FormSteps, AScaleThatShiftsOrIsReadElsewhereIsNoPartOfASum) {
  for (const bool shifts : {false, true}) {
    auto b = small_graph();
    const TensorId x = b.unary("x", Kind::sigmoid, b.conv("conv", b.graph.input, 4));
    const TensorId left = scaled(b, "left", x, 0.25f, shifts ? 1.0f : 0.0f);
    TensorId sum = b.binary("sum", Binary::Kind::add, left, x);
    if (!shifts) sum = b.binary("twice", Binary::Kind::add, sum, left);
    b.conv("head", sum, 3);
    const auto formed = form_steps(b.graph);
    ASSERT_TRUE(formed) << formed.error().message;
    EXPECT_TRUE(step_named(b.graph, *formed, "left").is<form::Rescale>());
    const FormedStep& step = step_named(b.graph, *formed, "sum");
    EXPECT_EQ(step.as<form::Add>()->a_factor, std::vector<double>(4, 1.0));
  }
}

// Each node is part of one step at most, and what steps read is stored.
void expect_whole(const Graph& graph, const FormedSteps& formed) {
  std::vector<int> taken(graph.nodes.size(), 0);
  std::set<TensorId> stored{graph.input};
  for (const FormedStep& step : formed.steps) {
    for (const uint32_t n : step.nodes) ++taken[n];
    for (const TensorId input : step.inputs) EXPECT_EQ(stored.count(input), 1u) << input;
    stored.insert(step.output);
  }
  for (size_t n = 0; n < taken.size(); ++n) EXPECT_LE(taken[n], 1) << graph.nodes[n].name;
}

// It is the product's: attention's temperature, or what comes behind it.
TEST(FormSteps, AFactorBehindAProductIsNoPartOfADifference) {
  for (const bool first : {false, true}) {
    auto b = small_graph();
    const TensorId x = b.unary("x", Kind::sigmoid, b.conv("conv", b.graph.input, 4));
    const TensorId left = b.node("left", Reshape{{1, 8, 32}}, {x});
    const TensorId right = b.node("right", Reshape{{1, 32, 4}}, {b.conv("other", x, 2)});
    const TensorId product = b.node("product", MatMul{}, {left, right});
    const TensorId factor = b.graph.add_constant("factor", {4}, std::vector<float>(4, 0.5f));
    const TensorId none = b.graph.add_constant("none", {4}, std::vector<float>(4, 0));
    const TensorId half = b.node("half", ChannelAffine{2}, {product, factor, none});
    const TensorId same = b.node("same", Slice{{0, 0, 0}, {1, 8, 4}, {1, 1, 1}}, {left});
    const TensorId difference =
        b.binary("difference", Binary::Kind::subtract, first ? half : same, first ? same : half);
    b.conv("head", b.node("map", Reshape{{1, 4, 2, 4}}, {difference}), 3);
    const auto formed = form_steps(b.graph);
    ASSERT_TRUE(formed) << formed.error().message;
    expect_whole(b.graph, *formed);
    EXPECT_EQ(step_named(b.graph, *formed, "half").as<form::MatMul>()->factor,
              std::vector<double>(4, 0.5));
    const FormedStep& step = step_named(b.graph, *formed, "difference");
    EXPECT_EQ(step.as<form::Add>()->a_factor, std::vector<double>(4, 1.0));
    EXPECT_EQ(step.as<form::Add>()->b_factor, std::vector<double>(4, -1.0));
  }
}

// A convolution's residual is stored as it is added.
TEST(FormSteps, AFactorOfAResidualIsAStep) {
  auto b = small_graph();
  const TensorId x = b.unary("x", Kind::sigmoid, b.conv("conv", b.graph.input, 4));
  const TensorId sum =
      b.binary("sum", Binary::Kind::add, b.conv("branch", x, 4), scaled(b, "scale", x, 0.5f));
  b.conv("head", sum, 3);
  const auto formed = form_steps(b.graph);
  ASSERT_TRUE(formed) << formed.error().message;
  EXPECT_TRUE(step_named(b.graph, *formed, "scale").is<form::Rescale>());
  EXPECT_TRUE(step_named(b.graph, *formed, "sum").has_residual);
}

TEST(FormSteps, AFlattenOfOnePixelIsNoStep) {
  auto b = small_graph();
  const TensorId pooled = b.global_pool("pool", b.conv("conv", b.graph.input, 4));
  b.node("flatten", Reshape{{1, 3}}, {b.conv("head", pooled, 3)});
  const auto formed = form_steps(b.graph);
  ASSERT_TRUE(formed) << formed.error().message;
  ASSERT_EQ(formed->steps.size(), 3u);
  EXPECT_EQ(formed->steps.back().output, b.graph.output);
  EXPECT_EQ(formed->steps.back().nodes.size(), 2u);
}

TEST(FormSteps, EveryNodeThatCannotBeAStepIsNamed) {
  auto b = small_graph();
  const TensorId soft = b.node("attention", Softmax{2}, {b.conv("conv", b.graph.input, 4)});
  const TensorId mean = b.node("mean", Reduce{Reduce::Kind::maximum, {3}, true}, {soft});
  b.conv("head", mean, 3);
  const auto formed = form_steps(b.graph);
  ASSERT_FALSE(formed);
  EXPECT_EQ(formed.error().kind, ErrorKind::rejected);
  EXPECT_NE(formed.error().message.find("'attention' (softmax)"), std::string::npos)
      << formed.error().message;
  EXPECT_NE(formed.error().message.find("'mean' (reduce_maximum)"), std::string::npos)
      << formed.error().message;
}

}  // namespace
}  // namespace octavo
