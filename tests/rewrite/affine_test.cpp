// Scales and shifts: from constants, into one another, into their neighbours.
#include <limits>

#include "rewrite/build_graph.h"

namespace octavo {
namespace {

using test::Build;
using Kind = Binary::Kind;

TensorId affine(Build& build, TensorId x, int axis) {
  const Shape channels{build.shape(x)[static_cast<size_t>(axis)]};
  const TensorId scale = build.random(channels, 0.5f, 2);
  return build.add(ChannelAffine{axis}, {x, scale, build.random(channels)}, "norm");
}

class ConstantForm : public testing::TestWithParam<std::tuple<Shape, Kind, bool>> {};

// Biases, layer scales, normalizations: [c], [1, c], [c, 1, 1], [1, c, 1, 1], scalars.
INSTANTIATE_TEST_SUITE_P(
    Affine, ConstantForm,
    testing::Combine(testing::Values(Shape{}, Shape{1}, Shape{5}, Shape{1, 5}, Shape{3, 1, 1},
                                     Shape{1, 3, 1, 1}, Shape{4, 1}),
                     testing::Values(Kind::add, Kind::subtract, Kind::multiply, Kind::divide),
                     testing::Bool()));

TEST_P(ConstantForm, BecomesAChannelAffine) {
  const auto& [shape, kind, constant_first] = GetParam();
  Build build({1, 3, 4, 5});
  const TensorId constant = build.random(shape, 0.5f, 2);
  const TensorId output = constant_first ? build.binary(kind, constant, build.input())
                                         : build.binary(kind, build.input(), constant);
  const Graph before = build.finish(output);
  Graph after = before;
  const bool affine = kind != Kind::divide || !constant_first;  // a quotient by x is not
  EXPECT_EQ(test::apply("affine", after), affine ? 1 : 0);
  EXPECT_EQ(test::operators(after), affine ? "channel_affine" : "divide");
  test::expect_same_result(before, after);
}

void expect_no_affine(Build& build, TensorId output) {
  Graph graph = build.finish(output);
  EXPECT_EQ(test::apply("affine", graph), 0) << to_text(graph);
}

TEST(Affine, NotWhereTheConstantVariesAlongTwoAxes) {
  Build build({1, 3, 4, 5});
  expect_no_affine(build, build.binary(Kind::add, build.input(), build.random({3, 4, 1})));
}

TEST(Affine, NotWhereTheConstantWidensTheTensor) {
  Build build({1, 3, 4, 1});
  expect_no_affine(build, build.binary(Kind::add, build.input(), build.random({5})));
}

TEST(Affine, NotAQuotientByZero) {
  Build build({1, 3, 4, 5});
  expect_no_affine(build, build.binary(Kind::divide, build.input(), build.number(0)));
}

TEST(Affine, TwoInARowMerge) {
  Build build({1, 3, 4, 5});
  const TensorId halved = build.binary(Kind::multiply, build.input(), build.number(0.5f));
  const Graph before = build.finish(affine(build, affine(build, halved, 1), 1));
  Graph after = before;
  test::apply("affine", after);
  EXPECT_EQ(test::apply("merge-affine", after), 2);
  EXPECT_EQ(test::operators(after), "channel_affine");
  test::expect_same_result(before, after);
}

TEST(Affine, AlongDifferentAxesStaysTwo) {
  Build build({1, 3, 4, 5});
  Graph graph = build.finish(affine(build, affine(build, build.input(), 1), 3));
  EXPECT_EQ(test::apply("merge-affine", graph), 0);
}

TEST(Affine, BatchNormGoesIntoTheConvolutionBefore) {
  for (const int groups : {1, 2, 6}) {
    Build build({1, 5, 5, 6});
    const TensorId conv = build.conv(build.input(), 6, 3, groups);
    const Graph before = build.finish(affine(build, conv, 3));
    Graph after = before;
    EXPECT_EQ(test::apply("affine-into-previous", after), 1);
    EXPECT_EQ(test::operators(after), "conv2d");
    EXPECT_EQ(after.nodes[0].name, "norm");  // it gives the output
    EXPECT_EQ(after.nodes[0].merged, std::vector<std::string>{"node0"});
    test::expect_same_result(before, after);
  }
}

TEST(Affine, ConvolutionWithAnotherReaderStays) {
  Build build({1, 5, 5, 6});
  const TensorId conv = build.conv(build.input(), 6, 3);
  Graph graph = build.finish(build.binary(Kind::add, affine(build, conv, 3), conv));
  EXPECT_EQ(test::apply("affine-into-previous", graph), 0);
}

TEST(Affine, GoesIntoMatrixProductsOfBothOrientations) {
  for (const bool transpose_b : {false, true}) {
    Build build({7, 6});
    const TensorId weight = build.random(transpose_b ? Shape{4, 6} : Shape{6, 4});
    const TensorId product =
        build.add(MatMul{transpose_b}, {affine(build, build.input(), 1), weight});
    const Graph before = build.finish(affine(build, product, 1));
    Graph after = before;
    EXPECT_EQ(test::apply("affine-into-previous", after), 1);
    EXPECT_EQ(test::apply("affine-into-next", after), 1);
    EXPECT_EQ(test::operators(after), "matmul");
    test::expect_same_result(before, after);
  }
}

TEST(Affine, BiasGoesIntoTheMatrixProduct) {
  Build build({7, 6});
  const TensorId product = build.add(MatMul{}, {build.input(), build.random({6, 4})});
  const Graph before = build.finish(build.binary(Kind::add, build.random({4}), product));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::operators(after), "reshape conv2d reshape");
  test::expect_same_result(before, after);
}

TEST(Affine, GoesIntoTheUnpaddedConvolutionBehind) {
  for (const int groups : {1, 3}) {
    Build build({1, 5, 5, 6});
    Conv2d op;
    op.groups = groups;
    const TensorId weight = build.random({3, 3, 3, 6 / groups});
    const Graph before =
        build.finish(build.add(op, {affine(build, build.input(), 3), weight, build.random({3})}));
    Graph after = before;
    EXPECT_EQ(test::apply("affine-into-next", after), 1);
    EXPECT_EQ(test::operators(after), "conv2d");
    test::expect_same_result(before, after);
  }
}

TEST(Affine, ShiftStopsAtPaddingButScalePasses) {
  Build build({1, 5, 5, 6});
  Graph shifted = build.finish(build.conv(affine(build, build.input(), 3), 3, 3));
  EXPECT_EQ(test::apply("affine-into-next", shifted), 0);

  Build second({1, 5, 5, 6});
  const TensorId scaled = second.add(
      ChannelAffine{3},
      {second.input(), second.random({6}), second.constant({6}, std::vector<float>(6, 0))});
  const Graph before = second.finish(second.conv(scaled, 3, 3));
  Graph after = before;
  EXPECT_EQ(test::apply("affine-into-next", after), 1);
  test::expect_same_result(before, after);
}

TEST(Affine, OverflowingWeightsStayApart) {
  Build build({1, 2, 2, 1});
  const TensorId big = build.constant({1, 1, 1, 1}, {1e30f});
  const TensorId conv = build.add(Conv2d{}, {build.input(), big});
  const TensorId scale = build.constant({1}, {1e30f});
  Graph graph = build.finish(build.add(ChannelAffine{3}, {conv, scale, build.constant({1}, {0})}));
  EXPECT_EQ(test::apply("affine-into-previous", graph), 0);
  EXPECT_EQ(test::operators(graph), "conv2d channel_affine");
}

TEST(Affine, GoesBelowAnAveragePool) {
  for (const bool include_pad : {false, true}) {
    Build build({1, 6, 6, 4});
    Pool2d pool{Pool2d::Kind::average};
    pool.kernel = {3, 3};
    pool.pads = {1, 1, 1, 1};
    pool.count_include_pad = include_pad;
    const Graph before = build.finish(build.add(pool, {affine(build, build.input(), 3)}));
    Graph after = before;
    EXPECT_EQ(test::apply("affine-below-pool", after), include_pad ? 0 : 1);
    test::expect_same_result(before, after);
  }
}

TEST(Affine, BranchesOfRepVggMerge) {
  for (const int groups : {1, 2, 4}) {
    Build build({1, 6, 6, 4});
    const TensorId x = build.input();
    const TensorId large = affine(build, build.conv(x, 4, 3, groups), 3);
    const TensorId small = affine(build, build.conv(x, 4, 1, groups), 3);
    const TensorId sum =
        build.binary(Kind::add, build.binary(Kind::add, small, large), affine(build, x, 3));
    const Graph before = build.finish(build.unary(Unary::Kind::relu, sum));
    Graph after = before;
    test::rewrite_all(after);
    EXPECT_EQ(test::operators(after), "conv2d relu");
    test::expect_same_result(before, after);
  }
}

// RepViT: a normalization of conv(x) + conv(x) + x.
TEST(Affine, AnInputAddedInFrontOfANormalizationMerges) {
  for (const bool input_first : {false, true}) {
    Build build({1, 6, 6, 4});
    const TensorId x = build.unary(Unary::Kind::relu, build.input());
    const TensorId branches =
        build.binary(Kind::add, build.conv(x, 4, 3, 4), build.conv(x, 4, 1, 4));
    const TensorId sum =
        input_first ? build.binary(Kind::add, x, branches) : build.binary(Kind::add, branches, x);
    const TensorId mixed = affine(build, sum, 3);
    // The next residual reads the normalization as well.
    const Graph before = build.finish(build.binary(Kind::add, build.conv(mixed, 4), mixed));
    Graph after = before;
    test::rewrite_all(after);
    EXPECT_EQ(test::operators(after), "relu conv2d conv2d add") << to_text(after);
    test::expect_same_result(before, after);
  }
}

TEST(Affine, AnInputAddedToAConvolutionAloneStaysAResidual) {
  Build build({1, 6, 6, 4});
  const TensorId x = build.unary(Unary::Kind::relu, build.input());
  Graph graph = build.finish(build.binary(Kind::add, build.conv(x, 4, 3), x));
  EXPECT_EQ(test::apply("parallel", graph), 0);
}

// FastViT: x + s (conv(x) - norm(x)).
TEST(Affine, ASubtractedBranchMerges) {
  for (const bool convolved : {false, true}) {
    Build build({1, 6, 6, 4});
    const TensorId x = build.unary(Unary::Kind::relu, build.input());
    const TensorId large = build.conv(x, 4, 3, 4);
    const TensorId other = convolved ? build.conv(x, 4, 1, 4) : affine(build, x, 3);
    const TensorId first = convolved ? other : large, second = convolved ? large : other;
    const TensorId scaled = affine(build, build.binary(Kind::subtract, first, second), 3);
    const Graph before = build.finish(build.binary(Kind::add, x, scaled));
    Graph after = before;
    test::rewrite_all(after);
    EXPECT_EQ(test::operators(after), "relu conv2d add") << to_text(after);
    test::expect_same_result(before, after);
  }
}

// A scale a channel without a shift.
TensorId scaled(Build& build, TensorId x, float low = 0.5f, float high = 2) {
  const Shape channels{build.shape(x).back()};
  const TensorId none = build.constant(channels, std::vector<float>(size_t(channels[0]), 0));
  const int axis = static_cast<int>(build.shape(x).size()) - 1;
  return build.add(ChannelAffine{axis}, {x, build.random(channels, low, high), none}, "scale");
}

TensorId average_around(Build& build, TensorId x) {
  Pool2d pool{Pool2d::Kind::average};
  pool.kernel = {3, 3};
  pool.pads = {1, 1, 1, 1};
  return build.add(pool, {x});
}

// EfficientFormer, PoolFormer: x + s (pool(x) - x).
TEST(Affine, ATensorThatASumAddsTwiceIsAddedOnceWithFactors) {
  for (const bool x_first : {false, true}) {
    Build build({1, 6, 6, 4});
    const TensorId x = build.unary(Unary::Kind::relu, build.input());
    const TensorId mixed = build.binary(Kind::subtract, average_around(build, x), x);
    const TensorId branch = scaled(build, mixed);
    const Graph before = build.finish(x_first ? build.binary(Kind::add, x, branch)
                                              : build.binary(Kind::subtract, branch, x));
    Graph after = before;
    EXPECT_EQ(test::apply("weighted-sum", after), 1);
    EXPECT_EQ(test::operators(after), "relu average_pool channel_affine channel_affine add")
        << to_text(after);
    test::expect_same_result(before, after);
    EXPECT_EQ(test::apply("weighted-sum", after), 0);
  }
}

TEST(Affine, ASumWhereFactorsCancelKeepsNone) {
  Build build({1, 6, 6, 4});
  const TensorId x = build.unary(Unary::Kind::relu, build.input());
  const TensorId twice = build.binary(Kind::add, x, x);
  const Graph before = build.finish(build.binary(Kind::subtract, average_around(build, x),
                                                 build.binary(Kind::subtract, twice, x)));
  Graph after = before;
  EXPECT_GT(test::apply("weighted-sum", after), 0);
  EXPECT_EQ(test::operators(after), "relu average_pool subtract") << to_text(after);
  test::expect_same_result(before, after);
}

TEST(Affine, AMultipleOfATensorAddedToItIsOneScale) {
  Build build({1, 6, 6, 4});
  const TensorId x = build.unary(Unary::Kind::relu, build.input());
  const Graph before = build.finish(build.binary(Kind::add, affine(build, x, 3), x));
  Graph after = before;
  EXPECT_EQ(test::apply("weighted-sum", after), 1);
  EXPECT_EQ(test::operators(after), "relu channel_affine");
  test::expect_same_result(before, after);
}

TEST(Affine, SumsThatCannotBeOneOfTwoTensorsStay) {
  for (int kind = 0; kind < 6; ++kind) {
    Build build({1, 6, 6, 4});
    const TensorId x = build.unary(Unary::Kind::relu, build.input());
    const TensorId pool = average_around(build, x);
    const auto difference = [&] { return build.binary(Kind::subtract, pool, x); };
    TensorId sum = 0;
    if (kind == 0) {  // what is scaled is read twice
      const TensorId twice = difference();
      sum = build.binary(Kind::add, build.binary(Kind::multiply, x, scaled(build, twice)), twice);
    } else if (kind == 1) {  // shifted
      sum = build.binary(Kind::add, x, affine(build, difference(), 3));
    } else if (kind == 2) {  // nothing twice
      sum = build.binary(Kind::add, build.unary(Unary::Kind::sigmoid, x), pool);
    } else if (kind == 3) {  // nothing would be left of x
      sum = build.binary(Kind::add, difference(), x);
    } else if (kind == 4) {  // nothing would be left of the 1 in 1 - s
      sum = build.binary(Kind::add, x, scaled(build, difference(), 1e8f, 2e8f));
    } else {  // a convolution takes x as a residual
      sum = build.binary(Kind::add, build.binary(Kind::add, build.conv(x, 4, 3), x), x);
    }
    Graph graph = build.finish(sum);
    EXPECT_EQ(test::apply("weighted-sum", graph), 0) << kind << "\n" << to_text(graph);
  }
}

TEST(Affine, StridedBranchesMerge) {
  Build build({1, 8, 8, 4});
  Conv2d large;
  large.stride = {2, 2};
  large.pads = {1, 1, 1, 1};
  Conv2d small;
  small.stride = {2, 2};
  const TensorId a = build.add(large, {build.input(), build.random({6, 3, 3, 4})});
  const TensorId b = build.add(small, {build.input(), build.random({6, 1, 1, 4})});
  const Graph before = build.finish(build.binary(Kind::add, a, b));
  Graph after = before;
  EXPECT_EQ(test::apply("parallel", after), 1);
  EXPECT_EQ(test::operators(after), "conv2d");
  test::expect_same_result(before, after);
}

TEST(Affine, BranchesOfDifferentStrideOrInputStayApart) {
  Build build({1, 8, 8, 4});
  Conv2d every_second;
  every_second.stride = {2, 2};
  Conv2d dilated;  // also 4 x 4, but it sees other pixels
  dilated.dilation = {4, 4};
  const TensorId a = build.add(every_second, {build.input(), build.random({6, 1, 1, 4})});
  const TensorId b = build.add(dilated, {build.input(), build.random({6, 2, 2, 4})});
  Graph graph = build.finish(build.binary(Kind::add, a, b));
  EXPECT_EQ(test::apply("parallel", graph), 0);
}

TEST(Affine, TwoAveragedHeadsAreOne) {
  Build build({1, 6});
  const TensorId a =
      build.add(MatMul{true}, {build.input(), build.random({4, 6}), build.random({4})});
  const TensorId b =
      build.add(MatMul{true}, {build.input(), build.random({4, 6}), build.random({4})});
  const Graph before =
      build.finish(build.binary(Kind::divide, build.binary(Kind::add, a, b), build.number(2)));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::operators(after), "reshape conv2d reshape");
  test::expect_same_result(before, after);
}

