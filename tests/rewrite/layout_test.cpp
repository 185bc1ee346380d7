// NCHW files come out as NHWC graphs without a Transpose.
#include "rewrite/layout.h"

#include <limits>

#include "rewrite/build_graph.h"

namespace octavo {
namespace {

using test::Build;
using Kind = Binary::Kind;
using Curve = Unary::Kind;

void expect_operators(const Graph& before, const std::string& expected) {
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::operators(after), expected);
  test::expect_same_result(before, after);
}

// Global average and flatten, so that the output has no layout.
TensorId head(Build& build, TensorId x) {
  const Shape shape = build.shape(x);
  const TensorId mean = build.add(Reduce{Reduce::Kind::mean, {2, 3}, true}, {x});
  return build.add(Reshape{{shape[0], shape[1]}}, {mean});
}

TEST(Permutations, ComposeAndInvert) {
  const Permutation first{0, 2, 3, 1}, second{3, 0, 1, 2};
  const Shape shape{2, 3, 4, 5};
  EXPECT_EQ(shape_after(shape, compose(first, second)),
            shape_after(shape_after(shape, first), second));
  EXPECT_TRUE(is_identity(compose(first, inverse(first))));
  EXPECT_EQ(entries_before(shape_after(shape, first), first), shape);
}

TEST(Permutations, TransposedMovesValues) {
  // [[1, 2, 3], [4, 5, 6]]
  EXPECT_EQ(transposed({1, 2, 3, 4, 5, 6}, {2, 3}, {1, 0}), (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(transposed({7}, {}, {}), std::vector<float>{7});
}

TEST(Permutations, AxesOfSizeOneDoNotCount) {
  EXPECT_TRUE(moves_only_ones({1, 1, 1, 5}, {0, 3, 1, 2}));
  EXPECT_TRUE(moves_only_ones({1, 6, 5, 1}, {0, 3, 1, 2}));
  EXPECT_FALSE(moves_only_ones({1, 6, 5, 2}, {0, 3, 1, 2}));
}

TEST(Layout, InputBecomesNhwc) {
  Build build({1, 3, 8, 6});
  const Graph before = build.finish(head(build, build.nchw_conv(build.input(), 4, 3)));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(after.tensors[after.input].shape, (Shape{1, 8, 6, 3}));
  EXPECT_EQ(after.tensors[after.input].name, "input");
  EXPECT_EQ(test::operators(after), "conv2d average_pool reshape");
  test::expect_same_result(before, after);
}

TEST(Layout, NhwcInputStays) {
  Build build({1, 8, 6, 3});
  const TensorId nchw = build.add(Transpose{{0, 3, 1, 2}}, {build.input()});
  const Graph before = build.finish(head(build, build.nchw_conv(nchw, 4, 3)));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(after.tensors[after.input].shape, (Shape{1, 8, 6, 3}));
  EXPECT_EQ(test::operators(after), "conv2d average_pool reshape");
  test::expect_same_result(before, after);
}

TEST(Layout, GrayInputBecomesNhwc) {
  Build build({1, 1, 8, 6});
  const Graph before = build.finish(head(build, build.nchw_conv(build.input(), 4, 3)));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(after.tensors[after.input].shape, (Shape{1, 8, 6, 1}));
  test::expect_same_result(before, after);
}

TEST(Layout, UnaryAndResidualLetTransposesThrough) {
  Build build({1, 3, 8, 6});
  const TensorId a = build.unary(Curve::relu, build.nchw_conv(build.input(), 4, 3));
  const TensorId b = build.nchw_conv(build.unary(Curve::tanh, a), 4, 3);
  const TensorId sum = build.unary(Curve::relu, build.binary(Kind::add, a, b));
  expect_operators(build.finish(head(build, sum)),
                   "conv2d relu tanh conv2d add relu average_pool reshape");
}

TEST(Layout, ConstantOperandIsPermuted) {
  Build build({1, 3, 4, 5});
  const TensorId x = build.nchw_conv(build.input(), 6);
  const TensorId scaled = build.binary(Kind::power, x, build.random({6, 4, 5}, 1, 2));
  const Graph before = build.finish(head(build, build.unary(Curve::absolute, scaled)));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::count(after, "transpose"), 0);
}

TEST(Layout, ConcatSliceAndPad) {
  Build build({1, 3, 4, 5});
  const TensorId a = build.nchw_conv(build.input(), 6);
  const TensorId b = build.nchw_conv(build.input(), 2);
  const TensorId joined = build.add(Concat{1}, {a, b});
  const TensorId part = build.add(Slice{{0, 1, 1, 0}, {1, 6, 2, 5}, {1, 1, 2, 1}}, {joined});
  const TensorId padded = build.add(Pad{Pad::Mode::edge, {0, 0, 1, 2}, {0, 0, 0, 1}, 0}, {part});
  expect_operators(
      build.finish(head(build, build.nchw_conv(padded, 3, 3))),
      "conv2d conv2d concat gather reshape gather reshape transpose gather transpose transpose "
      "gather transpose conv2d average_pool reshape");
}

TEST(Layout, ReductionsRenameTheirAxes) {
  for (const bool keep : {false, true}) {
    for (const std::vector<int>& axes : {std::vector<int>{1}, {2}, {3}, {1, 3}, {0, 2}}) {
      Build build({1, 3, 4, 5});
      const TensorId x = build.nchw_conv(build.input(), 6);
      const Graph before = build.finish(build.add(Reduce{Reduce::Kind::sum, axes, keep}, {x}));
      Graph after = before;
      test::rewrite_all(after, {"reduce"});
      test::expect_same_result(before, after);
      EXPECT_EQ(after.nodes[1].op.index(), Operator(Reduce{}).index()) << to_text(after);
    }
  }
}

TEST(Layout, SoftmaxGatherExpandAndAffine) {
  Build build({1, 3, 4, 5});
  const TensorId x = build.nchw_conv(build.input(), 6);
  const TensorId scaled =
      build.add(ChannelAffine{2}, {x, build.random({4}, 1, 2), build.random({4})});
  const TensorId soft = build.add(Softmax{1}, {scaled});
  const TensorId picked = build.add(Gather{3, {4, 2, 2}}, {soft});
  const TensorId column = build.add(Reduce{Reduce::Kind::maximum, {3}, true}, {picked});
  const TensorId wide = build.add(Expand{{1, 6, 4, 3}}, {column});
  const Graph before = build.finish(head(build, build.unary(Curve::exp, wide)));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::count(after, "transpose"), 0) << to_text(after);
  test::expect_same_result(before, after);
}

TEST(Layout, ScalesAChannelFollowTheirAxis) {
  Build build({1, 3, 4, 5});
  const FakeQuantize by_channel{{{1, 2, 3, 4, 5, 6}, {0, 0, 0, 9, 9, 9}, 255}, 1};
  const TensorId x = build.add(by_channel, {build.nchw_conv(build.input(), 6)});
  const TensorId mean = build.add(Reduce{Reduce::Kind::mean, {2, 3}, true}, {x});
  const TensorId row = build.add(Reshape{{1, 6}}, {build.add(by_channel, {mean})});
  Graph graph = build.finish(build.add(MatMul{true}, {row, build.random({2, 6})}));
  test::rewrite_all(graph);
  EXPECT_EQ(test::count(graph, "transpose"), 0) << to_text(graph);
  int seen = 0;
  for (const Node& node : graph.nodes) {
    const auto* rounding = std::get_if<FakeQuantize>(&node.op);
    if (rounding == nullptr) continue;
    ++seen;
    EXPECT_EQ(rounding->axis, static_cast<int>(graph.tensors[node.output].shape.size()) - 1);
    EXPECT_EQ(rounding->grid.scale, by_channel.grid.scale);
  }
  EXPECT_EQ(seen, 2) << to_text(graph);
}

TEST(Layout, ChannelLayerNormLosesItsTransposes) {
  Build build({1, 3, 4, 5});
  const TensorId x = build.nchw_conv(build.input(), 6);
  const TensorId last = build.add(Transpose{{0, 2, 3, 1}}, {x});
  const TensorId normed = build.add(LayerNorm{1e-6f}, {last, build.random({6}), build.random({6})});
  const TensorId back = build.add(Transpose{{0, 3, 1, 2}}, {normed});
  expect_operators(build.finish(head(build, build.nchw_conv(back, 4))),
                   "conv2d layer_norm conv2d average_pool reshape");
}

TEST(Layout, SqueezeAndExcite) {
  Build build({1, 3, 8, 8});
  const TensorId x = build.unary(Curve::relu, build.nchw_conv(build.input(), 8, 3));
  const TensorId mean = build.add(Reduce{Reduce::Kind::mean, {2, 3}, true}, {x});
  const TensorId squeezed = build.unary(Curve::relu, build.nchw_conv(mean, 2));
  const TensorId gate = build.unary(Curve::sigmoid, build.nchw_conv(squeezed, 8));
  const TensorId gated = build.binary(Kind::multiply, gate, x);
  const Graph before = build.finish(head(build, build.nchw_conv(gated, 4)));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::operators(after),
            "conv2d relu average_pool conv2d relu conv2d sigmoid multiply conv2d average_pool "
            "reshape");
  const Node& multiply = after.nodes[7];
  EXPECT_EQ(after.tensors[multiply.inputs[1]].shape, (Shape{1, 1, 1, 8}));
  test::expect_same_result(before, after);
}

