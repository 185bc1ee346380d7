// Attention and what stands around it: which steps it becomes, and integers that follow the
// float network.
#include <gtest/gtest.h>

#include <map>

#include "quantize/build_graph.h"
#include "quantize/prepare.h"
#include "quantize/quantize.h"
#include "quantize/small_pictures.h"
#include "quantize/types.h"

namespace octavo {
namespace {

using testing::GraphBuilder;
using testing::logits_cosine;
using testing::pictures;
using testing::side;
using testing::small_preprocess;
using Kind = Unary::Kind;

constexpr int64_t tokens = 64, width = 16, heads = 2, depth = width / heads;

// Of a network that is fed pictures.
Graph prepared(Graph graph) {
  graph.normalization = Normalization{};
  auto out = prepare_for_steps(std::move(graph));
  EXPECT_TRUE(out) << out.error().message;
  return *std::move(out);
}

struct Block : GraphBuilder {
  explicit Block(uint64_t seed) : GraphBuilder({1, side, side, 3}, seed) {}

  TensorId constant(const std::string& name, Shape shape, float deviation, float mean = 0) {
    const int64_t count = element_count(shape);
    return graph.add_constant(name, std::move(shape), noise(count, deviation, mean));
  }

  TensorId layer_norm(const std::string& name, TensorId x) {
    const int64_t channels = graph.tensors[x].shape.back();
    return node(name, LayerNorm{1e-6f},
                {x, constant(name + ".gamma", {channels}, 0.2f, 1),
                 constant(name + ".beta", {channels}, 0.2f)});
  }

  // [1, 8, 8, width] -> [1, heads, tokens, depth]
  TensorId to_heads(const std::string& name, TensorId x) {
    const TensorId split = node(name + ".split", Reshape{{1, tokens, heads, depth}}, {x});
    return node(name + ".turn", Transpose{{0, 2, 1, 3}}, {split});
  }

  TensorId product(const std::string& name, TensorId a, TensorId b, bool transpose_b = false) {
    return node(name, MatMul{transpose_b}, {a, b});
  }