// A quantized file means each of its operators to be rounded to float, or ties fall elsewhere.
TEST(Affine, InFrontOfARoundingEachOperatorStaysItself) {
  Build build({1, 3, 6, 6});
  const TensorId std = build.constant({1, 3, 1, 1}, {0.229f, 0.224f, 0.225f});
  const TensorId unit = build.binary(Kind::divide, build.input(), build.number(255));
  const TensorId normed =
      build.binary(Kind::divide, build.binary(Kind::subtract, unit, build.number(0.5f)), std);
  const TensorId stored = build.add(FakeQuantize{{{0.02f}, {110}, 255}, 0}, {normed});
  Graph graph = build.finish(build.nchw_conv(stored, 4, 3));
  test::rewrite_all(graph);
  EXPECT_EQ(test::operators(graph), "divide channel_affine divide fake_quantize conv2d transpose");
  graph.normalization = Normalization{};
  EXPECT_EQ(test::apply("input-affine", graph), 0);
}

TEST(Affine, InputNormalizationIsAbsorbed) {
  Build build({1, 3, 6, 6});
  const TensorId mean = build.constant({1, 3, 1, 1}, {0.485f, 0.456f, 0.406f});
  const TensorId std = build.constant({1, 3, 1, 1}, {0.229f, 0.224f, 0.225f});
  const TensorId unit = build.binary(Kind::divide, build.input(), build.number(255));
  const TensorId normed = build.binary(Kind::divide, build.binary(Kind::subtract, unit, mean), std);
  Graph graph = build.finish(build.nchw_conv(normed, 4, 3));
  test::rewrite_all(graph);
  EXPECT_EQ(test::operators(graph), "channel_affine conv2d transpose");
  Graph absorbed = graph;
  EXPECT_EQ(test::apply("input-affine", absorbed), 0) << "it is fed no pictures";
  absorbed.normalization = Normalization{};
  EXPECT_EQ(test::apply("input-affine", absorbed), 1);
  EXPECT_EQ(test::operators(absorbed), "conv2d transpose");
  const float expected_mean[] = {123.675f, 116.28f, 103.53f};
  const float expected_std[] = {58.395f, 57.12f, 57.375f};
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(absorbed.normalization->mean[c], expected_mean[c], 1e-3);
    EXPECT_NEAR(absorbed.normalization->std[c], expected_std[c], 1e-4);
  }
  EXPECT_TRUE(verify(absorbed));
  EXPECT_EQ(test::apply("input-affine", absorbed), 0);
}