// The same written with Flatten, Gemm and Reshape, as some exporters do.
TEST(Layout, SqueezeAndExciteOfMatrixProducts) {
  Build build({1, 3, 8, 8});
  const TensorId x = build.unary(Curve::relu, build.nchw_conv(build.input(), 8, 3));
  const TensorId mean = build.add(Reduce{Reduce::Kind::mean, {2, 3}, false}, {x});
  const TensorId squeezed =
      build.add(MatMul{true}, {mean, build.random({2, 8}), build.random({2})});
  const TensorId relu = build.unary(Curve::relu, squeezed);
  const TensorId wide = build.add(MatMul{}, {relu, build.random({2, 8})});
  const TensorId gate = build.unary(Curve::hard_sigmoid, wide, 0.2f, 0.5f);
  const TensorId shaped = build.add(Reshape{{1, 8, 1, 1}}, {gate});
  expect_operators(build.finish(head(build, build.binary(Kind::multiply, x, shaped))),
                   "conv2d relu average_pool conv2d relu conv2d hard_sigmoid multiply "
                   "average_pool reshape");
}

TEST(Layout, FlattenedMapMeetsAMatrixProduct) {
  for (const bool transpose_b : {false, true}) {
    Build build({1, 3, 4, 5});
    const TensorId x = build.unary(Curve::relu, build.nchw_conv(build.input(), 6));
    const TensorId flat = build.add(Reshape{{1, 120}}, {x});
    const TensorId weight = build.random(transpose_b ? Shape{7, 120} : Shape{120, 7});
    const Graph before =
        build.finish(build.add(MatMul{transpose_b}, {flat, weight, build.random({7})}));
    Graph after = before;
    test::rewrite_all(after);
    EXPECT_EQ(test::operators(after), "conv2d relu conv2d reshape");
    EXPECT_EQ(after.tensors[after.nodes[2].inputs[1]].shape, (Shape{7, 4, 5, 6}));
    test::expect_same_result(before, after);
  }
}

