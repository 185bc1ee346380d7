// Attention as exporters write it: what is left has rows of channels where the integer steps
// want them, and no operator between a convolution and a matrix product but a permutation.
#include "rewrite/build_graph.h"

namespace octavo {
namespace {

using test::Build;
using Kind = Binary::Kind;
using Curve = Unary::Kind;

constexpr int64_t tokens = 20, heads = 3, width = 4, channels = heads * width;

// Part i of [3, 1, heads, tokens, width].
TensorId part(Build& build, TensorId split, int64_t i) {
  Shape sizes = build.shape(split);
  sizes[0] = 1;
  const TensorId one = build.add(Slice{{i, 0, 0, 0, 0}, sizes, {1, 1, 1, 1, 1}}, {split});
  return build.add(Reshape{{sizes[1], sizes[2], sizes[3], sizes[4]}}, {one});
}

TensorId swap_last(Build& build, TensorId x) {
  return build.add(Transpose{{0, 1, 3, 2}}, {x});
}

// Heads back to channels, as tokens.
TensorId joined(Build& build, TensorId x) {
  const TensorId moved = build.add(Transpose{{0, 2, 1, 3}}, {x});
  return build.add(Reshape{{1, tokens, channels}}, {moved});
}

TEST(Attention, QueryKeyAndValueAreConvolutionsOfTheirOwn) {
  Build build({1, 4, 5, 8});
  const TensorId x = build.add(Reshape{{1, tokens, 8}}, {build.input()});
  const TensorId product = build.add(MatMul{}, {x, build.random({8, 3 * channels})});
  const TensorId qkv = build.binary(Kind::add, build.random({3 * channels}), product);
  const TensorId five = build.add(Reshape{{1, tokens, 3, heads, width}}, {qkv});
  const TensorId split = build.add(Transpose{{2, 0, 3, 1, 4}}, {five});
  const TensorId q = build.binary(Kind::multiply, part(build, split, 0), build.number(0.5F));
  const TensorId scores = build.add(MatMul{}, {q, swap_last(build, part(build, split, 1))});
  const TensorId weights = build.add(Softmax{3}, {scores});
  const TensorId out = build.add(MatMul{}, {weights, part(build, split, 2)});
  const Graph before = build.finish(build.unary(Curve::tanh, joined(build, out)));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::count(after, "conv2d"), 3);  // the factor of q went into its weights
  EXPECT_EQ(test::count(after, "slice") + test::count(after, "gather"), 0);
  EXPECT_EQ(test::count(after, "channel_affine"), 0);
  EXPECT_EQ(test::count(after, "matmul"), 2);
  EXPECT_EQ(test::count(after, "transpose"), 4);
  test::expect_same_result(before, after);
}

TEST(Attention, PartsWithinEveryHeadAreRowsToo) {
  Build build({1, 4, 5, 8});
  const TensorId x = build.conv(build.input(), heads * 3 * width);
  const TensorId four = build.add(Reshape{{1, tokens, heads, 3 * width}}, {x});
  const TensorId moved = build.add(Transpose{{0, 2, 1, 3}}, {four});
  const auto slice = [&](int64_t i) {
    return build.add(Slice{{0, 0, 0, i * width}, {1, heads, tokens, width}, {1, 1, 1, 1}}, {moved});
  };
  const TensorId scores = build.add(MatMul{true}, {slice(0), slice(1)});
  const Graph before = build.finish(build.add(MatMul{}, {scores, slice(2)}));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::count(after, "conv2d"), 3);
  EXPECT_EQ(test::count(after, "slice") + test::count(after, "gather"), 0);
  test::expect_same_result(before, after);
}

TEST(Attention, NormsOfRowsStayAtRows) {
  Build build({1, 4, 5, 8});
  const TensorId x = build.conv(build.input(), channels);
  const TensorId split = build.add(Reshape{{1, tokens, heads, width}}, {x});
  const TensorId rows = build.add(Transpose{{0, 2, 3, 1}}, {split});
  const TensorId norm = build.add(Reduce{Reduce::Kind::l2, {3}, true}, {rows});
  const TensorId least = build.unary(Curve::clip, norm, 1e-12F, 3e38F);
  const TensorId expanded = build.add(Expand{{1, heads, width, tokens}}, {least});
  const TensorId unit = build.binary(Kind::divide, rows, expanded);
  const Graph before = build.finish(build.add(MatMul{true}, {unit, unit}));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::operators(after), "conv2d reshape transpose reduce_l2 clip divide matmul");
  EXPECT_EQ(std::get<Reduce>(after.nodes[3].op).axes, std::vector<int>{3});
  test::expect_same_result(before, after);
}

TEST(Attention, SoftmaxBetweenConvolutionsStaysAtRows) {
  Build build({1, 8, 5, 6});
  const TensorId x = build.nchw_conv(build.input(), 8);
  const TensorId weights = build.add(Softmax{3}, {x});
  const Graph before = build.finish(build.nchw_conv(weights, 8));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::operators(after), "conv2d transpose softmax transpose conv2d transpose");
  EXPECT_EQ(std::get<Softmax>(after.nodes[2].op).axis, 3);
  test::expect_same_result(before, after);
}

