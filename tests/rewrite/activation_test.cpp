// Activations as exporters write them out, in every order of operands.
#include "rewrite/build_graph.h"

namespace octavo {
namespace {

using test::Build;
using Kind = Binary::Kind;
using Curve = Unary::Kind;

constexpr float infinity = std::numeric_limits<float>::infinity();

// Applies the recognisers in the table's order and expects one node of that name.
void expect_recognised(const Graph& before, const std::string& name) {
  Graph after = before;
  for (const char* rewrite : {"clip", "hard-sigmoid", "self-gate", "gelu", "layer-norm"}) {
    test::apply(rewrite, after);
  }
  EXPECT_EQ(test::operators(after), name);
  test::expect_same_result(before, after);
}

// a op b, or b op a.
TensorId either(Build& build, Kind kind, TensorId a, TensorId b, bool swapped) {
  return swapped ? build.binary(kind, b, a) : build.binary(kind, a, b);
}

class BothOrders : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Activations, BothOrders, testing::Bool());

TEST_P(BothOrders, SiluIsASigmoidGate) {
  Build build({1, 4, 4, 3});
  const TensorId gate = build.unary(Curve::sigmoid, build.input());
  expect_recognised(build.finish(either(build, Kind::multiply, build.input(), gate, GetParam())),
                    "silu");
}

TEST_P(BothOrders, HardSwishIsAHardSigmoidGate) {
  Build build({1, 4, 4, 3});
  const TensorId gate = build.unary(Curve::hard_sigmoid, build.input(), 0.16666667f, 0.5f);
  expect_recognised(build.finish(either(build, Kind::multiply, build.input(), gate, GetParam())),
                    "hard_swish");
}

TEST_P(BothOrders, MishIsATanhOfSoftplusGate) {
  Build build({1, 4, 4, 3});
  const TensorId gate = build.unary(Curve::tanh, build.unary(Curve::softplus, build.input()));
  expect_recognised(build.finish(either(build, Kind::multiply, build.input(), gate, GetParam())),
                    "mish");
}

TEST_P(BothOrders, HardSwishWithTheSixthLast) {
  Build build({1, 4, 4, 3});
  const TensorId x = build.input();
  const TensorId shifted = either(build, Kind::add, x, build.number(3), GetParam());
  const TensorId gate = build.unary(Curve::clip, shifted, 0, 6);
  const TensorId gated = either(build, Kind::multiply, x, gate, GetParam());
  expect_recognised(build.finish(build.binary(Kind::divide, gated, build.number(6))), "hard_swish");
}

TEST_P(BothOrders, HardSwishWithTheSixthFirst) {
  Build build({1, 4, 4, 3});
  const TensorId x = build.input();
  const TensorId gate = build.unary(Curve::clip, build.binary(Kind::add, x, build.number(3)), 0, 6);
  const TensorId sixth = build.binary(Kind::multiply, gate, build.number(1.0f / 6));
  expect_recognised(build.finish(either(build, Kind::multiply, x, sixth, GetParam())),
                    "hard_swish");
}

TEST_P(BothOrders, GeluOfTorchScript) {
  Build build({1, 4, 4, 3});
  const TensorId x = build.input();
  const TensorId scaled = build.binary(Kind::divide, x, build.number(1.41421354f));
  const TensorId sum =
      either(build, Kind::add, build.unary(Curve::erf, scaled), build.number(1), GetParam());
  const TensorId gated = either(build, Kind::multiply, x, sum, GetParam());
  expect_recognised(
      build.finish(either(build, Kind::multiply, gated, build.number(0.5f), GetParam())), "gelu");
}

TEST_P(BothOrders, GeluOfDynamoHalvesFirst) {
  Build build({1, 4, 4, 3});
  const TensorId x = build.input();
  const TensorId scaled = build.binary(Kind::multiply, x, build.number(0.70710677f));
  const TensorId sum = build.binary(Kind::add, build.unary(Curve::erf, scaled), build.number(1));
  const TensorId half = either(build, Kind::multiply, build.number(0.5f), sum, GetParam());
  expect_recognised(build.finish(either(build, Kind::multiply, x, half, GetParam())), "gelu");
}

TEST_P(BothOrders, GeluHalvesXFirst) {
  Build build({1, 4, 4, 3});
  const TensorId x = build.input();
  const TensorId scaled = build.binary(Kind::multiply, x, build.number(0.70710677f));
  const TensorId sum = build.binary(Kind::add, build.unary(Curve::erf, scaled), build.number(1));
  const TensorId half = either(build, Kind::multiply, build.number(0.5f), x, GetParam());
  expect_recognised(build.finish(either(build, Kind::multiply, half, sum, GetParam())), "gelu");
}

// 0.044715 x^3 by a power or by products.
TEST_P(BothOrders, GeluByTanh) {
  Build build({1, 4, 4, 3});
  const TensorId x = build.input();
  const TensorId cube = GetParam()
                            ? build.binary(Kind::power, x, build.number(3))
                            : build.binary(Kind::multiply, build.binary(Kind::multiply, x, x), x);
  const TensorId term = either(build, Kind::multiply, cube, build.number(0.044715f), GetParam());
  const TensorId inner = either(build, Kind::add, x, term, GetParam());
  const TensorId scaled = build.binary(Kind::multiply, inner, build.number(0.7978845608f));
  const TensorId sum = build.binary(Kind::add, build.unary(Curve::tanh, scaled), build.number(1));
  const TensorId half = build.binary(Kind::multiply, x, build.number(0.5f));
  expect_recognised(build.finish(either(build, Kind::multiply, half, sum, GetParam())),
                    "gelu_tanh");
}

TEST(Activations, HardSigmoidOfReLU6) {
  Build build({1, 4, 4, 3});
  const TensorId sum = build.binary(Kind::add, build.input(), build.number(3));
  expect_recognised(build.finish(build.binary(Kind::divide, build.unary(Curve::clip, sum, 0, 6),
                                              build.number(6))),
                    "hard_sigmoid");
}

TEST(Activations, HardSigmoidOfKeras) {
  Build build({1, 4, 4, 3});
  const TensorId scaled = build.binary(Kind::multiply, build.input(), build.number(0.2f));
  const TensorId sum = build.binary(Kind::add, scaled, build.number(0.5f));
  const Graph before = build.finish(build.unary(Curve::clip, sum, 0, 1));
  expect_recognised(before, "hard_sigmoid");
}

TEST(Activations, ClampsBecomeOneClip) {
  Build build({1, 4, 4, 3});
  const TensorId low = build.binary(Kind::maximum, build.number(-1), build.input());
  expect_recognised(build.finish(build.binary(Kind::minimum, low, build.number(2))), "clip");
}

TEST(Activations, ReluCutOffAtSixIsClip) {
  Build build({1, 4, 4, 3});
  const TensorId relu = build.unary(Curve::relu, build.input());
  expect_recognised(build.finish(build.binary(Kind::minimum, relu, build.number(1.5f))), "clip");
}

TEST(Activations, ClipFromZeroUpIsRelu) {
  Build build({1, 4, 4, 3});
  expect_recognised(build.finish(build.unary(Curve::clip, build.input(), 0, infinity)), "relu");
}

TEST(Activations, ContradictingClampsKeepTheirOrder) {
  Build build({1, 4, 4, 3});
  const TensorId inner = build.unary(Curve::clip, build.input(), 1, 2);
  expect_recognised(build.finish(build.unary(Curve::clip, inner, -1, 0.5f)), "clip");
}

TEST(Activations, LayerNormOfOpset11) {
  Build build({1, 4, 4, 12});
  const TensorId x = build.input();
  const TensorId mean = build.add(Reduce{Reduce::Kind::mean, {3}, true}, {x});
  const TensorId d = build.binary(Kind::subtract, x, mean);
  const TensorId square = build.binary(Kind::power, d, build.number(2));
  const TensorId variance = build.add(Reduce{Reduce::Kind::mean, {3}, true}, {square});
  const TensorId sum = build.binary(Kind::add, variance, build.number(1e-6f));
  const TensorId normed = build.binary(Kind::divide, d, build.unary(Curve::sqrt, sum));
  const TensorId scaled = build.binary(Kind::multiply, normed, build.random({12}));
  const TensorId output = build.binary(Kind::add, scaled, build.random({12}));
  const Graph before = build.finish(output);
  Graph after = before;
  test::rewrite_all(after);
  EXPECT_EQ(test::operators(after), "layer_norm");
  EXPECT_EQ(after.nodes[0].name, before.nodes.back().name);
  EXPECT_EQ(after.nodes[0].merged.size(), 8u);
  test::expect_same_result(before, after);
}

// What looks like a pattern but is not must stay.
void expect_untouched(const Graph& before) {
  Graph after = before;
  for (const char* rewrite : {"clip", "hard-sigmoid", "self-gate", "gelu", "layer-norm"}) {
    EXPECT_EQ(test::apply(rewrite, after), 0) << rewrite << "\n" << to_text(after);
  }
}

TEST(NoActivation, GateOfAnotherTensor) {
  Build build({1, 4, 4, 3});
  const TensorId other = build.unary(Curve::tanh, build.input());
  const TensorId gate = build.unary(Curve::sigmoid, build.input());
  expect_untouched(build.finish(build.binary(Kind::multiply, other, gate)));
}

TEST(NoActivation, HardSigmoidGateOfAnotherLine) {
  for (const auto& [alpha, beta] : {std::pair{0.2f, 0.5f}, {1.0f / 6, 0.4f}}) {
    Build build({1, 4, 4, 3});
    const TensorId gate = build.unary(Curve::hard_sigmoid, build.input(), alpha, beta);
    expect_untouched(build.finish(build.binary(Kind::multiply, build.input(), gate)));
  }
}

TEST(NoActivation, GeluWithAnotherConstant) {
  Build build({1, 4, 4, 3});
  const TensorId x = build.input();
  const TensorId scaled = build.binary(Kind::divide, x, build.number(1.5f));
  const TensorId sum = build.binary(Kind::add, build.unary(Curve::erf, scaled), build.number(1));
  const TensorId gated = build.binary(Kind::multiply, x, sum);
  expect_untouched(build.finish(build.binary(Kind::multiply, gated, build.number(0.5f))));
}

// The layer normalization of neither; but d by its own root mean square is half of one.
TEST(Activations, DeviationFromTheMeanOfAnotherTensor) {
  Build build({1, 4, 4, 12});
  const TensorId x = build.input();
  const TensorId other = build.unary(Curve::tanh, x);
  const TensorId mean = build.add(Reduce{Reduce::Kind::mean, {3}, true}, {x});
  const TensorId d = build.binary(Kind::subtract, other, mean);
  const TensorId square = build.binary(Kind::power, d, build.number(2));
  const TensorId variance = build.add(Reduce{Reduce::Kind::mean, {3}, true}, {square});
  const TensorId sum = build.binary(Kind::add, variance, build.number(1e-6f));
  const Graph before = build.finish(build.binary(Kind::divide, d, build.unary(Curve::sqrt, sum)));
  Graph after = before;
  EXPECT_EQ(test::apply("layer-norm", after), 1);
  EXPECT_EQ(test::count(after, "subtract"), 1);
  test::expect_same_result(before, after);
}

// A sigmoid that something else reads stays for that reader.
TEST(Activations, GateWithAnotherReaderStays) {
  Build build({1, 4, 4, 3});
  const TensorId gate = build.unary(Curve::sigmoid, build.input());
  const TensorId gated = build.binary(Kind::multiply, build.input(), gate);
  const Graph before = build.finish(build.binary(Kind::add, gated, gate));
  Graph after = before;
  EXPECT_EQ(test::apply("self-gate", after), 1);
  EXPECT_EQ(test::operators(after), "sigmoid silu add");
  EXPECT_TRUE(after.nodes[1].merged.empty());
  test::expect_same_result(before, after);
}

}  // namespace
}  // namespace octavo
