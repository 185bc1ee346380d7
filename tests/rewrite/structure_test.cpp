// Heads, gathers, identities, softmax: what is left of them.
#include "rewrite/build_graph.h"
#include "rewrite/value_bounds.h"

namespace octavo {
namespace {

using test::Build;
using Kind = Binary::Kind;
using Curve = Unary::Kind;

constexpr float infinity = std::numeric_limits<float>::infinity();

TEST(Identity, NodesThatChangeNothingGo) {
  Build build({1, 4, 5, 3});
  TensorId x = build.unary(Curve::relu, build.input());
  x = build.add(Reshape{{1, 4, 5, 3}}, {x});
  x = build.add(Transpose{{0, 1, 2, 3}}, {x});
  x = build.add(Slice{{0, 0, 0, 0}, {1, 4, 5, 3}, {1, 1, 1, 1}}, {x});
  x = build.add(Gather{3, {0, 1, 2}}, {x});
  x = build.add(Expand{{1, 4, 5, 3}}, {x});
  x = build.add(Pad{Pad::Mode::constant, {0, 0, 0, 0}, {0, 0, 0, 0}, 5}, {x});
  x = build.unary(Curve::clip, x, -infinity, infinity);
  x = build.add(Concat{1}, {x});
  x = build.add(Reduce{Reduce::Kind::mean, {0}, true}, {x});
  x = build.add(Pool2d{Pool2d::Kind::average}, {x});
  const Graph before = build.finish(build.unary(Curve::tanh, x));
  Graph after = before;
  EXPECT_EQ(test::apply("identity", after), 10);
  EXPECT_EQ(test::operators(after), "relu tanh");
  EXPECT_EQ(after.nodes[0].merged.size(), 10u);  // every name can still be found
  test::expect_same_result(before, after);
}

TEST(Identity, NodesThatChangeSomethingStay) {
  Build build({1, 4, 5, 3});
  TensorId x = build.add(Slice{{0, 3, 0, 0}, {1, 4, 5, 3}, {1, -1, 1, 1}}, {build.input()});
  x = build.add(Gather{3, {0, 2, 1}}, {x});
  x = build.add(Reduce{Reduce::Kind::l2, {0}, true}, {x});  // the absolute value
  Graph graph = build.finish(x);
  EXPECT_EQ(test::apply("identity", graph), 0);
}

TEST(Identity, AGraphNeverBecomesEmpty) {
  Build build({1, 4, 5, 3});
  Graph graph = build.finish(build.add(Reshape{{1, 4, 5, 3}}, {build.input()}));
  EXPECT_EQ(test::apply("identity", graph), 0);
  EXPECT_TRUE(verify(graph));
}

TEST(Constants, LeftOversFold) {
  Build build({1, 6});
  const TensorId x = build.add(Reshape{{1, 2, 3}}, {build.input()});
  const TensorId swapped = build.add(Transpose{{1, 0}}, {build.random({3, 2}, 0, 1)});
  const TensorId shaped = build.add(Reshape{{1, 2, 3}}, {swapped});
  const TensorId doubled = build.binary(Kind::multiply, build.number(2), shaped);
  const Graph before = build.finish(build.binary(Kind::power, doubled, x));
  Graph after = before;
  EXPECT_EQ(test::apply("constants", after), 3);
  EXPECT_EQ(test::operators(after), "reshape power");
  test::expect_same_result(before, after);
}

TEST(Softmax, AFinalOneIsTakenOff) {
  Build build({1, 6});
  const TensorId logits = build.unary(Curve::tanh, build.input());
  Graph graph = build.finish(build.add(Softmax{1}, {logits}));
  EXPECT_EQ(test::apply("softmax", graph), 1);
  EXPECT_TRUE(graph.softmax_removed);
  EXPECT_EQ(test::operators(graph), "tanh");
  EXPECT_EQ(graph.nodes[0].merged.size(), 1u);
}

TEST(Softmax, BehindAReshapeToo) {
  Build build({1, 1, 1, 6});
  const TensorId logits = build.unary(Curve::tanh, build.input());
  const TensorId soft = build.add(Softmax{3}, {logits});
  Graph graph = build.finish(build.add(Reshape{{1, 6}}, {soft}));
  test::rewrite_all(graph);
  EXPECT_TRUE(graph.softmax_removed);
  EXPECT_EQ(test::operators(graph), "tanh reshape");
}

TEST(Softmax, OneInTheMiddleOrOverTokensStays) {
  Build build({2, 6});
  Graph rows = build.finish(build.add(Softmax{1}, {build.unary(Curve::tanh, build.input())}));
  EXPECT_EQ(test::apply("softmax", rows), 0);
  EXPECT_FALSE(rows.softmax_removed);
  Build second({1, 6});
  const TensorId soft = second.add(Softmax{1}, {second.unary(Curve::tanh, second.input())});
  Graph middle = second.finish(second.unary(Curve::sine, soft));
  EXPECT_EQ(test::apply("softmax", middle), 0);
}

TEST(Softmax, ALogSoftmaxIsTakenOffToo) {
  Build build({1, 6});
  const TensorId logits = build.unary(Curve::tanh, build.input());
  const TensorId largest = build.add(Reduce{Reduce::Kind::maximum, {1}, true}, {logits});
  const TensorId below = build.binary(Kind::subtract, logits, largest);
  const TensorId exponent = build.unary(Curve::exp, below);
  const TensorId sum = build.add(Reduce{Reduce::Kind::sum, {1}, true}, {exponent});
  Graph graph = build.finish(build.binary(Kind::subtract, below, build.unary(Curve::log, sum)));
  test::rewrite_all(graph);
  EXPECT_EQ(test::operators(graph), "tanh");
  EXPECT_TRUE(graph.softmax_removed);
  EXPECT_EQ(graph.output_kind, OutputKind::logits);
}

TEST(Softmax, AsTheLogOfASoftmaxToo) {
  Build build({1, 6});
  const TensorId soft = build.add(Softmax{1}, {build.unary(Curve::tanh, build.input())});
  Graph graph = build.finish(build.unary(Curve::log, soft));
  test::rewrite_all(graph);
  EXPECT_EQ(test::operators(graph), "tanh");
}

TEST(Softmax, OneEndAloneIsTakenOff) {
  Build build({1, 6});
  const TensorId x = build.unary(Curve::tanh, build.input());
  const TensorId gate = build.unary(Curve::sigmoid, x);
  Graph graph = build.finish(build.add(Softmax{1}, {gate}));
  test::rewrite_all(graph);  // the softmax of sigmoids is no softmax of their logits
  EXPECT_EQ(test::operators(graph), "tanh sigmoid");
  EXPECT_EQ(graph.output_kind, OutputKind::logits);
  Build twice({1, 6});
  const TensorId inner = twice.add(Softmax{1}, {twice.unary(Curve::tanh, twice.input())});
  Graph second = twice.finish(twice.add(Softmax{1}, {inner}));
  test::rewrite_all(second);
  EXPECT_EQ(test::operators(second), "tanh softmax");
}

TEST(Softmax, OfOneClassStays) {
  Build build({1, 6});
  const TensorId one = build.add(MatMul{}, {build.input(), build.random({6, 1})});
  Graph graph = build.finish(build.add(Softmax{1}, {one}));
  test::rewrite_all(graph);
  EXPECT_FALSE(graph.softmax_removed);
  EXPECT_EQ(graph.output_kind, OutputKind::probabilities);
}

TEST(OutputKind, AFinalSigmoidIsTakenOffAndRecorded) {
  Build build({1, 6});
  const TensorId x = build.unary(Curve::tanh, build.input());
  Graph graph = build.finish(build.unary(Curve::sigmoid, x));
  test::rewrite_all(graph);
  EXPECT_EQ(test::operators(graph), "tanh");
  EXPECT_EQ(graph.output_kind, OutputKind::sigmoids);
}

TEST(OutputKind, AMeanOfSoftmaxesIsProbabilities) {
  Build build({1, 6});
  const TensorId a = build.add(Softmax{1}, {build.unary(Curve::tanh, build.input())});
  const TensorId b = build.add(Softmax{1}, {build.unary(Curve::sine, build.input())});
  const TensorId sum = build.binary(Kind::add, a, b);
  Graph graph = build.finish(build.binary(Kind::divide, sum, build.number(2)));
  test::rewrite_all(graph);
  EXPECT_EQ(graph.output_kind, OutputKind::probabilities);
  Build unequal({1, 6});
  const TensorId c = unequal.add(Softmax{1}, {unequal.unary(Curve::tanh, unequal.input())});
  Graph twice = unequal.finish(unequal.binary(Kind::multiply, c, unequal.number(2)));
  test::rewrite_all(twice);  // reaches 2: no probability
  EXPECT_EQ(twice.output_kind, OutputKind::logits);
}

TEST(OutputKind, SoftmaxOfEveryPixelAveragedIsProbabilities) {
  Build build({1, 4, 5, 3});
  const TensorId soft = build.add(Softmax{3}, {build.unary(Curve::tanh, build.input())});
  Graph graph = build.finish(build.add(Reduce{Reduce::Kind::mean, {1, 2}, false}, {soft}));
  EXPECT_EQ(kind_of_output(graph), OutputKind::probabilities);
}

TEST(OutputKind, HeadsOfTheirOwnAreIndependent) {
  Build build({1, 6});
  const TensorId a = build.unary(Curve::sigmoid, build.input());
  const TensorId b = build.add(Softmax{1}, {build.unary(Curve::tanh, build.input())});
  Graph graph = build.finish(build.add(Concat{1}, {a, b}));
  test::rewrite_all(graph);
  EXPECT_EQ(graph.output_kind, OutputKind::independent);
  Build linear({1, 6});
  Graph logits = linear.finish(linear.unary(Curve::relu, linear.input()));
  test::rewrite_all(logits);
  EXPECT_EQ(logits.output_kind, OutputKind::logits);
}

class ShuffleOf : public testing::TestWithParam<int64_t> {};
INSTANTIATE_TEST_SUITE_P(Gathers, ShuffleOf, testing::Values(2, 3, 4, 6));

TEST_P(ShuffleOf, ChannelsIsAGather) {
  const int64_t groups = GetParam();
  Build build({1, 3, 4, 5});
  const TensorId x = build.unary(Curve::relu, build.nchw_conv(build.input(), 12));
  const TensorId split = build.add(Reshape{{1, groups, 12 / groups, 4, 5}}, {x});
  const TensorId swapped = build.add(Transpose{{0, 2, 1, 3, 4}}, {split});
  const TensorId joined = build.add(Reshape{{1, 12, 4, 5}}, {swapped});
  const Graph before = build.finish(build.nchw_conv(joined, 2));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::operators(after), "conv2d relu gather conv2d transpose");
  EXPECT_EQ(std::get<Gather>(after.nodes[2].op).axis, 3);
  test::expect_same_result(before, after);
}

TEST(Gathers, ShuffleThenSplitIsOneGatherEach) {
  Build build({1, 4, 5, 12});
  const TensorId x = build.conv(build.input(), 12);
  const TensorId shuffled = build.add(Gather{3, {0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11}}, {x});
  const TensorId a = build.add(Slice{{0, 0, 0, 0}, {1, 4, 5, 6}, {1, 1, 1, 1}}, {shuffled});
  const TensorId b = build.add(Slice{{0, 0, 0, 6}, {1, 4, 5, 6}, {1, 1, 1, 1}}, {shuffled});
  const Graph before = build.finish(build.add(Concat{3}, {build.conv(a, 3), b}));
  Graph after = before;
  test::rewrite_all(after, {"gather-conv"});
  EXPECT_EQ(test::operators(after), "conv2d gather gather conv2d concat");
  EXPECT_EQ(std::get<Gather>(after.nodes[1].op).indices, (std::vector<int64_t>{0, 6, 1, 7, 2, 8}));
  test::expect_same_result(before, after);
}

TEST(Gathers, OfOneOperandOfAConcatReadsTheOperand) {
  Build build({1, 4, 5, 6});
  const TensorId a = build.conv(build.input(), 3), b = build.conv(build.input(), 4);
  const TensorId joined = build.add(Concat{3}, {a, b});
  const TensorId second = build.add(Gather{3, {6, 3, 4}}, {joined});
  const Graph before = build.finish(build.add(Concat{3}, {joined, second}));
  Graph after = before;
  EXPECT_EQ(test::apply("gather", after), 1);
  EXPECT_EQ(after.nodes.at(3).inputs[0], after.nodes.at(1).output);
  EXPECT_EQ(std::get<Gather>(after.nodes[3].op).indices, (std::vector<int64_t>{3, 0, 1}));
  test::expect_same_result(before, after);
}

TEST(Gathers, AcrossOperandsStays) {
  Build build({1, 4, 5, 6});
  const TensorId a = build.conv(build.input(), 3), b = build.conv(build.input(), 4);
  const TensorId joined = build.add(Concat{3}, {a, b});
  Graph graph = build.finish(build.add(Gather{3, {2, 3}}, {joined}));
  EXPECT_EQ(test::apply("gather", graph), 0);
}

TEST(Gathers, ASplitJoinedAgainIsOneGather) {
  Build build({1, 4, 5, 6});
  const TensorId x = build.conv(build.input(), 6);
  const TensorId a = build.add(Gather{3, {0, 1, 2}}, {x});
  const TensorId b = build.add(Gather{3, {3, 4, 5}}, {x});
  const Graph before = build.finish(build.unary(Curve::tanh, build.add(Concat{3}, {b, a})));
  Graph after = before;
  EXPECT_EQ(test::apply("concat", after), 1);
  EXPECT_EQ(test::operators(after), "conv2d gather tanh");
  test::expect_same_result(before, after);
}

TEST(Gathers, PartsOfTwoTensorsStayAConcat) {
  Build build({1, 4, 5, 6});
  const TensorId x = build.conv(build.input(), 6), y = build.conv(build.input(), 6);
  const TensorId a = build.add(Gather{3, {0, 1, 2}}, {x});
  const TensorId b = build.add(Gather{3, {3, 4, 5}}, {y});
  Graph graph = build.finish(build.add(Concat{3}, {a, b}));
  EXPECT_EQ(test::apply("concat", graph), 0);
}

TEST(Pool, WholeMapHasOneForm) {
  for (const int form : {0, 1, 2, 3}) {
    Build build({1, 4, 5, 6});
    Pool2d pool{form == 2 ? Pool2d::Kind::maximum : Pool2d::Kind::average};
    pool.kernel = {4, 5};
    pool.stride = {4, 5};
    pool.ceil_mode = true;
    const Reduce mean{Reduce::Kind::mean, {1, 2}, form == 0};
    const TensorId x =
        form < 2 ? build.add(mean, {build.input()}) : build.add(pool, {build.input()});
    const Graph before = build.finish(x);
    Graph after = before;
    EXPECT_EQ(test::apply("global-pool", after), 1);
    const auto& found = std::get<Pool2d>(after.nodes[0].op);
    EXPECT_EQ(found.kernel, (std::array<int, 2>{4, 5}));
    EXPECT_EQ(found.stride, (std::array<int, 2>{1, 1}));
    EXPECT_EQ(test::count(after, "reshape"), form == 1 ? 1 : 0);
    test::expect_same_result(before, after);
  }
}

TEST(Pool, MeanOverTokens) {
  Build build({1, 4, 5, 6});
  const TensorId tokens = build.add(Reshape{{1, 20, 6}}, {build.input()});
  const Graph before = build.finish(build.add(Reduce{Reduce::Kind::mean, {1}, false}, {tokens}));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::count(after, "average_pool"), 1);
  test::expect_same_result(before, after);
}

