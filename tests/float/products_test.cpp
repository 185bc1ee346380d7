// Convolutions and matrix products, which oneDNN computes, against sums in double precision.
#include <gtest/gtest.h>

#include "float/reference.h"

namespace octavo::test {
namespace {

int pick(std::mt19937& random, int low, int high) {
  return std::uniform_int_distribution<int>(low, high)(random);
}

TEST(FloatConv2d, WorkedOutByHand) {
  OneNode one({1, 2, 2, 1}, Conv2d{.pads = {1, 0, 0, 1}});
  Graph& graph = one.graph;
  graph.nodes[0].inputs.push_back(graph.add_constant("w", {1, 2, 2, 1}, {1, 10, 100, 1000}));
  graph.nodes[0].inputs.push_back(graph.add_constant("b", {1}, {0.5f}));
  one.finish();
  // A row of zeros above and a column of zeros on the right.
  EXPECT_EQ(run_engine(graph, {1, 2, 3, 4}),
            (std::vector<float>{2100.5f, 200.5f, 4321.5f, 402.5f}));
}

struct Kind {
  const char* name;
  int groups, in, out;  // groups, and channels a group
};

TEST(FloatConv2d, EqualsTheSumOverRandomShapes) {
  constexpr uint32_t seed = 20241;
  std::mt19937 random(seed);
  const std::vector<Kind> kinds = {{"dense", 1, 17, 9},      {"stem", 1, 3, 32},
                                   {"pointwise", 1, 24, 16}, {"grouped", 4, 8, 8},
                                   {"odd groups", 3, 5, 7},  {"depthwise", 33, 1, 1},
                                   {"multiplier", 16, 1, 2}, {"single", 1, 1, 1}};
  for (int round = 0; round < 12; ++round) {
    for (const Kind& kind : kinds) {
      const int kh = round == 0 ? 1 : pick(random, 1, 5), kw = round == 0 ? 1 : pick(random, 1, 5);
      Conv2d op;
      op.groups = kind.groups;
      op.stride = {pick(random, 1, 3), pick(random, 1, 3)};
      op.dilation = {pick(random, 1, 3), pick(random, 1, 3)};
      op.pads = {pick(random, 0, kh), pick(random, 0, kw), pick(random, 0, kh),
                 pick(random, 0, kw)};
      const int64_t height = op.dilation[0] * (kh - 1) + pick(random, 1, 8);
      const int64_t width = op.dilation[1] * (kw - 1) + pick(random, 1, 8);
      OneNode one({1, height, width, kind.groups * kind.in}, op);
      one.add_random({kind.groups * kind.out, kh, kw, kind.in}, random);
      if (round % 2) one.add_random({kind.groups * kind.out}, random);
      one.finish();
      SCOPED_TRACE(testing::Message() << kind.name << ", round " << round << ", seed " << seed);
      const int64_t count = height * width * kind.groups * kind.in;
      expect_engine_agrees(one.graph, random_values(count, random), 2e-6);
    }
  }
}

TEST(FloatConv2d, TakesABatch) {
  std::mt19937 random(3);
  OneNode one({1, 4, 5, 6}, Reshape{{4, 1, 5, 6}});
  Graph& graph = one.graph;
  const TensorId batch = graph.output;
  const TensorId weight = graph.add_constant("w", {8, 1, 3, 6}, random_values(144, random));
  graph.output = graph.add_tensor("z", {});
  graph.nodes.push_back({"conv", {}, Conv2d{}, {batch, weight}, graph.output});
  one.finish();
  expect_engine_agrees(graph, random_values(120, random));
}

struct MatMulCase {
  Shape a, b;
  bool transpose_b, b_constant, bias;
};

TEST(FloatMatMul, EqualsTheSumForEveryBroadcast) {
  constexpr uint32_t seed = 99;
  std::mt19937 random(seed);
  const std::vector<MatMulCase> cases = {
      {{1, 20}, {20, 7}, false, true, true},
      {{1, 20}, {7, 20}, true, true, false},
      {{1, 1, 6, 5}, {5, 3}, false, true, true},
      {{1, 3, 6, 5}, {1, 1, 5, 3}, false, true, false},
      {{1, 3, 6, 5}, {1, 3, 5, 4}, false, true, true},
      {{1, 3, 6, 5}, {3, 4, 5}, true, true, false},
      {{1, 3, 6, 5}, {2, 1, 5, 4}, false, true, false},
      {{1, 1, 6, 5}, {2, 3, 5, 4}, false, true, true},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    const MatMulCase& c = cases[i];
    OneNode one(c.a, MatMul{c.transpose_b});
    one.add_random(c.b, random);
    if (c.bias) one.add_random({c.transpose_b ? c.b[c.b.size() - 2] : c.b.back()}, random);
    one.finish();
    SCOPED_TRACE(testing::Message() << "case " << i << ", seed " << seed);
    expect_engine_agrees(one.graph, random_values(element_count(c.a), random), 2e-6);
  }
}

// Both operands computed, as in attention: x times x transposed, by heads.
TEST(FloatMatMul, MultipliesTwoActivations) {
  std::mt19937 random(5);
  OneNode one({1, 3, 6, 5}, MatMul{true});
  Graph& graph = one.graph;
  graph.nodes[0].inputs.push_back(graph.input);
  const TensorId scores = graph.output;
  graph.output = graph.add_tensor("z", {});
  graph.nodes.push_back({"values", {}, MatMul{}, {scores, graph.input}, graph.output});
  one.finish();
  expect_engine_agrees(graph, random_values(90, random), 2e-6);
}

}  // namespace
}  // namespace octavo::test
