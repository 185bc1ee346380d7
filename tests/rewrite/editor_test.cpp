#include "rewrite/editor.h"

#include "rewrite/build_graph.h"

namespace octavo {
namespace {

using test::Build;
using Curve = Unary::Kind;

// relu -> tanh -> sigmoid, and a second reader of tanh.
Graph chain() {
  Build build({1, 2, 2, 3});
  const TensorId relu = build.add(Unary{Curve::relu}, {build.input()}, "relu");
  const TensorId tanh = build.add(Unary{Curve::tanh}, {relu}, "tanh");
  const TensorId sigmoid = build.add(Unary{Curve::sigmoid}, {tanh}, "sigmoid");
  return build.finish(build.add(Binary{Binary::Kind::add}, {sigmoid, tanh}, "sum"));
}

TEST(Editor, WithoutChangesTheGraphStays) {
  Graph graph = chain();
  const std::string text = to_text(graph);
  Editor(graph).finish();
  EXPECT_EQ(to_text(graph), text);
}

TEST(Editor, ReadersAreCountedByOperandAndOutput) {
  Graph graph = chain();
  const Editor editor(graph);
  EXPECT_EQ(editor.reader_count(editor.node(0).output), 1u);
  EXPECT_EQ(editor.reader_count(editor.node(1).output), 2u);
  EXPECT_EQ(editor.reader_count(editor.node(3).output), 1u);  // the graph's output
  EXPECT_EQ(editor.maker(editor.node(2).output), 2u);
  EXPECT_EQ(editor.maker(editor.graph_input()), no_node);
}

TEST(Editor, WhatNobodyReadsDiesAndItsNameMoves) {
  Graph graph = chain();
  Editor editor(graph);
  editor.replace(3, Unary{Curve::exp}, {editor.graph_input()});
  EXPECT_FALSE(editor.alive(0) || editor.alive(1) || editor.alive(2));
  editor.finish();
  ASSERT_EQ(graph.nodes.size(), 1u);
  EXPECT_EQ(graph.nodes[0].name, "sum");
  EXPECT_EQ(graph.nodes[0].merged.size(), 3u);
}

TEST(Editor, ABypassedTensorIsReadThroughEveryAlias) {
  Graph graph = chain();
  Editor editor(graph);
  const TensorId relu = editor.node(0).output, tanh = editor.node(1).output;
  EXPECT_TRUE(editor.bypass(2, tanh));
  EXPECT_TRUE(editor.bypass(1, relu));
  EXPECT_EQ(editor.node(3).inputs, (std::vector<TensorId>{relu, relu}));
  EXPECT_EQ(editor.reader_count(relu), 2u);
  editor.finish();
  EXPECT_EQ(test::operators(graph), "relu add");
  EXPECT_EQ(graph.nodes[0].merged.size(), 2u);
  EXPECT_TRUE(verify(graph));
}

TEST(Editor, TheOutputKeepsItsNameWhenItsNodeIsBypassed) {
  Graph graph = chain();
  Editor editor(graph);
  EXPECT_TRUE(editor.bypass(3, editor.node(2).output));
  editor.finish();
  EXPECT_EQ(graph.tensors[graph.output].name, "sum");
  EXPECT_EQ(graph.nodes.back().name, "sigmoid");
  EXPECT_TRUE(verify(graph));
}

TEST(Editor, NamesOfNodesOnTheInputGoToItsReader) {
  Graph graph = chain();
  Editor editor(graph);
  EXPECT_TRUE(editor.bypass(0, editor.graph_input()));
  editor.finish();
  EXPECT_EQ(graph.nodes[0].name, "tanh");
  EXPECT_EQ(graph.nodes[0].merged, std::vector<std::string>{"relu"});
}

TEST(Editor, TheOutputIsNeverLeftWithoutANode) {
  Build build({1, 2, 2, 3});
  Graph graph = build.finish(build.unary(Curve::relu, build.input()));
  Editor editor(graph);
  EXPECT_FALSE(editor.bypass(0, editor.graph_input()));
  editor.finish();
  EXPECT_EQ(test::operators(graph), "relu");
}

TEST(Editor, InsertedNodesStandBeforeTheirReaders) {
  Graph graph = chain();
  Editor editor(graph);
  const TensorId made = editor.insert(3, "new", Unary{Curve::exp}, {editor.graph_input()});
  editor.replace(0, Unary{Curve::relu}, {made});
  editor.finish();
  EXPECT_EQ(test::operators(graph), "exp relu tanh sigmoid add");
  EXPECT_TRUE(verify(graph));
}

TEST(Editor, SplitLeavesTheNameWithTheOperator) {
  Graph graph = chain();
  Editor editor(graph);
  editor.split(1, Unary{Curve::tanh}, {editor.node(0).output}, Reshape{{1, 2, 2, 3}});
  editor.finish();
  EXPECT_EQ(test::operators(graph), "relu tanh reshape sigmoid add");
  EXPECT_EQ(graph.nodes[1].name, "tanh");
  EXPECT_EQ(graph.tensors[graph.nodes[1].output].name, "tanh");
}

TEST(Editor, ConstantsAreFreedWhenTheirLastReaderGoes) {
  Build build({1, 2, 2, 3});
  const TensorId constant = build.random({3});
  Graph graph = build.finish(build.binary(Binary::Kind::power, build.input(), constant));
  Editor editor(graph);
  editor.replace(0, Unary{Curve::exp}, {editor.graph_input()});
  EXPECT_FALSE(editor.tensor(constant).is_constant());
}

TEST(Editor, LargeConstantsAreCopiedForOneReaderOnly) {
  Build build({1, 1, 1, 2048});
  const TensorId large = build.random({1024, 1024}), small = build.random({8});
  TensorId x = build.add(Reshape{{2, 1024}}, {build.input()});
  x = build.add(MatMul{}, {x, large});
  const Graph once = build.finish(x);
  const Graph twice = build.finish(build.add(MatMul{}, {x, large}));
  Graph copy = once;
  EXPECT_TRUE(Editor(copy).may_copy(large));
  copy = twice;
  EXPECT_FALSE(Editor(copy).may_copy(large));
  copy = twice;
  EXPECT_TRUE(Editor(copy).may_copy(small));
}

}  // namespace
}  // namespace octavo