// A colour at a time: Gather, Unsqueeze, Mul, Add each, then Concat.
TEST(Affine, InputTransformOfTorchvisionIsAbsorbed) {
  Build build({1, 3, 6, 5});
  std::vector<TensorId> colours;
  const float scale[] = {0.229f / 0.5f, 0.224f / 0.5f, 0.225f / 0.5f};
  for (int64_t c = 0; c < 3; ++c) {
    const TensorId one = build.add(Gather{1, {c}}, {build.input()});
    const TensorId flat = build.add(Reshape{{1, 6, 5}}, {one});
    const TensorId back = build.add(Reshape{{1, 1, 6, 5}}, {flat});
    const TensorId scaled = build.binary(Kind::multiply, back, build.number(scale[c]));
    colours.push_back(build.binary(Kind::add, scaled, build.number(-0.1f * static_cast<float>(c))));
  }
  const TensorId joined = build.add(Concat{1}, colours);
  const Graph before = build.finish(build.nchw_conv(joined, 4, 3));
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::operators(after), "channel_affine conv2d transpose");
  test::expect_same_result(before, after);
  after.normalization = Normalization{};
  EXPECT_EQ(test::apply("input-affine", after), 1);
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(after.normalization->std[c], 1 / scale[c], 1e-5);
    EXPECT_NEAR(after.normalization->mean[c], 0.1f * static_cast<float>(c) / scale[c], 1e-5);
  }
}