  TensorId scaled(const std::string& name, TensorId x, float factor) {
    const int64_t channels = graph.tensors[x].shape.back();
    const auto count = static_cast<size_t>(channels);
    ChannelAffine affine;
    affine.axis = static_cast<int>(graph.tensors[x].shape.size()) - 1;
    return node(name, affine,
                {x, graph.add_constant(name + ".f", {channels}, std::vector<float>(count, factor)),
                 graph.add_constant(name + ".z", {channels}, std::vector<float>(count, 0.0f))});
  }
};

// Softmax attention with a position bias, as EfficientFormer has it.
Graph softmax_attention(uint64_t seed) {
  Block b(seed);
  const TensorId x = b.conv("stem", b.graph.input, width, {3, 2});
  const TensorId normed = b.layer_norm("norm", x);
  const TensorId q = b.to_heads("q", b.conv("q.linear", normed, width));
  const TensorId k = b.to_heads("k", b.conv("k.linear", normed, width));
  const TensorId v = b.to_heads("v", b.conv("v.linear", normed, width));
  const TensorId scores = b.scaled("scale", b.product("scores", q, k, true), 0.35f);
  const TensorId bias = b.constant("bias", {heads, tokens, tokens}, 0.5f);
  const TensorId weights =
      b.node("softmax", Softmax{3}, {b.binary("biased", Binary::Kind::add, scores, bias)});
  const TensorId mixed = b.node("join", Transpose{{0, 2, 1, 3}}, {b.product("mix", weights, v)});
  const TensorId map = b.node("map", Reshape{{1, 8, 8, width}}, {mixed});
  const TensorId sum = b.binary("residual", Binary::Kind::add, b.conv("project", map, width), x);
  const TensorId act = b.unary("gelu", Kind::gelu, b.conv("fc", b.layer_norm("norm2", sum), 32));
  b.node("flat", Reshape{{1, 10}}, {b.conv("head", b.global_pool("mean", act), 10)});
  return b.graph;
}

// Attention over channels with normalized rows and a temperature a head, a positional constant,
// a resize and a mean over tokens, as EdgeNeXt and EfficientFormerV2 have them.
Graph channel_attention(uint64_t seed) {
  Block b(seed);
  const TensorId x = b.conv("stem", b.graph.input, width, {3, 2});
  const TensorId placed =
      b.binary("position", Binary::Kind::add, x, b.constant("where", {1, 8, 8, width}, 0.5f));
  const auto rows = [&](const std::string& name) {
    const TensorId split = b.node(name + ".split", Reshape{{1, tokens, heads, depth}},
                                  {b.conv(name + ".linear", placed, width)});
    return b.node(name + ".turn", Transpose{{0, 2, 3, 1}}, {split});
  };
  const auto normalized = [&](const std::string& name, TensorId t) {
    const TensorId norm = b.node(name + ".norm", Reduce{Reduce::Kind::l2, {3}, true}, {t});
    const TensorId floored = b.unary(name + ".floor", Kind::clip, norm, 1e-12f, 3e38f);
    return b.binary(name + ".unit", Binary::Kind::divide, t, floored);
  };
  const TensorId q = normalized("q", rows("q")), k = normalized("k", rows("k"));
  const TensorId scores =
      b.binary("temper", Binary::Kind::multiply, b.product("scores", q, k, true),
               b.constant("temperature", {heads, 1, 1}, 0.3f, 2));
  const TensorId mixed = b.product("mix", b.node("softmax", Softmax{3}, {scores}), rows("v"));
  const TensorId back = b.node("turn", Transpose{{0, 3, 1, 2}}, {mixed});
  const TensorId map = b.node("map", Reshape{{1, 8, 8, width}}, {back});
  const TensorId small = b.conv("down", map, width, {3, 2});
  Resize twice;
  twice.mode = Resize::Mode::linear;
  twice.height = twice.width = 8;
  twice.scale_h = twice.scale_w = 2;
  const TensorId sum =
      b.binary("residual", Binary::Kind::add, b.node("resize", twice, {small}), placed);
  const TensorId list = b.node("tokens", Reshape{{1, tokens, width}}, {sum});
  const TensorId mean = b.node("mean", Reduce{Reduce::Kind::mean, {1}, false}, {list});
  const TensorId pixel = b.node("pixel", Reshape{{1, 1, 1, width}}, {mean});
  b.node("flat", Reshape{{1, 10}}, {b.conv("head", pixel, 10)});
  return b.graph;
}

std::map<std::string, const FormedStep*> by_output(const Graph& graph, const FormedSteps& formed) {
  std::map<std::string, const FormedStep*> out;
  for (const auto& step : formed.steps) out[graph.tensors[step.output].name] = &step;
  return out;
}

TEST(Attention, AProductTakesItsFactorAndItsBias) {
  const Graph graph = prepared(softmax_attention(1));
  const auto formed = form_steps(graph);
  ASSERT_TRUE(formed) << formed.error().message;
  const auto steps = by_output(graph, *formed);
  ASSERT_TRUE(steps.contains("biased"));
  const FormedStep& scores = *steps.at("biased");
  EXPECT_TRUE(scores.is<form::MatMul>());
  EXPECT_TRUE(scores.as<form::MatMul>()->transpose_b);
  EXPECT_TRUE(scores.has_residual);
  EXPECT_FLOAT_EQ(static_cast<float>(scores.as<form::MatMul>()->factor[0]), 0.35f);
  EXPECT_EQ(graph.tensors[scores.inputs[2]].name, "bias");
  EXPECT_TRUE(steps.at("bias")->is<form::Constant>());
  EXPECT_TRUE(steps.at("q.turn")->is<form::Permute>());
  EXPECT_TRUE(steps.at("map")->is<form::Permute>());  // with the transpose in front
  EXPECT_EQ(steps.at("map")->as<form::Permute>()->perm, (std::vector<int32_t>{0, 2, 1, 3}));
}

TEST(Attention, RightOperandsAreSignedBytesAndSoftmaxReadsSixteenBits) {
  const Graph graph = prepared(softmax_attention(2));
  const auto formed = form_steps(graph);
  ASSERT_TRUE(formed) << formed.error().message;
  const auto types = stored_types(graph, *formed, {});
  ASSERT_TRUE(types) << types.error().message;
  const auto steps = by_output(graph, *formed);
  const auto type = [&](const char* name) { return types->of[steps.at(name)->output]; };
  EXPECT_EQ(type("k.turn"), ElementType::i8);
  EXPECT_EQ(type("k.linear"), ElementType::i8);
  EXPECT_EQ(type("v.linear"), ElementType::i8);
  EXPECT_EQ(type("q.linear"), ElementType::u8);
  EXPECT_EQ(type("biased"), ElementType::i16);
  EXPECT_EQ(type("bias"), ElementType::i16);
  EXPECT_EQ(type("softmax"), ElementType::u8);
  EXPECT_EQ(type("residual"), ElementType::i16);  // only a layer norm reads it
  EXPECT_EQ(type("norm"), ElementType::u8);       // convolutions multiply it
  const auto refused = stored_types(graph, *formed, {"k.linear"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::usage);
}

TEST(Attention, AnOperandThatOthersReadTooIsStoredTwice) {
  Block b(3);
  const TensorId x = b.to_heads("x", b.conv("stem", b.graph.input, width, {3, 2}));
  const TensorId square = b.product("square", x, x, true);
  const TensorId flat = b.node("flat", Reshape{{1, 1, 1, heads * tokens * tokens}}, {square});
  b.conv("head", flat, 4);
  const Graph graph = prepared(b.graph);
  ASSERT_TRUE(form_steps(graph));
  const auto copies = std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                    [](const Node& node) { return node.name.ends_with(".right"); });
  EXPECT_EQ(copies, 1);
}

TEST(Attention, NormsAreOneStepWithTheirQuotient) {
  const Graph graph = prepared(channel_attention(4));
  const auto formed = form_steps(graph);
  ASSERT_TRUE(formed) << formed.error().message;
  const auto steps = by_output(graph, *formed);
  ASSERT_TRUE(steps.contains("q.unit"));
  EXPECT_TRUE(steps.at("q.unit")->is<form::L2Normalize>());
  EXPECT_EQ(steps.at("q.unit")->nodes.size(), 3u);
  EXPECT_TRUE(steps.at("temper")->is<form::Multiply>());  // a factor a head is no factor a channel
  EXPECT_TRUE(steps.at("resize")->is<form::Resize>());
  EXPECT_TRUE(steps.at("pixel")->is<form::Pool>());  // with the reshape behind
}

TEST(Attention, IntegersFollowTheFloatNetwork) {
  for (const uint64_t seed : {11, 12, 13}) {
    for (const Graph& graph : {softmax_attention(seed), channel_attention(seed)}) {
      const Preprocess how = small_preprocess();
      const auto quantized = quantize(graph, &how, pictures(80), {});
      ASSERT_TRUE(quantized) << "seed " << seed << ": " << quantized.error().message;
      EXPECT_TRUE(verify(quantized->plan));
      EXPECT_GT(logits_cosine(graph, quantized->plan), 0.995) << "seed " << seed;
      for (const auto& row : quantized->plan.report) {
        EXPECT_GT(row.cosine_alone, 0.99f) << quantized->plan.steps[row.step].name;
      }
    }
  }
}

TEST(Attention, EveryStepCanBeSixteenBits) {
  const Graph graph = softmax_attention(21);
  const Preprocess how = small_preprocess();
  QuantizeOptions options;
  options.int16_nodes = {"stem", "norm",     "q.linear", "biased", "softmax",
                         "mix",  "residual", "norm2",    "gelu"};
  const auto quantized = quantize(graph, &how, pictures(80), options);
  ASSERT_TRUE(quantized) << quantized.error().message;
  EXPECT_GT(logits_cosine(graph, quantized->plan), 0.9995);
}

}  // namespace
}  // namespace octavo