TEST(Attention, SoftmaxOverChannelsMovesToTheEnd) {
  Build build({1, 8, 5, 6});
  const TensorId x = build.nchw_conv(build.input(), 8);
  const Graph before = build.finish(build.nchw_conv(build.add(Softmax{1}, {x}), 8));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::operators(after), "conv2d softmax conv2d transpose");
  EXPECT_EQ(std::get<Softmax>(after.nodes[1].op).axis, 3);
  test::expect_same_result(before, after);
}

TEST(Attention, ValuesOnTheLeftAreTurnedRight) {
  Build build({1, 4, 5, 8});
  const TensorId v =
      build.add(Reshape{{1, 8, tokens}}, {build.add(Transpose{{0, 3, 1, 2}}, {build.input()})});
  const TensorId q = build.add(Reshape{{1, tokens, 8}}, {build.conv(build.input(), 8)});
  const TensorId weights = build.add(Softmax{2}, {build.add(MatMul{}, {q, v})});
  const TensorId turned = build.add(Transpose{{0, 2, 1}}, {weights});
  const TensorId out = build.add(MatMul{}, {v, turned});
  const TensorId map = build.add(Reshape{{1, 8, 4, 5}}, {out});
  const Graph before = build.finish(build.nchw_conv(map, 6));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::count(after, "transpose"), 1);  // of the output alone
  EXPECT_EQ(test::count(after, "matmul"), 2);
  test::expect_same_result(before, after);
}

TEST(Attention, HeadsBesideAMapCostOnePermutation) {
  Build build({1, 4, 5, channels});
  const TensorId local = build.add(Transpose{{0, 3, 1, 2}}, {build.conv(build.input(), channels)});
  const TensorId split = build.add(Reshape{{1, tokens, heads, width}}, {build.input()});
  const TensorId moved = build.add(Transpose{{0, 2, 1, 3}}, {split});
  const TensorId product = build.add(MatMul{}, {build.random({heads, tokens, tokens}), moved});
  const TensorId back = build.add(Transpose{{0, 1, 3, 2}}, {product});
  const TensorId map = build.add(Reshape{{1, channels, 4, 5}}, {back});
  const Graph before = build.finish(build.nchw_conv(build.binary(Kind::add, map, local), 6));
  Graph after = before;
  test::rewrite_all(after, {"constant-products"});  // the constant stands for attention
  EXPECT_EQ(test::operators(after),
            "conv2d reshape transpose matmul transpose reshape add conv2d transpose");
  test::expect_same_result(before, after);
}

TEST(GatherConv, NotWhereTheOutputIsReadOtherwise) {
  Build build({1, 4, 5, 6});
  const TensorId x = build.conv(build.input(), 8);
  const TensorId some = build.add(Gather{3, {1, 2}}, {x});
  const TensorId mean = build.add(Reduce{Reduce::Kind::mean, {3}, true}, {x});
  Graph graph = build.finish(build.binary(Kind::add, some, mean));
  EXPECT_EQ(test::apply("gather-conv", graph), 0);
}

TEST(GatherConv, NoRowIsComputedTwice) {
  Build build({1, 4, 5, 6});
  const TensorId x = build.conv(build.input(), 4);
  const TensorId a = build.add(Gather{3, {0, 1, 2}}, {x});
  const TensorId b = build.add(Gather{3, {1, 2, 3}}, {x});
  Graph graph = build.finish(build.binary(Kind::multiply, a, b));
  EXPECT_EQ(test::apply("gather-conv", graph), 0);
}

TEST(GatherConv, GroupsStayTogether) {
  Build build({1, 4, 5, 6});
  const TensorId x = build.conv(build.input(), 6, 3, 6);
  Graph graph = build.finish(build.add(Gather{3, {4, 0}}, {x}));
  EXPECT_EQ(test::apply("gather-conv", graph), 0);
}

TEST(GatherReshape, OnlyWhereTheReshapeSplitsChannels) {
  Build build({1, 4, 6, 5});
  const TensorId pixels = build.add(Reshape{{1, 2, 2, 6, 5}}, {build.input()});
  Graph graph = build.finish(build.add(Gather{2, {1}}, {pixels}));
  EXPECT_EQ(test::apply("gather-reshape", graph), 0);
}

TEST(ReshapeBelow, PixelwiseOperatorsKeepTheMap) {
  Build build({1, 4, 5, 6});
  const TensorId x = build.add(Reshape{{1, tokens, 6}}, {build.input()});
  const TensorId shifted = build.binary(Kind::add, x, build.random({1, tokens, 6}));
  const TensorId normal =
      build.add(LayerNorm{1e-5F}, {shifted, build.random({6}), build.random({6})});
  const TensorId scaled = build.binary(Kind::multiply, normal, build.number(3));
  const Graph before = build.finish(build.add(Reshape{{1, 4, 5, 6}}, {scaled}));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::operators(after), "add layer_norm");
  test::expect_same_result(before, after);
}

}  // namespace
}  // namespace octavo