TEST(Layout, TokensNeedNoTranspose) {
  Build build({1, 3, 4, 5});
  const TensorId x = build.nchw_conv(build.input(), 6);
  const TensorId flat = build.add(Reshape{{1, 6, 20}}, {x});
  const TensorId tokens = build.add(Transpose{{0, 2, 1}}, {flat});
  const TensorId normed =
      build.add(LayerNorm{1e-6f}, {tokens, build.random({6}), build.random({6})});
  const TensorId linear = build.add(MatMul{}, {normed, build.random({6, 8}), build.random({8})});
  const TensorId heads = build.add(Reshape{{1, 20, 2, 4}}, {linear});
  const Graph before = build.finish(build.add(Transpose{{0, 2, 1, 3}}, {heads}));
  expect_operators(before, "conv2d layer_norm conv2d reshape transpose");
}

TEST(Layout, TokensBackToAMap) {
  Build build({1, 3, 4, 5});
  const TensorId x = build.nchw_conv(build.input(), 6);
  const TensorId flat = build.add(Reshape{{1, 6, 20}}, {x});
  const TensorId tokens = build.add(Transpose{{0, 2, 1}}, {flat});
  const TensorId linear = build.add(MatMul{}, {tokens, build.random({6, 8})});
  const TensorId back = build.add(Transpose{{0, 2, 1}}, {linear});
  const TensorId map = build.add(Reshape{{1, 8, 4, 5}}, {back});
  expect_operators(build.finish(head(build, build.nchw_conv(map, 4))),
                   "conv2d conv2d conv2d average_pool reshape");
}

TEST(Layout, KeysAreTransposedByTheProduct) {
  Build build({1, 4, 6, 5});
  const TensorId keys = build.add(Transpose{{0, 1, 3, 2}}, {build.input()});
  const Graph before = build.finish(build.add(MatMul{}, {build.input(), keys}));
  Graph after = before;
  EXPECT_EQ(test::apply("transpose-matmul", after), 1);
  EXPECT_EQ(test::operators(after), "matmul");
  test::expect_same_result(before, after);
}

TEST(Layout, BranchThatNeedsNchwKeepsItsTranspose) {
  Build build({1, 3, 4, 5});
  const TensorId x = build.nchw_conv(build.input(), 6);
  const TensorId rows = build.add(Reshape{{1, 3, 40}}, {x});  // joins channels and pixels
  const TensorId relu = build.nchw_conv(build.unary(Curve::relu, x), 2);
  const TensorId other = build.add(Reshape{{1, 1, 40}}, {relu});
  const Graph before = build.finish(build.binary(Kind::add, rows, other));
  Graph after = before;
  test::rewrite_all(after);
  test::expect_same_result(before, after);
  EXPECT_GE(test::count(after, "transpose"), 1);
}