TEST(Affine, AbsorbingComposesWithTheNormalizationOutside) {
  Build build({1, 4, 4, 1});
  const TensorId scale = build.constant({1}, {2}), shift = build.constant({1}, {-1});
  const TensorId normed = build.add(ChannelAffine{3}, {build.input(), scale, shift});
  Graph graph = build.finish(build.conv(normed, 2, 3));
  graph.normalization = Normalization{{100}, {50}};
  EXPECT_EQ(test::apply("input-affine", graph), 1);
  // 2 (p - 100) / 50 - 1 = (p - 125) / 25
  EXPECT_FLOAT_EQ(graph.normalization->mean[0], 125);
  EXPECT_FLOAT_EQ(graph.normalization->std[0], 25);
}

TEST(Affine, AMirroredInputIsNotAbsorbed) {
  Build build({1, 4, 4, 1});
  const TensorId normed = build.add(
      ChannelAffine{3}, {build.input(), build.constant({1}, {-1}), build.constant({1}, {0})});
  Graph graph = build.finish(build.conv(normed, 2, 3));
  graph.normalization = Normalization{{100}, {50}};
  EXPECT_EQ(test::apply("input-affine", graph), 0);
  EXPECT_EQ(graph.normalization->mean[0], 100);
  EXPECT_EQ(test::operators(graph), "channel_affine conv2d");
}

