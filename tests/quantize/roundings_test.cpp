// Networks that are quantized already: what the file states is kept, to the bit.
#include "quantize/roundings.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <random>

#include "base/text.h"
#include "quantize/build_graph.h"
#include "quantize/prepare.h"
#include "quantize/quantize.h"
#include "quantize/weights.h"
#include "runtime/program.h"

namespace octavo {
namespace {

using testing::GraphBuilder;
using Kind = Unary::Kind;

TensorId rounding(GraphBuilder& b, const std::string& name, TensorId x, float scale, int32_t zero,
                  int32_t highest = 255) {
  return b.node(name, FakeQuantize{{{scale}, {zero}, highest}, 0}, {x});
}

// A scale and zero point a channel, the last axis.
TensorId rounding(GraphBuilder& b, const std::string& name, TensorId x, std::vector<float> scale,
                  std::vector<int32_t> zero) {
  const int last = static_cast<int>(b.graph.tensors[x].shape.size()) - 1;
  return b.node(name, FakeQuantize{{std::move(scale), std::move(zero), 255}, last}, {x});
}

// A convolution whose weights are `integers` times a scale a row.
struct Whole {
  std::vector<int> integers;
  std::vector<float> scales;
};
TensorId whole_conv(GraphBuilder& b, const std::string& name, TensorId x, int64_t outputs,
                    Whole& made) {
  const TensorId y = b.conv(name, x, outputs);
  Tensor& weight = b.graph.tensors[b.graph.nodes.back().inputs[1]];
  std::vector<float> values = *weight.values;
  std::mt19937_64 random(outputs);
  const size_t taps = values.size() / static_cast<size_t>(outputs);
  for (size_t i = 0; i < values.size(); ++i) {
    if (i % taps == 0) made.scales.push_back(0.001f * static_cast<float>(random() % 1000 + 1));
    made.integers.push_back(i % taps == 0 ? 127 : static_cast<int>(random() % 255) - 127);
    values[i] = static_cast<float>(made.integers.back()) * made.scales.back();
  }
  weight.values = std::make_shared<const std::vector<float>>(std::move(values));
  return y;
}

// input -> pair -> conv -> relu -> pair -> conv -> pair
Graph quantized_network(Whole& first, Whole& second) {
  GraphBuilder b({1, 8, 8, 4}, 3);
  TensorId x = rounding(b, "input_pair", b.graph.input, 0.02f, 120);
  x = b.unary("relu", Kind::relu, whole_conv(b, "first", x, 6, first));
  x = rounding(b, "relu_pair", x, 0.03f, 0);
  x = b.global_pool("pool", x);
  x = rounding(b, "pool_pair", x, 0.01f, 0);
  rounding(b, "logits", whole_conv(b, "second", x, 3, second), 0.05f, 100);
  return std::move(b.graph);
}

CalibrationFeed some_inputs(size_t elements, int64_t seed) {
  CalibrationFeed feed;
  feed.count = 4;
  feed.values = [=](size_t i) -> Result<std::vector<float>> {
    std::mt19937_64 random(static_cast<uint64_t>(seed) + i);
    std::normal_distribution<float> normal(0, 1);
    std::vector<float> out(elements);
    for (float& value : out) value = normal(random);
    return out;
  };
  return feed;
}

const PlanTensor& tensor_named(const Plan& plan, const std::string& name) {
  for (const auto& tensor : plan.tensors) {
    if (tensor.name == name) return tensor;
  }
  ADD_FAILURE() << "no tensor " << name;
  return plan.tensors[0];
}

void expect_given(const Plan& plan, const Whole& first, const Whole& second) {
  std::vector<const ConvolutionStep*> convolutions;
  for (const auto& step : plan.steps) {
    if (const auto* conv = std::get_if<ConvolutionStep>(&step.op)) convolutions.push_back(conv);
  }
  ASSERT_EQ(convolutions.size(), 2u);
  EXPECT_EQ(std::vector<int>(convolutions[0]->weights.begin(), convolutions[0]->weights.end()),
            first.integers);
  EXPECT_EQ(std::vector<int>(convolutions[1]->weights.begin(), convolutions[1]->weights.end()),
            second.integers);
  const std::vector<std::tuple<std::string, float, int32_t>> stored{
      {"input", 0.02f, 120}, {"relu_pair", 0.03f, 0}, {"pool_pair", 0.01f, 0}};
  for (const auto& [name, scale, zero] : stored) {
    const PlanTensor& tensor = tensor_named(plan, name);
    EXPECT_EQ(tensor.type, ElementType::u8) << name;
    EXPECT_EQ(tensor.scale, std::vector<float>{scale}) << name;
    EXPECT_EQ(tensor.zero_point, std::vector<int32_t>{zero}) << name;
  }
  for (size_t o = 0; o < first.scales.size(); ++o) {
    EXPECT_EQ(convolutions[0]->epilogue.multiplier[o], 0.02f * first.scales[o] / 0.03f) << o;
  }
}

TEST(Roundings, APlanWithoutCalibrationHoldsTheFilesIntegersAndScales) {
  Whole first, second;
  const Graph graph = quantized_network(first, second);
  const auto made = quantize(graph, nullptr, {}, {});
  ASSERT_TRUE(made) << made.error().message;
  expect_given(made->plan, first, second);
}

TEST(Roundings, CalibrationLeavesWhatTheFileStates) {
  Whole first, second;
  const Graph graph = quantized_network(first, second);
  const auto made = quantize(graph, nullptr, some_inputs(256, 1), {});
  ASSERT_TRUE(made) << made.error().message;
  expect_given(made->plan, first, second);
}

TEST(Roundings, LogitsEndWhereTheirBytesDo) {
  Whole first, second;
  const auto made = quantize(quantized_network(first, second), nullptr, {}, {});
  ASSERT_TRUE(made) << made.error().message;
  auto program = Program::prepare(made->plan, "reference");
  ASSERT_TRUE(program) << program.error().message;
  auto session = Session::create(*program, 1);
  ASSERT_TRUE(session) << session.error().message;
  float least = 0, most = 0;
  for (int shift : {0, 60, 255}) {
    std::vector<uint8_t> input(256);
    for (size_t i = 0; i < input.size(); ++i) input[i] = static_cast<uint8_t>(i * shift);
    std::vector<float> logits(3);
    ASSERT_TRUE((*session)->run(std::as_bytes(std::span(input)), logits));
    for (const float logit : logits) {
      least = std::min(least, logit);
      most = std::max(most, logit);
    }
  }
  EXPECT_GE(least, -100 * 0.05f);
  EXPECT_LE(most, 155 * 0.05f);
  EXPECT_TRUE(least == -100 * 0.05f || most == 155 * 0.05f) << least << " " << most;
}

TEST(Roundings, ATensorWithoutAPairNeedsCalibration) {
  GraphBuilder b({1, 8, 8, 4}, 3);
  const TensorId x = rounding(b, "input_pair", b.graph.input, 0.02f, 120);
  Whole second;
  const TensorId bare = b.unary("bare", Kind::relu, b.conv("first", x, 6));
  const TensorId pooled = b.global_pool("pool", bare);
  rounding(b, "logits", whole_conv(b, "second", pooled, 3, second), 0.05f, 100);
  const auto refused = quantize(b.graph, nullptr, {}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
  EXPECT_NE(refused.error().message.find(quoted("bare")), std::string::npos)
      << refused.error().message;
  const auto made = quantize(b.graph, nullptr, some_inputs(256, 1), {});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(tensor_named(made->plan, "input").scale, std::vector<float>{0.02f});
  // In 16 bits of one scale, so that the file's integers fit.
  EXPECT_EQ(tensor_named(made->plan, "bare").type, ElementType::i16);
  EXPECT_EQ(tensor_named(made->plan, "pool").scale.size(), 1u);
  const auto& last = std::get<ConvolutionStep>(made->plan.steps.back().op);
  EXPECT_EQ(std::vector<int>(last.weights.begin(), last.weights.end()), second.integers);
}

TEST(Roundings, ProductsOfTwoRoundedTensorsNeedNoCalibration) {
  MatMul by_itself;
  by_itself.transpose_b = true;
  GraphBuilder whole({1, 8, 8, 4}, 3);
  TensorId y = rounding(whole, "input_pair", whole.graph.input, 0.02f, 120);
  y = rounding(whole, "c_pair", whole.conv("c", y, 4), 0.1f, 128);
  y = whole.node("tokens", Reshape{{1, 64, 4}}, {y});
  y = rounding(whole, "product_pair", whole.node("product", by_itself, {y, y}), 0.5f, 100);
  y = whole.node("map", Reshape{{1, 8, 8, 64}}, {y});
  y = rounding(whole, "pool_pair", whole.global_pool("pool", y), 0.2f, 100);
  whole.conv("head", y, 3);
  for (const RangeMethod method : {RangeMethod::automatic, RangeMethod::mse, RangeMethod::kl}) {
    QuantizeOptions options;
    options.method = method;
    const auto made = quantize(whole.graph, nullptr, {}, options);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(tensor_named(made->plan, "product_pair").scale, std::vector<float>{0.5f});
  }
}

TEST(Roundings, ARoundingOfValuesThatWereOnlyMovedSinceIsNoStep) {
  GraphBuilder b({1, 8, 8, 4}, 3);
  TensorId x = rounding(b, "input_pair", b.graph.input, 0.02f, 120);
  const TensorId a = rounding(b, "a_pair", b.conv("a", x, 4), 0.1f, 128);
  const TensorId c = rounding(b, "c_pair", b.conv("c", x, 4), 0.1f, 128);
  const TensorId both = b.node("concat", Concat{3}, {a, c});
  Pool2d pool;
  pool.kind = Pool2d::Kind::maximum;
  pool.kernel = {2, 2};
  const TensorId moved = rounding(b, "again", b.node("max", pool, {both}), 0.1f, 128);
  b.conv("head", moved, 3);
  auto formed = form_steps(b.graph);
  ASSERT_TRUE(formed) << formed.error().message;
  EXPECT_EQ(formed->steps.size(), 5u);  // a, c, concat, max, head
  EXPECT_EQ(formed->input_rounding, (Grid{{0.02f}, {120}}));

  std::get<FakeQuantize>(b.graph.nodes[b.graph.nodes.size() - 2].op).grid.scale = {
      0.2f};  // another
  formed = form_steps(b.graph);
  ASSERT_TRUE(formed) << formed.error().message;
  EXPECT_EQ(formed->steps.size(), 6u);
}

TEST(Roundings, WhatFollowsARoundingIsAnotherStep) {
  // sigmoid(round(x)), not round(sigmoid(x)): the pair is of the joined tensor, not of the gate.
  GraphBuilder b({1, 8, 8, 4}, 3);
  const TensorId x = rounding(b, "input_pair", b.graph.input, 0.02f, 120);
  const TensorId a = rounding(b, "a_pair", b.conv("a", x, 4), 0.1f, 128);
  const TensorId c = rounding(b, "c_pair", b.conv("c", x, 4), 0.2f, 128);
  const TensorId joined =
      rounding(b, "joined_pair", b.node("concat", Concat{3}, {a, c}), 0.15f, 128);
  b.conv("head", rounding(b, "gate_pair", b.unary("gate", Kind::sigmoid, joined), 1 / 255.0f, 0),
         3);
  const auto formed = form_steps(b.graph);
  ASSERT_TRUE(formed) << formed.error().message;
  const auto at = [&](const std::string& name) -> const FormedStep* {
    for (const auto& step : formed->steps) {
      if (b.graph.nodes[step.nodes.back()].name == name) return &step;
    }
    return nullptr;
  };
  ASSERT_NE(at("joined_pair"), nullptr);
  EXPECT_FALSE(at("joined_pair")->activation);
  EXPECT_EQ(at("joined_pair")->rounding, (Grid{{0.15f}, {128}}));
  ASSERT_NE(at("gate_pair"), nullptr);
  EXPECT_TRUE(at("gate_pair")->is<form::Lookup>());
}

// The steps of the plan that make a tensor of the name.
const Step* step_giving(const Plan& plan, const std::string& name) {
  for (const auto& step : plan.steps) {
    if (plan.tensors[step.output].name == name) return &step;
  }
  return nullptr;
}

TEST(Roundings, ADepthwiseConvolutionTakesScalesAChannelWithItsOwnIntegers) {
  GraphBuilder b({1, 8, 8, 4}, 3);
  const std::vector<float> scales{0.02f, 0.01f, 0.03f, 0.015f};
  Whole first, deep;
  TensorId x = rounding(b, "input_pair", b.graph.input, 0.02f, 120);
  x = rounding(b, "first_pair", whole_conv(b, "first", x, 4, first), scales, {0, 3, 100, 255});
  x = b.conv("deep", x, 4, {3, 1, 4});
  x = rounding(b, "deep_pair", x, 0.04f, 20);
  rounding(b, "logits", whole_conv(b, "head", b.global_pool("pool", x), 3, deep), 0.05f, 100);
  const auto made = quantize(b.graph, nullptr, some_inputs(256, 1), {});
  ASSERT_TRUE(made) << made.error().message;
  const PlanTensor& stored = tensor_named(made->plan, "first_pair");
  EXPECT_EQ(stored.type, ElementType::u8);
  EXPECT_EQ(stored.scale, scales);
  EXPECT_EQ(stored.zero_point, (std::vector<int32_t>{0, 3, 100, 255}));
  const Step* step = step_giving(made->plan, "first_pair");
  ASSERT_NE(step, nullptr);
  const auto& conv = std::get<ConvolutionStep>(step->op);
  for (size_t o = 0; o < 4; ++o) {
    EXPECT_EQ(conv.epilogue.multiplier[o], 0.02f * first.scales[o] / scales[o]) << o;
  }
  EXPECT_EQ(made->plan.tensors[step_giving(made->plan, "deep_pair")->inputs[0]].name, "first_pair");
}

TEST(Roundings, ADenseConvolutionReadsAnEvenCopyOfScalesAChannel) {
  GraphBuilder b({1, 8, 8, 4}, 3);
  Whole first, second;
  TensorId x = rounding(b, "input_pair", b.graph.input, 0.02f, 120);
  x = rounding(b, "first_pair", whole_conv(b, "first", x, 4, first), {0.02f, 0.01f, 0.03f, 0.015f},
               {0, 3, 100, 255});
  x = rounding(b, "second_pair", whole_conv(b, "second", x, 5, second), 0.04f, 20);
  b.conv("head", rounding(b, "pool_pair", b.global_pool("pool", x), 0.02f, 30), 3);
  const auto made = quantize(b.graph, nullptr, {}, {});
  ASSERT_TRUE(made) << made.error().message;
  const Step* step = step_giving(made->plan, "second_pair");
  ASSERT_NE(step, nullptr);
  const auto& conv = std::get<ConvolutionStep>(step->op);
  EXPECT_EQ(std::vector<int>(conv.weights.begin(), conv.weights.end()), second.integers);
  const PlanTensor& copy = made->plan.tensors[step->inputs[0]];
  EXPECT_EQ(copy.type, ElementType::i16);
  EXPECT_EQ(copy.scale.size(), 1u);
}

TEST(Roundings, SixteenBitsAreStoredWithTheirZeroPoint) {
  GraphBuilder b({1, 8, 8, 4}, 3);
  Whole first;
  TensorId x = rounding(b, "input_pair", b.graph.input, 0.0002f, 30000, 65535);
  x = rounding(b, "first_pair", whole_conv(b, "first", x, 6, first), 0.0003f, 0, 65535);
  x = rounding(b, "pool_pair", b.global_pool("pool", x), 0.0002f, 65535, 65535);
  b.conv("head", x, 3);
  const auto made = quantize(b.graph, nullptr, {}, {});
  ASSERT_TRUE(made) << made.error().message;
  const std::vector<std::pair<std::string, int32_t>> stored{
      {"input", 30000}, {"first_pair", 0}, {"pool_pair", 65535}};
  for (const auto& [name, zero] : stored) {
    EXPECT_EQ(tensor_named(made->plan, name).type, ElementType::u16) << name;
    EXPECT_EQ(tensor_named(made->plan, name).zero_point, std::vector<int32_t>{zero}) << name;
  }
}

TEST(Roundings, AFunctionBetweenTwoPairsIsATableOfTheFilesFloats) {
  GraphBuilder b({1, 8, 8, 4}, 3);
  TensorId x = rounding(b, "input_pair", b.graph.input, 0.05f, 100);
  x = rounding(b, "first_pair", b.conv("first", x, 4), 0.04f, 128);
  const TensorId third = b.graph.add_constant("third", {1}, {3.0f});
  x = b.binary("thirds", Binary::Kind::divide, b.unary("elu", Kind::elu, x, 1.5f), third);
  x = rounding(b, "third_pair", x, 0.02f, 40);
  b.conv("head", rounding(b, "pool_pair", b.global_pool("pool", x), 0.02f, 30), 3);
  const auto made = quantize(b.graph, nullptr, {}, {});
  ASSERT_TRUE(made) << made.error().message;
  const Step* step = step_giving(made->plan, "third_pair");
  ASSERT_NE(step, nullptr);
  const auto* lookup = std::get_if<LookupStep>(&step->op);
  ASSERT_NE(lookup, nullptr);
  ASSERT_EQ(lookup->table.size(), 256u);
  for (int code = 0; code < 256; ++code) {
    const float real = static_cast<float>(code - 128) * 0.04f;
    const float elu = real < 0 ? static_cast<float>(1.5 * std::expm1(double{real})) : real;
    const float level = std::nearbyint(elu / 3.0f / 0.02f) + 40;
    EXPECT_EQ(lookup->table[static_cast<size_t>(code)],
              static_cast<int16_t>(std::min(std::max(level, 0.0f), 255.0f)))
        << code;
  }
}

// (pixel - 127.5) / 127.5 with a scale of 2 / 255: every pixel is a tie.
TEST(Roundings, APictureInFrontOfTheFirstPairIsLookedUp) {
  GraphBuilder b({1, 8, 8, 3}, 3);
  const float scale = 2 / 255.0f;
  TensorId x = rounding(b, "input_pair", b.graph.input, scale, 128);
  x = rounding(b, "first_pair", b.conv("first", x, 4), 0.04f, 128);
  b.conv("head", rounding(b, "pool_pair", b.global_pool("pool", x), 0.02f, 30), 3);
  Preprocess how;
  how.height = how.width = 8;
  how.mean = how.std = {127.5f, 127.5f, 127.5f};
  const auto made = quantize(b.graph, &how, {}, {});
  ASSERT_TRUE(made) << made.error().message;
  const Step* step = step_giving(made->plan, "input_pair");
  ASSERT_NE(step, nullptr);
  const auto* lookup = std::get_if<LookupStep>(&step->op);
  ASSERT_NE(lookup, nullptr);
  ASSERT_EQ(lookup->table.size(), 256u);  // alike for all colours
  int to_even = 0;
  for (int pixel = 0; pixel < 256; ++pixel) {
    const float real = (static_cast<float>(pixel) - 127.5f) / 127.5f;
    const float level = std::nearbyint(real / scale) + 128;
    const auto code = static_cast<int>(std::min(std::max(level, 0.0f), 255.0f));
    EXPECT_EQ(lookup->table[static_cast<size_t>(pixel)], code) << pixel;
    to_even += code == static_cast<int>(std::rint(pixel - 127.5) + 128) ? 1 : 0;
  }
  EXPECT_LT(to_even, 256) << "no level tells the formulas apart";
}

TEST(Roundings, EqualRoundingsOfOneTensorAreOne) {
  GraphBuilder b({1, 8, 8, 4}, 3);
  const TensorId a = b.conv("a", b.graph.input, 4);
  const TensorId left = b.conv("left", rounding(b, "one", a, 0.1f, 5), 4);
  const TensorId right = b.conv("right", rounding(b, "two", a, 0.1f, 5), 4);
  b.binary("add", Binary::Kind::add, left, right);
  const auto count = [](const Graph& graph) {
    return std::count_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) {
      return std::holds_alternative<FakeQuantize>(node.op);
    });
  };
  EXPECT_EQ(count(b.graph), 2);
  EXPECT_EQ(count(*prepare_for_steps(b.graph)), 1);
}

TEST(Roundings, SixteenBitsCannotBeAskedOfWhatTheFileRounds) {
  Whole first, second;
  QuantizeOptions options;
  options.int16_nodes = {"first"};
  const auto refused = quantize(quantized_network(first, second), nullptr, {}, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::usage);
  EXPECT_NE(refused.error().message.find("first"), std::string::npos);
}

// Channels of c and of a, mixed by a reshape; a has a pair, c one of another scale or none.
Graph mixed_network(bool second_pair) {
  GraphBuilder b({1, 8, 8, 4}, 3);
  const TensorId x = rounding(b, "input_pair", b.graph.input, 0.02f, 120);
  const TensorId a = rounding(b, "a_pair", b.conv("a", x, 4), 0.1f, 128);
  TensorId c = b.conv("c", x, 4);
  if (second_pair) c = rounding(b, "c_pair", c, 0.2f, 128);
  const TensorId both = b.node("concat", Concat{3}, {a, c});
  const TensorId mixed = b.node("mixed", Reshape{{1, 8, 16, 4}}, {both});
  rounding(b, "logits", b.conv("head", b.global_pool("pool", mixed), 3), 0.05f, 100);
  return std::move(b.graph);
}

TEST(Roundings, ChannelsOfTwoScalesAreCopiedInFrontOfWhatMixesThem) {
  const auto made = quantize(mixed_network(true), nullptr, some_inputs(256, 1), {});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(tensor_named(made->plan, "concat").scale.size(), 8u);
  EXPECT_EQ(tensor_named(made->plan, "concat.even").type, ElementType::i16);
  EXPECT_EQ(tensor_named(made->plan, "mixed").scale.size(), 1u);
}

TEST(Roundings, ChannelsWithAPairAndWithoutThatAreMixedAreRefused) {
  const auto refused = quantize(mixed_network(false), nullptr, some_inputs(256, 1), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
  EXPECT_NE(refused.error().message.find("a_pair"), std::string::npos) << refused.error().message;
}

TEST(Roundings, BytesOfTheFileStayBytesBesideOneTensorThatCouldBeWider) {
  // One pixel, read by a convolution alone: calibration would store it in 16 bits.
  GraphBuilder b({1, 8, 8, 4}, 3);
  const TensorId pool = b.global_pool("pool", b.graph.input);
  const TensorId given = rounding(b, "given_pair", b.conv("given", pool, 4), 0.1f, 128);
  const TensorId both = b.node("concat", Concat{3}, {b.conv("bare", pool, 4), given});
  b.conv("head", both, 3);
  const auto made = quantize(b.graph, nullptr, some_inputs(256, 1), {});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(tensor_named(made->plan, "given_pair").type, ElementType::u8);
  EXPECT_EQ(tensor_named(made->plan, "bare").type, ElementType::u8);
  QuantizeOptions options;
  options.int16_nodes = {"bare"};
  const auto refused = quantize(b.graph, nullptr, some_inputs(256, 1), options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::usage);
  EXPECT_NE(refused.error().message.find("'bare' is joined with"), std::string::npos)
      << refused.error().message;
}

TEST(Roundings, ThousandsOfPairsOverConcatsTakeNoTime) {
  GraphBuilder b({1, 4}, 3);
  const TensorId x = rounding(b, "input_pair", b.graph.input, 0.02f, 120);
  TensorId tree = x;
  for (int i = 0; i < 4000; ++i) {
    const TensorId both = b.node(concat("both", i), Concat{1}, {tree, tree});
    tree = b.node(concat("half", i), Slice{{0, 0}, {1, 4}, {1, 1}}, {both});
    rounding(b, concat("pair", i), tree, 0.02f, 120);
  }
  const auto start = std::chrono::steady_clock::now();
  const auto formed = form_what_can(b.graph);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 1.0);
  EXPECT_EQ(formed.formed.steps.size(), 8000u);
}

// input -> pair -> conv by `levels` (one row a logit, 1x1) -> pair -> conv -> pair
Graph network_of_levels(const std::vector<int>& levels, float scale, std::vector<float> bias,
                        Grid input = {{0.02f}, {120}}, int64_t channels = 4) {
  GraphBuilder b({1, 2, 2, channels}, 3);
  const TensorId x = b.node("input_pair", FakeQuantize{std::move(input), 0}, {b.graph.input});
  const TensorId y = b.conv("wide", x, static_cast<int64_t>(levels.size()) / channels, {.size = 1});
  const Node& conv = b.graph.nodes.back();
  std::vector<float> values;
  for (const int level : levels) values.push_back(static_cast<float>(level) * scale);
  b.graph.tensors[conv.inputs[1]].values =
      std::make_shared<const std::vector<float>>(std::move(values));
  b.graph.tensors[conv.inputs[2]].values =
      std::make_shared<const std::vector<float>>(std::move(bias));
  Whole last;
  const TensorId z = rounding(b, "wide_pair", y, 0.03f, 128);
  rounding(b, "logits", whole_conv(b, "last", b.global_pool("pool", z), 3, last), 0.05f, 100);
  return std::move(b.graph);
}

const Step& step_making(const Plan& plan, const std::string& name) {
  for (const Step& step : plan.steps) {
    if (plan.tensors[step.output].name == name) return step;
  }
  ADD_FAILURE() << "no step makes " << name;
  return plan.steps[0];
}

TEST(Roundings, WeightsOfNineBitsAreReadByParts) {
  const std::vector<int> levels{255, -3, 200, 127, -255, 0, -128, 1};
  Graph graph = network_of_levels(levels, 0.00137f, {0, 0});
  const auto made = quantize(graph, nullptr, some_inputs(16, 1), {});
  ASSERT_TRUE(made) << made.error().message;
  const auto& conv = std::get<ConvolutionStep>(step_making(made->plan, "wide_pair").op);
  const size_t parts = conv.weights.size() / levels.size();
  ASSERT_EQ(parts, 3u);  // 255 is 127 + 127 + 1
  for (size_t i = 0; i < levels.size(); ++i) {
    int sum = 0;
    for (size_t part = 0; part < parts; ++part) {
      sum += conv.weights[(i / 4 * parts + part) * 4 + i % 4];
    }
    EXPECT_EQ(sum, levels[i]) << i;
  }
  const auto& gather = std::get<GatherStep>(
      step_making(made->plan,
                  made->plan.tensors[step_making(made->plan, "wide_pair").inputs[0]].name)
          .op);
  EXPECT_EQ(gather.channels, (std::vector<int32_t>{0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3}));
}

TEST(Roundings, WeightsOfMoreBitsAreWarnedOf) {
  const auto made = quantize(network_of_levels({30000, -17, 255, 12345}, 0.0001f, {0}), nullptr,
                             some_inputs(16, 1), {});
  ASSERT_TRUE(made) << made.error().message;
  const auto names_it = [](const std::string& w) { return w.find("'wide'") != std::string::npos; };
  EXPECT_TRUE(std::any_of(made->warnings.begin(), made->warnings.end(), names_it));
}

TEST(Roundings, WeightsOfSixteenBitsOverSixteenAreTheFiles) {
  const std::vector<int> levels{32767, -32768, 255, 12345, -1, 256, 32767, -300};
  const Grid words{{0.02f / 256}, {32768}, 65535};
  const auto made = quantize(network_of_levels(levels, 0.0001f, {0, 0.5f}, words), nullptr,
                             some_inputs(16, 1), {});
  ASSERT_TRUE(made) << made.error().message;
  const auto names_it = [](const std::string& w) { return w.find("'wide'") != std::string::npos; };
  EXPECT_TRUE(std::none_of(made->warnings.begin(), made->warnings.end(), names_it));
  const auto& conv = std::get<ConvolutionStep>(step_making(made->plan, "wide_pair").op);
  EXPECT_EQ(conv.weight_type, ElementType::i16);
  for (size_t i = 0; i < levels.size(); ++i) EXPECT_EQ(weight_of(conv, i), levels[i]) << i;
  // 0.5 in units of 0.02 / 256 * 0.0001, and the zero points' share.
  const int64_t first = levels[0] + levels[1] + levels[2] + levels[3];
  const int64_t second = levels[4] + levels[5] + levels[6] + levels[7];
  EXPECT_EQ(bias_of(conv, 0), -32768 * first);
  EXPECT_NEAR(double(bias_of(conv, 1) + 32768 * second), 0.5 / (0.02 / 256 * 0.0001), 100);
}

TEST(Roundings, BiasesThatZeroPointsOfSixteenBitsMakeWideStayExact) {
  constexpr int64_t channels = 300;
  const Grid words{{0.02f / 256}, {65535}, 65535};
  const auto made =
      quantize(network_of_levels(std::vector<int>(channels, 127), 0.01f, {0}, words, channels),
               nullptr, some_inputs(4 * channels, 1), {});
  ASSERT_TRUE(made) << made.error().message;
  const auto& conv = std::get<ConvolutionStep>(step_making(made->plan, "wide_pair").op);
  ASSERT_EQ(conv.weight_type, ElementType::i16);
  EXPECT_EQ(weight_of(conv, 0), 127);
  EXPECT_EQ(bias_of(conv, 0), -int64_t{65535} * 127 * channels);  // 2.5e9
}

TEST(Roundings, WhatABiasHasBeyondWholeUnitsIsAResidual) {
  // A unit is 0.01 * 0.02; the biases are 10.25 and -3.4 units.
  const std::vector<float> bias{10.25f * 0.0002f, -3.4f * 0.0002f};
  const auto made = quantize(network_of_levels({127, 5, -7, 9, 127, 1, 2, 3}, 0.01f, bias), nullptr,
                             some_inputs(16, 1), {});
  ASSERT_TRUE(made) << made.error().message;
  const Step& step = step_making(made->plan, "wide_pair");
  const auto& conv = std::get<ConvolutionStep>(step.op);
  ASSERT_TRUE(conv.epilogue.has_residual);
  const Step& rest = step_making(made->plan, made->plan.tensors[step.inputs.back()].name);
  EXPECT_EQ(made->plan.tensors[rest.output].shape, (std::array<int32_t, 4>{1, 1, 1, 2}));
  const auto& values = std::get<ConstantStep>(rest.op).values;
  const std::vector<double> units{10.25, -3.4};
  const std::vector<int> sums{127 + 5 - 7 + 9, 127 + 1 + 2 + 3};
  for (size_t o = 0; o < 2; ++o) {
    const auto& mx = conv.epilogue.residual_multiplier;
    const auto& m = conv.epilogue.multiplier;
    const double part = values[o] * double{mx[mx.size() == 1 ? 0 : o]} / m[m.size() == 1 ? 0 : o];
    EXPECT_NEAR(conv.bias[o] + 120 * sums[o] + part, units[o], 1e-3) << o;
  }
  const auto whole = quantize(
      network_of_levels({127, 5, -7, 9, 127, 1, 2, 3}, 0.01f, {10 * 0.0002f, -3 * 0.0002f}),
      nullptr, some_inputs(16, 1), {});
  ASSERT_TRUE(whole) << whole.error().message;
  const auto& plain = std::get<ConvolutionStep>(step_making(whole->plan, "wide_pair").op);
  EXPECT_FALSE(plain.epilogue.has_residual) << "whole numbers leave nothing";
}

TEST(StoredScale, IsTheFilesToTheBit) {
  std::mt19937_64 random(5);
  for (int trial = 0; trial < 2000; ++trial) {
    SCOPED_TRACE(concat("seed 5, trial ", trial));
    const float scale = std::ldexp(1.0f + static_cast<float>(random() % 8388608) / 8388608.0f,
                                   static_cast<int>(random() % 40) - 30);
    std::vector<float> row(9 + random() % 30);
    for (float& w : row) w = scale * static_cast<float>(static_cast<int>(random() % 255) - 127);
    row[random() % row.size()] = scale * (random() % 2 == 0 ? 127.0f : -127.0f);
    EXPECT_EQ(stored_scale(row), scale);
  }
}

TEST(StoredScale, OfARowWithACommonFactorStillGivesItsWeights) {
  const float scale = 0.0123f;
  const std::vector<float> row{scale * 6, scale * -9, 0, scale * 3};
  const auto found = stored_scale(row);
  ASSERT_TRUE(found);
  for (const float w : row) {
    EXPECT_EQ(std::rint(w / *found) * *found, w);
    EXPECT_LE(std::fabs(w / *found), 128);
  }
  EXPECT_EQ(stored_scale(std::vector<float>{scale * 127, 0, 0}), scale);
}

TEST(StoredScale, KnowsTheLeastByte) {
  const float scale = 0.37f;
  EXPECT_EQ(stored_scale(std::vector<float>{scale * -128, scale * 77}), scale);
  EXPECT_FALSE(stored_scale(std::vector<float>{scale * 128, scale * 77, scale}));
}

TEST(StoredScale, KnowsLevelsOfWiderIntegers) {
  const float scale = 0.0123f;
  const std::vector<float> bytes{scale * 251, scale * -104, scale * 3};
  EXPECT_FALSE(stored_scale(bytes));
  EXPECT_EQ(stored_scale(bytes, levels_of_any_byte), scale);
  const std::vector<float> words{scale * 65521, scale * -1999, scale * 7};
  EXPECT_FALSE(stored_scale(words, levels_of_any_byte));
  EXPECT_EQ(stored_scale(words, levels_of_any_word), scale);
}

TEST(StoredScale, FloatsHaveNone) {
  EXPECT_FALSE(stored_scale(std::vector<float>{0.1f, 0.237f, -0.55123f, 0.031f}));
  EXPECT_FALSE(stored_scale(std::vector<float>{1, std::nanf("")}));
  EXPECT_FALSE(stored_scale(std::vector<float>{1, std::numeric_limits<float>::infinity()}));
  EXPECT_TRUE(stored_scale(std::vector<float>{0, 0}));
}

}  // namespace
}  // namespace octavo
