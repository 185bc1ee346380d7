// The rewrites that run last: what no step does is made of what steps do, with the same result.
#include "rewrite/build_graph.h"

namespace octavo {
namespace {

using test::Build;
using Kind = Binary::Kind;
using Curve = Unary::Kind;

// Applies a rewrite, expects that it changes `changed` places and the same result.
Graph after(std::string_view rewrite, const Graph& before, int changed = 1) {
  Graph graph = before;
  EXPECT_EQ(test::apply(rewrite, graph), changed) << rewrite;
  test::expect_same_result(before, graph);
  return graph;
}

TEST(Slices, AreGathersAlongEveryAxisThatTheyCut) {
  Build build({1, 6, 7, 5});
  const TensorId x = build.unary(Curve::tanh, build.input());
  const TensorId cut = build.add(Slice{{0, 5, 1, 0}, {1, 3, 4, 5}, {1, -2, 1, 1}}, {x});
  const Graph graph = after("slice", build.finish(cut));
  EXPECT_EQ(test::operators(graph), "tanh gather gather");
}

TEST(Slices, JoinedInAnotherOrderAreOneGather) {  // a roll, as shifted windows have it
  Build build({1, 6, 7, 5});
  const TensorId x = build.unary(Curve::tanh, build.input());
  const TensorId low = build.add(Slice{{0, 2, 0, 0}, {1, 4, 7, 5}, {1, 1, 1, 1}}, {x});
  const TensorId high = build.add(Slice{{0, 0, 0, 0}, {1, 2, 7, 5}, {1, 1, 1, 1}}, {x});
  const Graph before = build.finish(build.add(Concat{1}, {low, high}));
  Graph graph = before;
  test::rewrite_all(graph, {"gather-channels"});
  EXPECT_EQ(test::operators(graph), "tanh gather");
  test::expect_same_result(before, graph);
}

TEST(Gathers, AlongAnyAxisPickChannels) {
  for (const int axis : {0, 1, 2}) {
    Build build({1, 2, 3, 4});
    const TensorId turned = build.add(Reshape{{2, 3, 4}}, {build.input()});
    const Graph graph = after("gather-channels",
                              build.finish(build.add(Gather{axis, {1, 0, 1}}, {turned})), axis < 2);
    for (const Node& node : graph.nodes) {
      const auto* gather = std::get_if<Gather>(&node.op);
      if (gather == nullptr) continue;
      EXPECT_EQ(gather->axis + 1, static_cast<int>(graph.tensors[node.output].shape.size()));
    }
  }
}

// 2^20 indices are the most that are written out.
TEST(Gathers, OfWindowsThatOverlapTurnTheirAxisToTheEnd) {
  Build build({1, 40, 30, 32});
  std::vector<int64_t> windows;
  for (int64_t i = 0; i < 1200; ++i) windows.push_back((i / 2 + i % 2) % 40);
  const Graph graph =
      after("gather-channels", build.finish(build.add(Gather{1, windows}, {build.input()})));
  EXPECT_EQ(test::operators(graph), "reshape transpose gather transpose reshape");
}

TEST(Concats, AlongAnyAxisJoinChannels) {
  for (const int axis : {0, 1}) {
    Build build({1, 2, 3, 4});
    const TensorId x = build.add(Reshape{{2, 3, 4}}, {build.input()});
    const TensorId token = build.random(axis == 0 ? Shape{1, 3, 4} : Shape{2, 1, 4});
    const Graph graph =
        after("concat-channels", build.finish(build.add(Concat{axis}, {token, x, x})));
    for (const Node& node : graph.nodes) {
      const auto* concat = std::get_if<Concat>(&node.op);
      if (concat == nullptr) continue;
      EXPECT_EQ(concat->axis + 1, static_cast<int>(graph.tensors[node.output].shape.size()));
    }
  }
}

TEST(Softmaxes, AlongAnyAxisGoOverTheLast) {
  for (const int axis : {0, 1}) {
    Build build({1, 2, 3, 4});
    const TensorId x = build.add(Reshape{{2, 3, 4}}, {build.input()});
    const Graph graph = after("softmax-last", build.finish(build.add(Softmax{axis}, {x})));
    EXPECT_EQ(test::operators(graph), "reshape transpose softmax transpose");
  }
}

TEST(Borders, OfTokensAreConstantsJoinedToThem) {
  Build build({1, 2, 3, 4});
  const TensorId x = build.add(Reshape{{2, 3, 4}}, {build.input()});
  Pad pad;
  pad.before = {0, 1, 2};
  pad.after = {1, 0, 3};
  pad.value = 0.5f;
  const Graph graph = after("pad-copy", build.finish(build.add(pad, {x})));
  EXPECT_EQ(test::operators(graph), "reshape concat concat concat");
}

TEST(ConstantProducts, OnTheLeftComeToTheRight) {
  for (const bool transpose_b : {false, true}) {
    Build build({1, 3, 4, 5});
    const TensorId x = build.add(Reshape{{3, 4, 5}}, {build.input()});
    const TensorId mixed =
        build.add(MatMul{transpose_b}, {build.random({6, transpose_b ? 5 : 4}), x});
    const Graph graph = after("constant-products", build.finish(mixed));
    for (const Node& node : graph.nodes) {
      if (!std::holds_alternative<MatMul>(node.op)) continue;
      EXPECT_FALSE(graph.tensors[node.inputs[0]].is_constant());
    }
  }
}

TEST(ConstantProducts, OneMatrixAHeadAreAConvolutionInGroups) {
  const Shape weights[] = {{3, 5, 2}, {1, 3, 5, 2}, {7, 1, 5, 2}, {7, 3, 5, 2}, {1, 1, 5, 2}};
  for (const Shape& shape : weights) {
    for (const bool transpose_b : {false, true}) {
      Build build({1, 21, 4, 5});
      const TensorId heads = build.add(Reshape{{7, 3, 4, 5}}, {build.input()});
      Shape matrix = shape;
      if (transpose_b) std::swap(matrix[matrix.size() - 1], matrix[matrix.size() - 2]);
      const TensorId y = build.add(MatMul{transpose_b}, {heads, build.random(matrix)});
      const Graph graph = after("constant-products", build.finish(y));
      EXPECT_EQ(test::count(graph, "matmul"), 0);
      EXPECT_EQ(test::count(graph, "conv2d"), 1);
    }
  }
}

TEST(ConstantProducts, OfOneTensorByManyMatricesAreOutputs) {
  Build build({1, 2, 4, 5});
  const TensorId x = build.add(Reshape{{2, 1, 4, 5}}, {build.input()});
  const TensorId y = build.add(MatMul{}, {x, build.random({3, 5, 6})});
  const Graph graph = after("constant-products", build.finish(y));
  EXPECT_EQ(test::count(graph, "conv2d"), 1);
  EXPECT_EQ(graph.tensors[graph.output].shape, (Shape{2, 3, 4, 6}));
}

TEST(CubicResizes, AreProductsAlongEachAxis) {
  for (const auto coordinates :
       {Resize::Coordinates::half_pixel, Resize::Coordinates::align_corners}) {
    Build build({1, 6, 7, 3});
    Resize resize;
    resize.mode = Resize::Mode::cubic;
    resize.coordinates = coordinates;
    resize.height = 9;
    resize.width = 5;
    resize.scale_h = 1.5f;
    resize.scale_w = 5.0f / 7.0f;
    const Graph graph = after("cubic", build.finish(build.add(resize, {build.input()})));
    EXPECT_EQ(test::count(graph, "conv2d"), 2);
  }
}

TEST(Broadcasts, OfSpatialGatesAreWrittenOut) {
  Build build({1, 4, 5, 6});
  const TensorId gate = build.unary(Curve::sigmoid, build.conv(build.input(), 1));
  const TensorId gated = build.binary(Kind::multiply, build.input(), gate);
  const Graph graph = after("broadcast", build.finish(gated));
  EXPECT_EQ(test::operators(graph), "conv2d sigmoid gather multiply");
}

TEST(Broadcasts, OfBothOperandsAreWrittenOut) {  // a gate of rows and one of columns
  Build build({1, 4, 5, 6});
  const TensorId rows = build.add(Reduce{Reduce::Kind::mean, {2}, true}, {build.input()});
  const TensorId columns = build.add(Reduce{Reduce::Kind::mean, {1}, true}, {build.input()});
  after("broadcast", build.finish(build.binary(Kind::multiply, rows, columns)));
}

TEST(Broadcasts, OfOnePixelStay) {
  Build build({1, 4, 5, 6});
  const TensorId gate = build.add(Reduce{Reduce::Kind::mean, {1, 2}, true}, {build.input()});
  after("broadcast", build.finish(build.binary(Kind::multiply, build.input(), gate)), 0);
}

TEST(Broadcasts, ByExpandAreWrittenOut) {
  Build build({1, 4, 5, 1});
  const TensorId x = build.unary(Curve::tanh, build.input());
  const Graph graph = after("broadcast", build.finish(build.add(Expand{{1, 4, 5, 3}}, {x})));
  EXPECT_EQ(test::operators(graph), "tanh gather");
}

TEST(Reductions, OverAnyAxesArePoolsAndConvolutions) {
  using Of = Reduce::Kind;
  for (const Of kind : {Of::mean, Of::sum, Of::maximum, Of::minimum, Of::l2}) {
    for (const std::vector<int>& axes :
         {std::vector<int>{1}, {2}, {3}, {1, 2}, {1, 3}, {2, 3}, {1, 2, 3}}) {
      for (const bool keep : {true, false}) {
        Build build({1, 4, 5, 6});
        const TensorId x = build.unary(Curve::tanh, build.input());
        const Graph graph = after("reduce", build.finish(build.add(Reduce{kind, axes, keep}, {x})),
                                  kind == Of::l2 ? 2 : 1);
        for (const Node& node : graph.nodes) EXPECT_FALSE(std::holds_alternative<Reduce>(node.op));
      }
    }
  }
}

TEST(Reductions, ThatNormalizeStay) {
  Build build({1, 4, 5, 6});
  const TensorId norm = build.add(Reduce{Reduce::Kind::l2, {3}, true}, {build.input()});
  const TensorId floored = build.unary(Curve::clip, norm, 1e-6f, 3e38f);
  const Graph before = build.finish(build.binary(Kind::divide, build.input(), floored));
  after("reduce", before, 0);
  after("quotient", before, 0);
}

TEST(Quotients, AreProductsWithReciprocalsAndThoseOfConstantsAreTables) {
  Build build({1, 4, 5, 6});
  const TensorId x = build.unary(Curve::exp, build.input());
  const TensorId by = build.unary(Curve::reciprocal, x);
  const TensorId first = build.binary(Kind::multiply, build.input(), by);
  const TensorId second = build.binary(Kind::multiply, by, build.input());
  const TensorId whole = build.binary(Kind::divide, build.input(), x);
  const TensorId inverse = build.binary(Kind::divide, build.number(3), x);
  const TensorId sum = build.binary(Kind::add, build.binary(Kind::add, first, second), whole);
  const Graph graph = after("quotient", build.finish(build.binary(Kind::add, sum, inverse)), 3);
  int divisions = 0, reciprocals = 0;
  for (const Node& node : graph.nodes) {
    const auto* binary = std::get_if<Binary>(&node.op);
    const auto* unary = std::get_if<Unary>(&node.op);
    divisions += binary != nullptr && binary->kind == Kind::divide;
    reciprocals += unary != nullptr && unary->kind == Curve::reciprocal;
  }
  EXPECT_EQ(divisions, 3);
  EXPECT_EQ(reciprocals, 1);
}

TEST(Extremes, OfTwoTensorsArePools) {
  for (const Kind kind : {Kind::maximum, Kind::minimum}) {
    Build build({1, 4, 5, 6});
    const TensorId other = build.unary(Curve::sigmoid, build.conv(build.input(), 6));
    const Graph graph = after("extremes", build.finish(build.binary(kind, build.input(), other)));
    EXPECT_EQ(test::count(graph, "max_pool"), 1);
  }
}

TEST(Powers, SmallAndWholeAreProducts) {
  for (const float exponent : {1.0f, 2.0f, 3.0f, 0.5f, -1.0f}) {
    Build build({1, 4, 5, 6});
    const TensorId x = build.unary(Curve::exp, build.input());
    const TensorId power = build.binary(Kind::power, x, build.number(exponent));
    const Graph graph = after("power", build.finish(build.unary(Curve::tanh, power)));
    EXPECT_EQ(test::count(graph, "power"), 0);
  }
}

TEST(Powers, OfOtherExponentsAreFunctionsOfOneNumber) {
  for (const float exponent : {2.5f, 1.0f / 3, -0.75f, 5.0f}) {
    Build build({1, 4, 5, 6});
    const TensorId x = build.unary(Curve::exp, build.input());
    const Graph graph =
        after("power", build.finish(build.binary(Kind::power, x, build.number(exponent))));
    EXPECT_EQ(std::get<Unary>(graph.nodes.back().op).alpha, exponent);
  }
}

TEST(Powers, OfExponentsOutOfReachStay) {
  for (const float exponent : {0.0f, 17.0f, -17.0f}) {
    Build build({1, 4, 5, 6});
    const TensorId x = build.unary(Curve::exp, build.unary(Curve::tanh, build.input()));
    after("power", build.finish(build.binary(Kind::power, x, build.number(exponent))), 0);
  }
}

TEST(LayerNorms, ByTheRootMeanSquareAreHalfOfOneOfTwiceTheChannels) {
  Build build({1, 3, 4, 6});
  const TensorId x = build.binary(Kind::add, build.input(), build.random({6}));
  const TensorId square = build.binary(Kind::multiply, x, x);
  const TensorId mean = build.add(Reduce{Reduce::Kind::mean, {3}, true}, {square});
  const TensorId sum = build.binary(Kind::add, mean, build.number(1e-5f));
  const TensorId root = build.unary(Curve::sqrt, sum);
  const Graph graph = after("layer-norm", build.finish(build.binary(Kind::divide, x, root)));
  EXPECT_EQ(test::operators(graph), "add channel_affine concat layer_norm gather");
}

}  // namespace
}  // namespace octavo
