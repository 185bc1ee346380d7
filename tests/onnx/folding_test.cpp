// Arithmetic on constants and shapes is done while the file is imported. What a test
// expects is worked out by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "base/text.h"
#include "onnx/model_writer.h"

namespace octavo::test {
namespace {

// y = x + c, where `nodes` make c; the folded c.
Tensor folded_addend(std::vector<NodeText> nodes, std::vector<TensorBytes> initializers = {},
                     int64_t opset = 13) {
  ModelText model;
  model.nodes = std::move(nodes);
  model.nodes.push_back({"Add", {"x", "c"}, {"y"}});
  model.initializers = std::move(initializers);
  model.opset = opset;
  const Graph graph = graph_of(model);
  const Node* add = only_node<Binary>(graph);
  EXPECT_EQ(graph.nodes.size(), 1u);
  if (add == nullptr) return {};
  EXPECT_TRUE(graph.tensors[add->inputs[1]].is_constant());
  return graph.tensors[add->inputs[1]];
}

// y = Reshape(x, s), where `nodes` make s; the shape of y.
Shape reshaped_by(std::vector<NodeText> nodes, std::vector<TensorBytes> initializers = {},
                  int64_t opset = 13) {
  ModelText model;
  model.nodes = std::move(nodes);
  model.nodes.push_back({"Reshape", {"x", "s"}, {"y"}});
  model.initializers = std::move(initializers);
  model.opset = opset;
  const Graph graph = graph_of(model);
  EXPECT_EQ(graph.nodes.size(), 1u);
  return graph.tensors.empty() ? Shape{} : graph.tensors[graph.output].shape;
}

NodeText constant(const std::string& name, const Shape& shape, const std::vector<float>& values) {
  return {"Constant", {}, {name}, {attribute("value", float_tensor(shape, values))}};
}
NodeText integers(const std::string& name, const std::vector<int64_t>& values) {
  const Shape shape{static_cast<int64_t>(values.size())};
  return {"Constant", {}, {name}, {attribute("value", int64_tensor(shape, values))}};
}
NodeText integer(const std::string& name, int64_t value) {
  return {"Constant", {}, {name}, {attribute("value", int64_tensor({}, {value}))}};
}

TEST(Folding, ComputesATargetShapeFromTheInputsShape) {
  // [1, 3 * 8, 8] as PyTorch's exporter writes x.view(x.size(0), x.size(1) * x.size(2), -1).
  EXPECT_EQ(reshaped_by({{"Shape", {"x"}, {"shape"}},
                         integer("one", 1),
                         integer("two", 2),
                         {"Gather", {"shape", "one"}, {"c"}, {attribute("axis", 0)}},
                         {"Gather", {"shape", "two"}, {"h"}, {attribute("axis", 0)}},
                         {"Mul", {"c", "h"}, {"ch"}},
                         integers("axes", {0}),
                         {"Unsqueeze", {"ch", "axes"}, {"chs"}},
                         integers("first", {1}),
                         integers("rest", {-1}),
                         {"Concat", {"first", "chs", "rest"}, {"s"}, {attribute("axis", 0)}}}),
            (Shape{1, 24, 8}));
}

TEST(Folding, DividesIntegersTowardsZeroAndTakesTheModulusOfTheDivisorsSign) {
  const auto quotient = [](const char* op, int64_t a, int64_t b) {
    const Tensor c = folded_addend({integer("a", a),
                                    integer("b", b),
                                    {op, {"a", "b"}, {"q"}},
                                    {"Cast", {"q"}, {"c"}, {attribute("to", 1)}}});
    return c.values ? (*c.values)[0] : NAN;
  };
  EXPECT_EQ(quotient("Div", -7, 2), -3);
  EXPECT_EQ(quotient("Div", 7, -2), -3);
  EXPECT_EQ(quotient("Mod", -7, 3), 2);
  EXPECT_EQ(quotient("Mod", 7, -3), -2);
  EXPECT_EQ(quotient("Mod", 6, 3), 0);
  EXPECT_EQ(quotient("Sub", 5, 9), -4);
}

TEST(Folding, RefusesAnIntegerDivisionByZero) {
  for (const char* op : {"Div", "Mod"}) {
    ModelText model;
    model.nodes = {
        integer("a", 1), integer("b", 0), {op, {"a", "b"}, {"s"}}, {"Reshape", {"x", "s"}, {"y"}}};
    EXPECT_NE(error_of(model).find(op), std::string::npos);
  }
}

TEST(Folding, SlicesBackwardsAndToAnEmptyList) {
  // [8, 8, 3, 1] reversed, and the empty part of a Concat adds nothing.
  EXPECT_EQ(reshaped_by({{"Shape", {"x"}, {"shape"}},
                         integers("start", {-1}),
                         integers("end", {INT64_MIN}),
                         integers("axis", {0}),
                         integers("back", {-1}),
                         {"Slice", {"shape", "start", "end", "axis", "back"}, {"reversed"}},
                         integers("none", {0}),
                         {"Slice", {"shape", "none", "none"}, {"empty"}},
                         {"Concat", {"empty", "reversed"}, {"s"}, {attribute("axis", 0)}}}),
            (Shape{8, 8, 3, 1}));
}

TEST(Folding, ShapeTakesAStartAndAnEnd) {
  EXPECT_EQ(reshaped_by({{"Shape", {"x"}, {"tail"}, {attribute("start", -3), attribute("end", -1)}},
                         integers("rest", {-1}),
                         {"Concat", {"tail", "rest"}, {"s"}, {attribute("axis", 0)}}},
                        {}, 15),
            (Shape{3, 8, 8}));
}

TEST(Folding, RunsTheFunctionsOfPositionEncodings) {
  const Tensor c = folded_addend(
      {integers("size", {1, 4}),
       {"ConstantOfShape", {"size"}, {"ones"}, {attribute("value", float_tensor({1}, {1}))}},
       integer("axis", 1),
       {"CumSum", {"ones", "axis"}, {"steps"}},
       {"Sin", {"steps"}, {"sine"}},
       {"Cos", {"steps"}, {"cosine"}},
       {"Concat", {"sine", "cosine"}, {"c"}, {attribute("axis", 1)}}});
  ASSERT_TRUE(c.values);
  ASSERT_EQ(c.shape, (Shape{1, 8}));
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_FLOAT_EQ((*c.values)[i], std::sin(static_cast<float>(i + 1)));
    EXPECT_FLOAT_EQ((*c.values)[4 + i], std::cos(static_cast<float>(i + 1)));
  }
}

TEST(Folding, RunsAConvolutionOfConstants) {
  // A 1x1 convolution of [1, 2, 1, 2]: channel sums weighted by 10 and 1.
  const Tensor c = folded_addend(
      {
          constant("map", {1, 2, 1, 2}, {1, 2, 3, 4}),
          constant("w", {1, 2, 1, 1}, {10, 1}),
          constant("b", {1}, {100}),
          {"Conv", {"map", "w", "b"}, {"pixels"}},
          integers("one", {1}),
          {"Slice", {"pixels", "one", "two", "axis"}, {"c"}},
      },
      {int64_tensor({1}, {2}, "two"), int64_tensor({1}, {3}, "axis")});
  ASSERT_TRUE(c.values);
  EXPECT_EQ(c.shape, (Shape{1, 1, 1, 1}));
  EXPECT_EQ(*c.values, (std::vector<float>{124}));
}

TEST(Folding, MultipliesAndReducesMatrices) {
  const Tensor c =
      folded_addend({constant("a", {2, 3}, {1, 2, 3, 4, 5, 6}),
                     {"Transpose", {"a"}, {"t"}},
                     {"MatMul", {"a", "t"}, {"m"}},  // 14 32, 32 77
                     {"ReduceMax",
                      {"m"},
                      {"c"},
                      {attribute("axes", std::vector<int64_t>{0, -1}), attribute("keepdims", 0)}}});
  ASSERT_TRUE(c.values);
  EXPECT_EQ(c.shape, Shape{});
  EXPECT_EQ(*c.values, std::vector<float>{77});
}

TEST(Folding, ComparesAndChooses) {
  const Tensor c = folded_addend({integer("zero", 0),
                                  integer("eight", 8),
                                  integer("one", 1),
                                  {"Range", {"zero", "eight", "one"}, {"i"}},
                                  integer("three", 3),
                                  {"Less", {"i", "three"}, {"low"}},
                                  {"Equal", {"i", "eight"}, {"never"}},
                                  {"Or", {"low", "never"}, {"either"}},
                                  {"Not", {"either"}, {"high"}},
                                  constant("yes", {}, {2}),
                                  constant("no", {1}, {-1}),
                                  {"Where", {"high", "yes", "no"}, {"c"}}});
  ASSERT_TRUE(c.values);
  EXPECT_EQ(*c.values, (std::vector<float>{-1, -1, -1, 2, 2, 2, 2, 2}));
}

TEST(Folding, GathersFromTheEndAndExpands) {
  const Tensor c = folded_addend({constant("table", {3, 1, 1}, {5, 6, 7}),
                                  integers("rows", {-1, 0, -1}),
                                  {"Gather", {"table", "rows"}, {"taken"}, {attribute("axis", 0)}},
                                  integers("wide", {1, 1, 2}),
                                  {"Expand", {"taken", "wide"}, {"pairs"}},
                                  {"ReduceSum", {"pairs", "last"}, {"c"}}},
                                 {int64_tensor({1}, {-1}, "last")});
  ASSERT_TRUE(c.values);
  EXPECT_EQ(c.shape, (Shape{3, 1, 1}));
  EXPECT_EQ(*c.values, (std::vector<float>{14, 10, 14}));
}

TEST(Folding, WidensHalfPrecisionExactly) {
  // 1.5, -2, the smallest subnormal, the largest number.
  const std::string half("\x00\x3e\x00\xc0\x01\x00\xff\x7b", 8);
  const std::vector<float> expected{1.5f, -2.0f, 0x1p-24f, 65504.0f};
  const Tensor c = folded_addend({{"Concat", {"h", "h"}, {"c"}, {attribute("axis", 0)}}},
                                 {raw_tensor(10, {4}, half, "h")});
  ASSERT_TRUE(c.values);
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ((*c.values)[i], expected[i % 4]);
}

TEST(Folding, WidensDoublesAndBfloat16) {
  const double value = 0.1;
  std::string raw(reinterpret_cast<const char*>(&value), sizeof value);
  Tensor c = folded_addend({{"Neg", {"d"}, {"c"}}}, {raw_tensor(11, {}, raw, "d")});
  ASSERT_TRUE(c.values);
  EXPECT_EQ((*c.values)[0], -0.1f);
  c = folded_addend({{"Neg", {"b"}, {"c"}}}, {raw_tensor(16, {}, std::string("\x40\x40", 2), "b")});
  ASSERT_TRUE(c.values);
  EXPECT_EQ((*c.values)[0], -3.0f);
}

TEST(Folding, KeepsToItsBudget) {
  // 2^30 elements from a file of 200 bytes.
  ModelText model;
  model.nodes = {integers("size", {1 << 15, 1 << 15}),
                 {"ConstantOfShape", {"size"}, {"c"}},
                 {"Add", {"x", "c"}, {"y"}}};
  EXPECT_NE(error_of(model).find("memory"), std::string::npos);
  model.nodes = {integers("size", {1, 1, 1, 1 << 30}),
                 constant("one", {1}, {1}),
                 {"Expand", {"one", "size"}, {"c"}},
                 {"Add", {"x", "c"}, {"y"}}};
  EXPECT_NE(error_of(model).find("memory"), std::string::npos);
}

// Twenty constants of 2^20 elements, which fit into the budget one after the other: all of them are
// held at once only where something reads all.
TEST(Folding, WhatNothingHoldsAnyMoreCountsNoMore) {
  const auto model_of = [](bool joined) {
    ModelText model;
    model.nodes = {integers("size", {1, 1, 1024, 1024}),
                   constant("half", {1}, {0.5f}),
                   {"Expand", {"half", "size"}, {"v0"}}};
    Names all;
    for (int i = 1; i <= 20; ++i) {
      const std::string from = concat("v", i - 1), to = concat("v", i);
      model.nodes.push_back({"Neg", {from}, {to}});
      all.push_back(to);
    }
    if (joined) {
      model.nodes.push_back({"Concat", all, {"whole"}, {attribute("axis", 1)}});
      model.nodes.push_back({"ReduceSum", {"whole"}, {"c"}, {attribute("keepdims", 0)}});
    } else {
      model.nodes.push_back({"ReduceSum", {"v20"}, {"c"}, {attribute("keepdims", 0)}});
    }
    model.nodes.push_back({"Add", {"x", "c"}, {"y"}});
    return model;
  };
  EXPECT_EQ(graph_of(model_of(false)).nodes.size(), 1u);
  EXPECT_NE(error_of(model_of(true)).find("memory"), std::string::npos);
}

}  // namespace
}  // namespace octavo::test
