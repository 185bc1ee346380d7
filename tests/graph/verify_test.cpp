// Each thing that verify() promises is broken once.
#include <gtest/gtest.h>

#include <limits>

#include "graph/graph.h"

namespace octavo {
namespace {

// input [1, 4, 4, 2] -> conv2d [1, 4, 4, 3] -> relu: the output.
Graph small_graph() {
  Graph graph;
  graph.input = graph.add_tensor("input", {1, 4, 4, 2});
  const TensorId weight = graph.add_constant("weight", {3, 1, 1, 2}, {1, 2, 3, 4, 5, 6});
  const TensorId bias = graph.add_constant("bias", {3}, {1, 2, 3});
  const TensorId middle = graph.add_tensor("middle", {1, 4, 4, 3});
  graph.output = graph.add_tensor("output", {1, 4, 4, 3});
  graph.nodes.push_back({"conv", {}, Conv2d{}, {graph.input, weight, bias}, middle});
  graph.nodes.push_back({"relu", {}, Unary{Unary::Kind::relu}, {middle}, graph.output});
  return graph;
}

void expect_refused(const Graph& graph, const std::string& words) {
  const Status status = verify(graph);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::rejected);
  EXPECT_NE(status.error().message.find(words), std::string::npos) << status.error().message;
}

TEST(Verify, ASoundGraphPasses) {
  const Status status = verify(small_graph());
  EXPECT_TRUE(status) << status.error().message;
}

TEST(Verify, IdsAreInRange) {
  Graph graph = small_graph();
  graph.nodes[1].inputs[0] = 99;
  expect_refused(graph, "operand 0 is tensor 99 of 5");
  graph = small_graph();
  graph.nodes[1].output = 99;
  expect_refused(graph, "the output is tensor 99 of 5");
  graph = small_graph();
  graph.output = 99;
  expect_refused(graph, "the graph's output is tensor 99");
  graph = small_graph();
  graph.input = 99;
  expect_refused(graph, "the graph's input is tensor 99");
}

TEST(Verify, EveryTensorHasOneMaker) {
  Graph graph = small_graph();
  graph.nodes[1].output = graph.nodes[0].output;
  expect_refused(graph, "has another maker");
  graph = small_graph();
  graph.nodes[0].output = graph.input;
  expect_refused(graph, "another maker");
  graph = small_graph();
  graph.nodes[0].output = graph.nodes[0].inputs[2];
  expect_refused(graph, "another maker");
}

TEST(Verify, NothingIsReadBeforeItIsMade) {
  Graph graph = small_graph();
  std::swap(graph.nodes[0], graph.nodes[1]);
  expect_refused(graph, "reads 'middle' before anything makes it");
}

TEST(Verify, ShapesAreThoseThatOperandsGive) {
  Graph graph = small_graph();
  graph.tensors[graph.output].shape = {1, 4, 4, 4};
  expect_refused(graph, "has the shape [1, 4, 4, 4], the operands give [1, 4, 4, 3]");
}

TEST(Verify, ConstantsAreWholeAndFinite) {
  Graph graph = small_graph();
  graph.tensors[1].values = std::make_shared<const std::vector<float>>(5, 1.0f);
  expect_refused(graph, "holds 5 values");
  graph = small_graph();
  graph.tensors[2].values = std::make_shared<const std::vector<float>>(
      std::vector<float>{1, std::numeric_limits<float>::infinity(), 1});
  expect_refused(graph, "constant 'bias' has inf at element 1");
  graph.tensors[2].values = std::make_shared<const std::vector<float>>(
      std::vector<float>{std::numeric_limits<float>::quiet_NaN(), 1, 1});
  expect_refused(graph, "at element 0");
}

TEST(Verify, ParametersAreConstants) {
  Graph graph = small_graph();
  graph.tensors[1].values = nullptr;
  expect_refused(graph, "before anything makes it");
  graph = small_graph();
  const TensorId computed = graph.add_tensor("computed", {3, 1, 1, 2});
  graph.nodes.insert(graph.nodes.begin(), {"make", {}, Unary{Unary::Kind::relu}, {1}, computed});
  graph.nodes[1].inputs[1] = computed;
  expect_refused(graph, "'computed' must be a constant");
}

TEST(Verify, TheInputIsAPictureOrAVector) {
  Graph graph = small_graph();
  graph.tensors[graph.input].shape = {2, 4, 4, 2};
  expect_refused(graph, "batch 1");
  graph.tensors[graph.input].shape = {4, 4, 2};
  expect_refused(graph, "the graph's input 'input'");
  graph = small_graph();
  graph.input = 1;
  expect_refused(graph, "is a constant");
}

TEST(Verify, TheOutputDependsOnTheInput) {
  Graph graph = small_graph();
  graph.nodes[1].inputs[0] = graph.add_constant("fixed", {1, 4, 4, 3}, std::vector<float>(48, 1));
  expect_refused(graph, "does not depend on its input");
}

TEST(Verify, SizesAreBounded) {
  Graph graph = small_graph();
  graph.add_tensor("huge", {int64_t{1} << 31, 2});
  expect_refused(graph, "more than 2147483648 elements");
}

TEST(Verify, HostileNamesStayOnOneLine) {
  Graph graph = small_graph();
  graph.nodes[0].name = "conv\n\x1b[2J";
  graph.nodes[0].inputs.pop_back();
  graph.nodes[0].inputs.pop_back();
  const Status status = verify(graph);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message.find_first_of("\n\x1b"), std::string::npos);
}

}  // namespace
}  // namespace octavo
