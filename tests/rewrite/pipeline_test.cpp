// The table, its switches, and the names that survive.
#include <algorithm>
#include <set>

#include "rewrite/build_graph.h"

namespace octavo {
namespace {

using test::Build;
using Kind = Binary::Kind;

Graph small_network() {
  Build build({1, 3, 8, 8});
  const TensorId conv = build.nchw_conv(build.input(), 4, 3);
  const TensorId norm =
      build.add(ChannelAffine{1}, {conv, build.random({4}, 1, 2), build.random({4})}, "norm");
  const TensorId act =
      build.binary(Kind::multiply, norm, build.add(Unary{Unary::Kind::sigmoid}, {norm}, "sigmoid"));
  const TensorId mean = build.add(Reduce{Reduce::Kind::mean, {2, 3}, false}, {act}, "mean");
  const TensorId logits =
      build.add(MatMul{}, {mean, build.random({4, 5}), build.random({5})}, "logits");
  return build.finish(build.add(Softmax{1}, {logits}, "probabilities"));
}

TEST(Pipeline, NamesAreUniqueAndExplained) {
  std::set<std::string_view> names;
  for (const Rewrite& rewrite : rewrites()) {
    EXPECT_TRUE(names.insert(rewrite.name).second) << rewrite.name;
    EXPECT_FALSE(rewrite.why.empty());
    EXPECT_EQ(rewrite.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string::npos);
  }
}

TEST(Pipeline, CountsSayWhatWasDone) {
  Graph graph = small_network();
  const auto counts = run_rewrites(graph);
  ASSERT_TRUE(counts);
  const auto changed = [&](std::string_view name) {
    const auto found = std::find_if(counts->begin(), counts->end(),
                                    [&](const RewriteCount& count) { return count.name == name; });
    return found == counts->end() ? -1 : found->changed;
  };
  EXPECT_EQ(changed("input-layout"), 1);
  EXPECT_EQ(changed("self-gate"), 1);
  EXPECT_EQ(changed("affine-into-previous"), 1);
  EXPECT_EQ(changed("softmax"), 1);
  EXPECT_EQ(changed("gelu"), 0);
  EXPECT_EQ(test::operators(graph), "conv2d silu average_pool conv2d reshape");
}

TEST(Pipeline, ASecondRunChangesNothing) {
  Graph graph = small_network();
  test::rewrite_all(graph);
  const std::string text = to_text(graph);
  const auto counts = run_rewrites(graph);
  ASSERT_TRUE(counts);
  for (const RewriteCount& count : *counts) EXPECT_EQ(count.changed, 0) << count.name;
  EXPECT_EQ(to_text(graph), text);
}

TEST(Pipeline, EveryRewriteCanBeSwitchedOff) {
  const Graph before = small_network();
  for (const Rewrite& rewrite : rewrites()) {
    SCOPED_TRACE(rewrite.name);
    Graph after = before;
    const auto counts = run_rewrites(after, {{std::string(rewrite.name)}});
    ASSERT_TRUE(counts) << counts.error().message;
    for (const RewriteCount& count : *counts) {
      EXPECT_TRUE(count.name != rewrite.name || count.changed == 0);
    }
    if (after.softmax_removed) {  // compare what the softmax would have made of it
      after.nodes.push_back({"softmax", {}, Softmax{1}, {after.output}, 0});
      after.nodes.back().output = after.add_tensor("probabilities", {1, 5});
      after.output = after.nodes.back().output;
    }
    test::expect_same_result(before, after);
  }
}

TEST(Pipeline, AnUnknownNameIsAUsageErrorWithTheNearest) {
  Graph graph = small_network();
  const auto counts = run_rewrites(graph, {{"transpos"}});
  ASSERT_FALSE(counts);
  EXPECT_EQ(counts.error().kind, ErrorKind::usage);
  EXPECT_NE(counts.error().message.find("'transpose'"), std::string::npos)
      << counts.error().message;
}

TEST(Pipeline, AnUnsoundGraphIsRefused) {
  Graph graph = small_network();
  graph.nodes[3].inputs[0] = 9999;
  EXPECT_FALSE(run_rewrites(graph));
}

TEST(Pipeline, SurvivingNodesKeepTheNameOfTheOutput) {
  Graph graph = small_network();
  const std::string act = graph.nodes[5].name;
  test::rewrite_all(graph);
  ASSERT_EQ(graph.nodes.size(), 5u);
  EXPECT_EQ(graph.nodes[0].name, "norm");
  EXPECT_EQ(graph.nodes[1].name, act);
  EXPECT_EQ(graph.nodes[2].name, "mean");
  EXPECT_EQ(graph.nodes[3].name, "logits");
  EXPECT_EQ(std::count(graph.nodes[1].merged.begin(), graph.nodes[1].merged.end(), "sigmoid"), 1);
  EXPECT_FALSE(graph.nodes[4].name.empty());
  EXPECT_EQ(graph.tensors[graph.output].name, "probabilities");
}

TEST(Pipeline, SharedWeightsStayShared) {
  Build build({1, 8, 8, 64});
  const TensorId weight = build.random({512, 3, 3, 512});
  TensorId x = build.conv(build.input(), 512);
  for (int i = 0; i < 4; ++i) {
    Conv2d op;
    op.pads = {1, 1, 1, 1};
    x = build.add(op, {x, weight});
    x = build.add(ChannelAffine{3}, {x, build.random({512}), build.random({512})});
  }
  Graph graph = build.finish(x);
  EXPECT_EQ(test::apply("affine-into-previous", graph), 0);  // four copies of 9 MB
}

TEST(Pipeline, ALongChainIsQuick) {
  Build build({1, 2, 2, 1});
  TensorId x = build.input();
  for (int i = 0; i < 10000; ++i) {
    x = i % 2 == 0 ? build.add(Transpose{{0, 3, 1, 2}}, {x}, "t")
                   : build.add(Unary{Unary::Kind::tanh}, {x}, "u");
  }
  Graph graph = build.finish(x);
  test::rewrite_all(graph);
  EXPECT_EQ(test::count(graph, "tanh"), 5000);
  EXPECT_LE(test::count(graph, "transpose"), 1);
}

}  // namespace
}  // namespace octavo
