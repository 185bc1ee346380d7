// Functions of the file and branches that it decides become plain nodes; those that never end do
// not. What they compute is compared with ONNX Runtime by tests/command/tiny/choices.py.
#include <gtest/gtest.h>

#include "base/text.h"
#include "onnx/model_writer.h"

namespace octavo::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TensorBytes truth(const std::string& name, bool value) {
  return raw_tensor(9, {}, value ? std::string("\x01", 1) : std::string("\x00", 1), name);
}

ModelText calling(NodeText call, std::vector<FunctionText> functions) {
  ModelText model;
  model.nodes = {std::move(call)};
  model.functions = std::move(functions);
  return model;
}

TEST(Inline, ACallBecomesTheFunctionsNodesUnderItsName) {
  const Graph graph = graph_of(
      calling({"Twice", {"x"}, {"y"}, {}, "block", "mine"},
              {{"mine",
                "Twice",
                {"a"},
                {"c"},
                {{"Relu", {"a"}, {"b"}, {}, "first"}, {"Exp", {"b"}, {"c"}, {}, "second"}}}}));
  ASSERT_EQ(graph.nodes.size(), 2u);
  EXPECT_EQ(graph.nodes[0].name, "block/first");
  EXPECT_EQ(graph.nodes[1].name, "block/second");
  EXPECT_EQ(graph.tensors[graph.nodes[0].output].name, "block/b");
  EXPECT_EQ(graph.tensors[graph.output].name, "y");
}

TEST(Inline, AFunctionMayHandItsInputOn) {
  const Graph graph = graph_of(
      calling({"Same", {"x"}, {"y"}, {}, "", "mine"}, {{"mine", "Same", {"a"}, {"a"}, {}}}));
  EXPECT_EQ(graph.output, graph.input);
}

TEST(Inline, ANameThatTheFileHasAlreadyIsNotTakenTwice) {
  ModelText model =
      calling({"Mine", {"block/b"}, {"y"}, {}, "block", "mine"},
              {{"mine", "Mine", {"a"}, {"c"}, {{"Relu", {"a"}, {"b"}}, {"Exp", {"b"}, {"c"}}}}});
  model.nodes.insert(model.nodes.begin(), {"Neg", {"x"}, {"block/b"}});
  EXPECT_EQ(graph_of(model).nodes.size(), 3u);
}

TEST(Inline, AnAttributeComesFromTheCallOrIsLeftOut) {
  const FunctionText leaky{"mine",
                           "Leaky",
                           {"a"},
                           {"b"},
                           {{"LeakyRelu", {"a"}, {"b"}, {Attribute{"alpha", Reference{"slope"}}}}}};
  const auto slope = [&](std::vector<Attribute> given) {
    const Graph graph =
        graph_of(calling({"Leaky", {"x"}, {"y"}, std::move(given), "", "mine"}, {leaky}));
    return std::get<Unary>(graph.nodes.at(0).op).alpha;
  };
  EXPECT_EQ(slope({attribute("slope", 0.25f)}), 0.25f);
  EXPECT_EQ(slope({}), 0.01f);  // LeakyRelu's own
}

TEST(Inline, AFunctionThatCallsItselfIsRefused) {
  EXPECT_TRUE(contains(
      error_of(calling({"Mine", {"x"}, {"y"}, {}, "", "mine"},
                       {{"mine", "Mine", {"a"}, {"b"}, {{"Mine", {"a"}, {"b"}, {}, "", "mine"}}}})),
      "without an end"));
}

TEST(Inline, FunctionsThatDoubleOverAndOverAreRefusedInTime) {
  std::vector<FunctionText> functions;
  for (int i = 0; i < 40; ++i) {
    const std::string next = concat("F", i + 1);
    functions.push_back(
        {"mine",
         concat("F", i),
         {"a"},
         {"c"},
         {{next, {"a"}, {"b"}, {}, "", "mine"}, {next, {"b"}, {"c"}, {}, "", "mine"}}});
  }
  functions.push_back({"mine", "F40", {"a"}, {"b"}, {{"Relu", {"a"}, {"b"}}}});
  EXPECT_TRUE(
      contains(error_of(calling({"F0", {"x"}, {"y"}, {}, "", "mine"}, functions)), "nodes"));
}

TEST(Inline, AFunctionOfAnotherOpsetIsRefused) {
  const std::string error =
      error_of(calling({"Mine", {"x"}, {"y"}, {}, "", "mine"},
                       {{"mine", "Mine", {"a"}, {"b"}, {{"Relu", {"a"}, {"b"}}}, 18}}));
  EXPECT_TRUE(contains(error, "opset 18")) << error;
}

ModelText choosing(NodeText choice, bool condition) {
  ModelText model;
  model.nodes = {std::move(choice)};
  model.initializers = {truth("c", condition)};
  return model;
}

NodeText if_node(GraphBytes then_branch, GraphBytes else_branch,
                 const std::string& condition = "c") {
  return {"If",
          {condition},
          {"y"},
          {{"then_branch", std::move(then_branch)}, {"else_branch", std::move(else_branch)}},
          "if"};
}

TEST(Inline, AnIfIsTheBranchThatItsConditionTakes) {
  const GraphBytes relu = branch({{"Relu", {"x"}, {"b"}, {}, "r"}}, {"b"});
  const GraphBytes tanh = branch({{"Tanh", {"x"}, {"b"}, {}, "t"}}, {"b"});
  for (const bool condition : {true, false}) {
    const Graph graph = graph_of(choosing(if_node(relu, tanh), condition));
    ASSERT_EQ(graph.nodes.size(), 1u);
    EXPECT_EQ(graph.nodes[0].name, condition ? "if/then_branch/r" : "if/else_branch/t");
  }
}

TEST(Inline, WhatNoBranchTakesMayBeUnknown) {
  const GraphBytes unknown =
      branch({{"NonZero", {"x"}, {"i"}}, {"Cast", {"i"}, {"b"}, {attribute("to", 1)}}}, {"b"});
  const GraphBytes relu = branch({{"Relu", {"x"}, {"b"}}}, {"b"});
  EXPECT_EQ(graph_of(choosing(if_node(unknown, relu), false)).nodes.size(), 1u);
  EXPECT_TRUE(contains(error_of(choosing(if_node(unknown, relu), true)), "NonZero"));
}

TEST(Inline, AConditionThatAPictureDecidesIsRefused) {
  const GraphBytes relu = branch({{"Relu", {"x"}, {"b"}}}, {"b"});
  EXPECT_TRUE(
      contains(error_of(choosing(if_node(relu, relu, "x"), true)), "condition is computed"));
}

TEST(Inline, AnIfWithoutABranchIsRefused) {
  EXPECT_TRUE(contains(error_of(choosing({"If", {"c"}, {"y"}}, true)), "then_branch"));
  EXPECT_TRUE(
      contains(error_of(choosing(if_node(branch({}, {}), branch({}, {})), true)), "1 outputs"));
}

TEST(Inline, GraphsThatAreNestedTooDeeplyAreRefused) {
  NodeText node{"Relu", {"x"}, {"b"}};
  for (int depth = 0; depth < 40; ++depth) {
    node = if_node(branch({node}, {"b"}), branch({node}, {"b"}));
    node.outputs = {"b"};
    if (depth > 3) {  // the other side small, or the file doubles each time
      node.attributes[1] = {"else_branch", branch({{"Relu", {"x"}, {"b"}}}, {"b"})};
    }
  }
  node.outputs = {"y"};
  EXPECT_TRUE(contains(error_of(choosing(node, true)), "nested too deeply"));
}

}  // namespace
}  // namespace octavo::test
