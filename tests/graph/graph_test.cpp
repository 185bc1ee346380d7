#include "graph/graph.h"

#include <gtest/gtest.h>

namespace octavo {
namespace {

// Two branches of one input joined by an addition; a third that nobody reads.
Graph branched_graph() {
  Graph graph;
  graph.input = graph.add_tensor("input", {1, 4, 4, 2});
  const TensorId unused_weight = graph.add_constant("unused", {8, 1, 1, 2}, std::vector<float>(16));
  const TensorId weight = graph.add_constant("weight", {2, 3, 3, 2}, std::vector<float>(36));
  const TensorId dead = graph.add_tensor("dead", {1, 4, 4, 8});
  const TensorId a = graph.add_tensor("a", {1, 4, 4, 2});
  const TensorId b = graph.add_tensor("b", {1, 4, 4, 2});
  graph.output = graph.add_tensor("output", {1, 4, 4, 2});
  Conv2d padded;
  padded.pads = {1, 1, 1, 1};
  graph.nodes.push_back({"dead", {}, Conv2d{}, {graph.input, unused_weight}, dead});
  graph.nodes.push_back({"first", {}, padded, {graph.input, weight}, a});
  graph.nodes.push_back({"second", {}, padded, {a, weight}, b});
  graph.nodes.push_back({"sum", {"scaling"}, Binary{Binary::Kind::add}, {b, b}, graph.output});
  return graph;
}

TEST(Graph, ProducersAndConsumersMirrorEachOther) {
  const Graph graph = branched_graph();
  const auto makers = producers(graph);
  EXPECT_EQ(makers[graph.input], no_node);
  EXPECT_EQ(makers[graph.nodes[2].output], 2u);
  const auto readers = consumers(graph);
  EXPECT_EQ(readers[graph.input], (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(readers[graph.nodes[2].output], (std::vector<uint32_t>{3, 3}));
  EXPECT_TRUE(readers[graph.output].empty());
}

TEST(Graph, RemoveDeadKeepsWhatReachesTheOutput) {
  Graph graph = branched_graph();
  remove_dead(graph);
  ASSERT_EQ(graph.nodes.size(), 3u);
  EXPECT_EQ(graph.nodes[0].name, "first");
  ASSERT_EQ(graph.tensors.size(), 5u);
  EXPECT_EQ(graph.tensors[graph.input].name, "input");
  EXPECT_EQ(graph.tensors[graph.output].name, "output");
  EXPECT_EQ(graph.tensors[graph.nodes[1].inputs[1]].name, "weight");
  const Status status = verify(graph);
  EXPECT_TRUE(status) << status.error().message;
}

TEST(Graph, RemoveDeadKeepsAnUnreadInput) {
  Graph graph;
  graph.input = graph.add_tensor("input", {1, 3});
  graph.output = graph.add_constant("output", {1}, {1});
  remove_dead(graph);
  EXPECT_EQ(graph.tensors[graph.input].name, "input");
  EXPECT_EQ(graph.tensors[graph.output].name, "output");
}

TEST(Graph, CostCountsSharedWeightsOnce) {
  Graph graph = branched_graph();
  remove_dead(graph);
  EXPECT_EQ(cost(graph, graph.nodes[0]).macs, 4 * 4 * 2 * 9 * 2);
  EXPECT_EQ(cost(graph, graph.nodes[0]).parameters, 36);
  EXPECT_EQ(cost(graph, graph.nodes[2]).macs, 0);
  EXPECT_EQ(cost(graph).macs, 2 * 4 * 4 * 2 * 9 * 2);
  EXPECT_EQ(cost(graph).parameters, 36);
}

TEST(Graph, CostOfAGroupedConvolutionAndAMatrixProduct) {
  Graph graph;
  graph.input = graph.add_tensor("input", {1, 2, 2, 6});
  const TensorId weight = graph.add_constant("weight", {6, 1, 1, 1}, std::vector<float>(6));
  const TensorId bias = graph.add_constant("bias", {6}, std::vector<float>(6));
  const TensorId matrix = graph.add_constant("matrix", {6, 5}, std::vector<float>(30));
  const TensorId middle = graph.add_tensor("middle", {1, 2, 2, 6});
  graph.output = graph.add_tensor("output", {1, 2, 2, 5});
  Conv2d depthwise;
  depthwise.groups = 6;
  graph.nodes.push_back({"depthwise", {}, depthwise, {graph.input, weight, bias}, middle});
  graph.nodes.push_back({"linear", {}, MatMul{}, {middle, matrix}, graph.output});
  EXPECT_TRUE(verify(graph));
  EXPECT_EQ(cost(graph).macs, 24 + 4 * 6 * 5);
  EXPECT_EQ(cost(graph).parameters, 6 + 6 + 30);
}

TEST(Graph, TextHasALineANode) {
  Graph graph = branched_graph();
  remove_dead(graph);
  EXPECT_EQ(to_text(graph),
            "input %0 [1, 4, 4, 2] 'input'\n"
            "%2 = conv2d(%0, constant[2, 3, 3, 2]) stride 1x1 pads 1,1,1,1 [1, 4, 4, 2] 'first'\n"
            "%3 = conv2d(%2, constant[2, 3, 3, 2]) stride 1x1 pads 1,1,1,1 [1, 4, 4, 2] 'second'\n"
            "%4 = add(%3, %3) [1, 4, 4, 2] 'sum' +1\n"
            "output %4 [1, 4, 4, 2] 'output'\n");
}

TEST(Graph, TextOfABrokenGraphIsStillText) {
  Graph graph;
  graph.output = 9;
  graph.nodes.push_back({"lost", {}, Transpose{{1, 0}}, {4}, 5});
  const std::string text = to_text(graph);
  EXPECT_NE(text.find("%5 = transpose(%4?) [1, 0]"), std::string::npos) << text;
}

TEST(Graph, InferShapesFillsOutputsInOrder) {
  Graph graph = branched_graph();
  for (const Node& node : graph.nodes) graph.tensors[node.output].shape.clear();
  ASSERT_TRUE(infer_shapes(graph));
  EXPECT_TRUE(verify(graph));
  graph.nodes[1].inputs.clear();
  EXPECT_FALSE(infer_shapes(graph));
}

}  // namespace
}  // namespace octavo