TEST(Linear, MatrixProductOnAMapIsAPointwiseConvolution) {
  Build build({1, 4, 5, 6});
  const Graph before =
      build.finish(build.add(MatMul{}, {build.input(), build.random({6, 7}), build.random({7})}));
  Graph after = before;
  EXPECT_EQ(test::apply("linear", after), 1);
  EXPECT_EQ(test::operators(after), "conv2d");
  test::expect_same_result(before, after);
}

TEST(Linear, ProductOnTokensBecomesPointwiseOnTheMap) {
  Build build({1, 4, 5, 6});
  const TensorId tokens = build.add(Reshape{{1, 20, 6}}, {build.input()});
  const TensorId product = build.add(MatMul{}, {tokens, build.random({6, 7}), build.random({7})});
  const Graph before = build.finish(build.add(Reshape{{1, 4, 5, 7}}, {product}));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::operators(after), "conv2d");
  EXPECT_EQ(after.tensors[after.output].shape, (Shape{1, 4, 5, 7}));
  test::expect_same_result(before, after);
}

TEST(Linear, LeadingAxesOfProductsGoIntoTheBatch) {
  Build build({1, 2, 3, 6});
  const TensorId x = build.add(Reshape{{2, 1, 3, 2, 3}}, {build.input()});
  const Graph before = build.finish(build.add(MatMul{}, {x, build.random({3, 5})}));
  Graph after = before;
  EXPECT_EQ(test::apply("linear", after), 1);
  EXPECT_EQ(test::operators(after), "reshape reshape conv2d reshape");
  test::expect_same_result(before, after);
}