TEST(Layout, PaddingGoesIntoTheConvolution) {
  Build build({1, 3, 4, 5});
  const TensorId padded =
      build.add(Pad{Pad::Mode::constant, {0, 0, 0, 1}, {0, 0, 1, 1}, 0}, {build.input()});
  const Graph before = build.finish(head(build, build.nchw_conv(padded, 4, 3)));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::operators(after), "conv2d average_pool reshape");
  EXPECT_EQ(std::get<Conv2d>(after.nodes[0].op).pads, (Pads{1, 2, 2, 2}));
  test::expect_same_result(before, after);
}

Pad border(Pad::Mode mode, float value = 0) {
  return {mode, {0, 1, 2, 0}, {0, 1, 0, 0}, value};
}

Pool2d largest_of_nine() {
  Pool2d pool{Pool2d::Kind::maximum};
  pool.kernel = {3, 3};
  return pool;
}

TEST(Layout, ZerosBehindAReluAreTheMaximumsOwnPadding) {
  for (const float value : {0.0f, -3.0f, -3.4e38f}) {
    Build build({1, 4, 5, 3});
    const TensorId relu = build.unary(Curve::relu, build.input());
    const TensorId joined = build.add(Concat{3}, {relu, build.unary(Curve::sigmoid, relu)});
    const TensorId padded = build.add(border(Pad::Mode::constant, value), {joined});
    const Graph before = build.finish(build.add(largest_of_nine(), {padded}));
    Graph after = before;
    EXPECT_EQ(test::apply("pad", after), 1);
    EXPECT_EQ(test::count(after, "pad"), 0);
    EXPECT_EQ(std::get<Pool2d>(after.nodes.back().op).pads, (Pads{1, 2, 1, 0}));
    test::expect_same_result(before, after);
  }
}

TEST(Layout, ZerosAroundNegativeValuesWinTheMaximum) {
  Build build({1, 4, 5, 3});
  const TensorId padded = build.add(border(Pad::Mode::constant), {build.input()});
  const Graph before = build.finish(build.add(largest_of_nine(), {padded}));
  Graph after = before;
  EXPECT_EQ(test::apply("pad", after), 0);
  test::rewrite_all(after);
  EXPECT_EQ(test::operators(after), "conv2d max_pool");
  test::expect_same_result(before, after);
}

TEST(Layout, BordersThatNothingTakesAreCopiedOrPicked) {
  for (const Pad& pad :
       {border(Pad::Mode::reflect), border(Pad::Mode::edge), border(Pad::Mode::constant, 2),
        Pad{Pad::Mode::constant, {0, 1, 0, 2}, {0, 0, 1, 1}, 0},
        Pad{Pad::Mode::constant, {0, 0, 0, 2}, {0, 0, 0, 3}, -1}}) {
    Build build({1, 4, 5, 3});
    const TensorId padded = build.add(pad, {build.unary(Curve::tanh, build.input())});
    const Graph before = build.finish(build.unary(Curve::sine, padded));
    Graph after = before;
    test::rewrite_all(after);
    EXPECT_EQ(test::count(after, "pad"), 0) << to_text(before);
    test::expect_same_result(before, after);
  }
}

TEST(Layout, PaddingWithAnotherValueStays) {
  Build build({1, 4, 5, 3});
  const TensorId padded =
      build.add(Pad{Pad::Mode::constant, {0, 1, 1, 0}, {0, 1, 1, 0}, 2}, {build.input()});
  Graph graph = build.finish(build.conv(padded, 4, 3));
  EXPECT_EQ(test::apply("pad", graph), 0);
}

// A norm of groups leaves its map with the channels first, so that a Transpose comes behind the
// Pad.
TEST(Layout, PaddingInFrontOfATransposeIsThatOfThePoolBehindIt) {
  Build build({1, 4, 6, 7});
  constexpr float lowest = -std::numeric_limits<float>::max();
  const Pad border{Pad::Mode::constant, {0, 0, 0, 1}, {0, 0, 1, 2}, lowest};
  const TensorId padded = build.add(border, {build.input()});
  const TensorId turned = build.add(Transpose{{0, 2, 3, 1}}, {padded});
  Pool2d pool{Pool2d::Kind::maximum};
  pool.kernel = {3, 3};
  pool.stride = {2, 2};
  const Graph before = build.finish(build.add(pool, {turned}));
  Graph after = before;
  EXPECT_EQ(test::apply("pad", after), 1);
  EXPECT_EQ(test::operators(after), "transpose max_pool");
  test::expect_same_result(before, after);
}

}  // namespace
}  // namespace octavo