TEST(AffineProducts, ScalesOfHeadsAreConstants) {
  Build build({1, 4, 5, 6});
  const TensorId scaled =
      build.binary(Binary::Kind::multiply, build.input(), build.random({4, 1, 1}, 1, 2));
  const Graph before = build.finish(
      build.add(Softmax{3}, {build.binary(Binary::Kind::add, scaled, build.random({4, 1, 1}))}));
  Graph after = before;
  test::rewrite_all(after, {"input-layout", "softmax"});
  EXPECT_EQ(test::operators(after), "multiply add softmax");
  test::expect_same_result(before, after);
}

TEST(AffineProducts, ChannelsStay) {
  Build build({1, 4, 5, 6});
  Graph graph = build.finish(
      build.add(ChannelAffine{3}, {build.input(), build.random({6}, 1, 2), build.random({6})}));
  EXPECT_EQ(test::apply("affine-products", graph), 0);
}

TEST(AffineProducts, OneNumberMovesToTheChannels) {
  Build build({1, 4, 5, 6});
  const Graph before =
      build.finish(build.add(ChannelAffine{1}, {build.input(), build.constant({4}, {2, 2, 2, 2}),
                                                build.constant({4}, {1, 1, 1, 1})}));
  Graph after = before;
  EXPECT_EQ(test::apply("affine-products", after), 1);
  EXPECT_EQ(std::get<ChannelAffine>(after.nodes[0].op).axis, 3);
  test::expect_same_result(before, after);
}

}  // namespace
}  // namespace octavo