// A classifier written as a convolution over the channels laid out as rows.
TEST(Linear, ConvolutionOfAReshapedMapReadsTheMap) {
  Build build({1, 4, 5, 6});
  const TensorId rows = build.add(Reshape{{1, 6, 20, 1}}, {build.input()});
  const Graph before = build.finish(build.add(Conv2d{}, {rows, build.random({7, 6, 20, 1})}));
  Graph after = before;
  EXPECT_EQ(test::apply("reshape-conv", after), 1);
  EXPECT_EQ(test::operators(after), "conv2d");
  test::expect_same_result(before, after);
}

TEST(Expand, IsDroppedInFrontOfABinary) {
  Build build({1, 4, 5, 6});
  const TensorId norm = build.add(Reduce{Reduce::Kind::l2, {3}, true}, {build.input()});
  const TensorId wide =
      build.add(Expand{{1, 4, 5, 6}}, {build.unary(Curve::clip, norm, 1e-12f, infinity)});
  const Graph before = build.finish(build.binary(Kind::divide, build.input(), wide));
  Graph after = before;
  EXPECT_EQ(test::apply("expand", after), 1);
  EXPECT_EQ(test::operators(after), "reduce_l2 clip divide");
  test::expect_same_result(before, after);
}

TEST(Expand, StaysWhereItWidensTheResult) {
  Build build({1, 1, 1, 6});
  const TensorId wide = build.add(Expand{{1, 4, 5, 6}}, {build.input()});
  Graph graph = build.finish(build.binary(Kind::divide, build.input(), wide));
  EXPECT_EQ(test::apply("expand", graph), 0);
}

TEST(Order, ConstantsAndGatesComeSecond) {
  Build build({1, 4, 5, 6});
  const TensorId gate = build.add(Reduce{Reduce::Kind::mean, {1, 2}, true}, {build.input()});
  const TensorId gated = build.binary(Kind::multiply, gate, build.input());
  const TensorId difference = build.binary(Kind::subtract, build.number(1), gated);
  const Graph before = build.finish(build.binary(Kind::maximum, build.number(0), difference));
  Graph after = before;
  EXPECT_EQ(test::apply("operand-order", after), 2);
  EXPECT_EQ(after.nodes[1].inputs[0], after.input);
  EXPECT_TRUE(after.tensors[after.nodes[2].inputs[0]].is_constant());  // order matters there
  EXPECT_TRUE(after.tensors[after.nodes[3].inputs[1]].is_constant());
  test::expect_same_result(before, after);
}

}  // namespace
}  // namespace octavo
