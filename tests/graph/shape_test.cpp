// Output shapes against values worked out by hand or taken from the ONNX specification,
// and every contradiction named.
#include <gtest/gtest.h>

#include <limits>

#include "graph/graph.h"

namespace octavo {
namespace {

// One node over operands of the given shapes.
Result<Shape> shape_of(Operator op, const std::vector<Shape>& operands) {
  Graph graph;
  Node node{.name = "the_node", .merged = {}, .op = std::move(op), .inputs = {}, .output = 0};
  for (const Shape& shape : operands) node.inputs.push_back(graph.add_tensor("operand", shape));
  return infer_shape(graph, node);
}

void expect_shape(Operator op, const std::vector<Shape>& operands, const Shape& expected) {
  const Result<Shape> shape = shape_of(std::move(op), operands);
  ASSERT_TRUE(shape) << shape.error().message;
  EXPECT_EQ(*shape, expected);
}

// The message names node and operator, and holds `words`.
void expect_refused(Operator op, const std::vector<Shape>& operands, const std::string& words) {
  const std::string name(operator_name(op));
  const Result<Shape> shape = shape_of(std::move(op), operands);
  ASSERT_FALSE(shape);
  EXPECT_EQ(shape.error().kind, ErrorKind::rejected);
  const std::string& message = shape.error().message;
  EXPECT_NE(message.find("'the_node'"), std::string::npos) << message;
  EXPECT_NE(message.find(name), std::string::npos) << message;
  EXPECT_NE(message.find(words), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(Shape, Conv2dFollowsItsFormula) {
  Conv2d op;
  op.stride = {2, 2};
  op.pads = {1, 1, 1, 1};
  expect_shape(op, {{1, 224, 224, 3}, {32, 3, 3, 3}, {32}}, {1, 112, 112, 32});
  op.pads = {0, 0, 1, 1};  // TensorFlow's SAME of an even size
  expect_shape(op, {{1, 224, 225, 3}, {32, 3, 3, 3}}, {1, 112, 112, 32});
  op = {};
  op.dilation = {2, 3};
  op.groups = 2;
  expect_shape(op, {{4, 9, 9, 6}, {4, 3, 3, 3}}, {4, 5, 3, 4});
}

TEST(Shape, Conv2dNamesContradictions) {
  Conv2d op;
  expect_refused(op, {{1, 8, 8, 3}, {4, 3, 3, 2}}, "2 channels a group");
  expect_refused(op, {{1, 8, 8, 3}, {4, 3, 3, 3}, {3}}, "bias");
  expect_refused(op, {{1, 2, 8, 3}, {4, 3, 3, 3}},
                 "a window of 3 does not fit the padded height 2");
  expect_refused(op, {{1, 8, 2, 3}, {4, 3, 3, 3}}, "width");
  expect_refused(op, {{8, 8, 3}, {4, 3, 3, 3}}, "needs x");
  expect_refused(op, {{1, 8, 8, 3}}, "has 1 operands, expected at least 2");
  op.groups = 2;
  expect_refused(op, {{1, 8, 8, 3}, {4, 3, 3, 1}}, "groups do not divide");
  op.groups = 0;
  expect_refused(op, {{1, 8, 8, 3}, {4, 3, 3, 1}}, "0 groups");
  op.groups = 1;
  op.stride = {0, 1};
  expect_refused(op, {{1, 8, 8, 3}, {4, 3, 3, 3}}, "strides");
  op.stride = {1, 1};
  op.pads.left = -1;
  expect_refused(op, {{1, 8, 8, 3}, {4, 3, 3, 3}}, "pads not negative");
}

TEST(Shape, HugeWindowsNeitherOverflowNorPass) {
  constexpr int most = std::numeric_limits<int>::max();
  Conv2d op;
  op.dilation = {most, most};
  expect_refused(op, {{1, 8, 8, 1}, {1, 3, 3, 1}}, "does not fit");
  op.dilation = {1, 1};
  op.pads = {most, most, most, most};
  expect_refused(op, {{1, 8, 8, 1}, {1, 3, 3, 1}}, "more than 2147483648 elements");
}

TEST(Shape, PoolRoundsUpInCeilMode) {
  Pool2d op{.kind = Pool2d::Kind::maximum};
  op.kernel = {3, 3};
  op.stride = {2, 2};
  op.ceil_mode = true;
  for (const int64_t size : {112, 56, 28}) {  // GoogLeNet
    expect_shape(op, {{1, size, size, 4}}, {1, size / 2, size / 2, 4});
  }
  op.ceil_mode = false;
  expect_shape(op, {{1, 112, 112, 4}}, {1, 55, 55, 4});
}

TEST(Shape, PoolDropsAWindowThatStartsInTheFarPadding) {
  Pool2d op{.kind = Pool2d::Kind::maximum};
  op.kernel = {2, 2};
  op.stride = {2, 2};
  op.pads = {1, 1, 1, 1};
  op.ceil_mode = true;
  // (5 + 2 - 2) / 2 rounds up to 3, plus 1: the window from 6 would start at row 5 of 5.
  expect_shape(op, {{1, 5, 5, 1}}, {1, 3, 3, 1});
}

TEST(Shape, PoolRefusesAWindowWithoutAPixel) {
  Pool2d op{.kind = Pool2d::Kind::average};
  op.kernel = {2, 2};
  op.pads = {2, 0, 0, 0};
  expect_refused(op, {{1, 4, 4, 1}}, "without a pixel");
  op.pads = {1, 0, 1, 0};
  op.dilation = {2, 1};
  expect_refused(op, {{1, 1, 4, 1}}, "without a pixel");
  op.pads = {};
  op.dilation = {1, 1};
  op.kernel = {5, 2};
  expect_refused(op, {{1, 4, 4, 1}}, "does not fit");
  op.ceil_mode = true;
  expect_refused(op, {{1, 4, 4, 1}}, "does not fit");
}

TEST(Shape, MatMulBroadcastsLeadingSizes) {
  expect_shape(MatMul{}, {{5, 1, 2, 3}, {4, 3, 7}}, {5, 4, 2, 7});
  expect_shape(MatMul{.transpose_b = true}, {{2, 3}, {7, 3}, {7}}, {2, 7});
  expect_refused(MatMul{}, {{2, 3}, {4, 7}}, "rows of 3");
  expect_refused(MatMul{}, {{2, 2, 3}, {3, 3, 7}}, "do not broadcast");
  expect_refused(MatMul{}, {{3}, {3, 7}}, "needs matrices");
  expect_refused(MatMul{}, {{2, 3}, {3, 7}, {3}}, "bias");
}

TEST(Shape, BinaryBroadcastsAsNumpy) {
  const Binary add{Binary::Kind::add};
  expect_shape(add, {{2, 1, 3}, {4, 1}}, {2, 4, 3});
  expect_shape(add, {{}, {4, 1}}, {4, 1});
  expect_refused(add, {{2, 3}, {2}}, "[2, 3] and [2] do not broadcast");
}

TEST(Shape, ReductionsKeepOrDropTheirAxes) {
  Reduce op{.kind = Reduce::Kind::mean, .axes = {1, 2}, .keep_dims = true};
  expect_shape(op, {{1, 7, 7, 5}}, {1, 1, 1, 5});
  op.keep_dims = false;
  expect_shape(op, {{1, 7, 7, 5}}, {1, 5});
  op.axes = {2, 1};
  expect_refused(op, {{1, 7, 7, 5}}, "ascending");
  op.axes = {4};
  expect_refused(op, {{1, 7, 7, 5}}, "axis 4 is outside");
  op.axes = {};
  expect_refused(op, {{1, 7, 7, 5}}, "no axes");
}

TEST(Shape, ElementwiseKeepsTheShape) {
  expect_shape(Unary{Unary::Kind::relu}, {{2, 3}}, {2, 3});
  expect_shape(ChannelAffine{1}, {{2, 3, 4}, {3}, {3}}, {2, 3, 4});
  expect_shape(Softmax{2}, {{2, 3, 4}}, {2, 3, 4});
  expect_shape(LayerNorm{}, {{2, 3}, {3}, {3}}, {2, 3});
  expect_refused(Unary{Unary::Kind::clip, 6, 0}, {{2}}, "wrong order");
  expect_refused(Unary{Unary::Kind::elu, std::numeric_limits<float>::quiet_NaN()}, {{2}},
                 "not a number");
  expect_refused(ChannelAffine{1}, {{2, 3}, {2}, {3}}, "do not match axis 1");
  expect_refused(ChannelAffine{-1}, {{2, 3}, {3}, {3}}, "axis -1");
  expect_shape(FakeQuantize{}, {{2, 3}}, {2, 3});
  expect_shape(FakeQuantize{{{1, 2, 3}, {0, 0, 255}, 255}, 1}, {{2, 3, 4}}, {2, 3, 4});
  expect_refused(FakeQuantize{{{1, 2, 3}, {0, 0, 0}, 255}, 2}, {{2, 3, 4}}, "do not match axis 2");
  expect_refused(FakeQuantize{{{1, 2}, {0, 0}, 255}, 3}, {{2, 3}}, "axis 3");
  expect_refused(FakeQuantize{{{1}, {256}, 255}, 0}, {{2, 3}}, "zero point 256");
  expect_refused(FakeQuantize{{{0}, {0}, 255}, 0}, {{2, 3}}, "scale 0");
  expect_refused(FakeQuantize{{{1, 1}, {0}, 255}, 0}, {{2, 3}}, "1 zero points");
  expect_refused(Softmax{3}, {{2, 3, 4}}, "axis 3");
  expect_refused(LayerNorm{}, {{2, 3}, {2}, {3}}, "gamma");
  expect_refused(LayerNorm{-1.0f}, {{2, 3}, {3}, {3}}, "epsilon");
  expect_refused(LayerNorm{}, {{}, {1}, {1}}, "at least one axis");
}

TEST(Shape, MovingDataKeepsCount) {
  expect_shape(Reshape{{6, 2}}, {{3, 4}}, {6, 2});
  expect_refused(Reshape{{5, 2}}, {{3, 4}}, "has 12 elements");
  expect_refused(Reshape{{-6, -2}}, {{3, 4}}, "must be positive");
  expect_shape(Transpose{{2, 0, 1}}, {{3, 4, 5}}, {5, 3, 4});
  expect_refused(Transpose{{0, 0, 1}}, {{3, 4, 5}}, "not a permutation");
  expect_refused(Transpose{{0, 3, 1}}, {{3, 4, 5}}, "not a permutation");
  expect_refused(Transpose{{0, 1}}, {{3, 4, 5}}, "2 entries");
  expect_shape(Expand{{2, 3, 4}}, {{3, 1}}, {2, 3, 4});
  expect_refused(Expand{{3, 1}}, {{3, 4}}, "does not broadcast");
}

TEST(Shape, ConcatAddsAlongOneAxis) {
  expect_shape(Concat{1}, {{2, 3}, {2, 1}, {2, 4}}, {2, 8});
  expect_refused(Concat{1}, {{2, 3}, {3, 1}}, "operand 1 [3, 1] does not fit");
  expect_refused(Concat{2}, {{2, 3}}, "axis 2 is outside");
  expect_refused(Concat{0}, {}, "has 0 operands");
}

TEST(Shape, SliceAndGatherStayInside) {
  expect_shape(Slice{{0, 4}, {2, 2}, {1, -3}}, {{2, 5}}, {2, 2});
  expect_refused(Slice{{0, 4}, {2, 3}, {1, -3}}, {{2, 5}}, "not all inside axis 1");
  expect_refused(Slice{{0, 5}, {2, 1}, {1, 1}}, {{2, 5}}, "not all inside");
  expect_refused(Slice{{0, 0}, {2, 0}, {1, 1}}, {{2, 5}}, "not all inside");
  expect_refused(Slice{{0, 0}, {2, 1}, {1, 0}}, {{2, 5}}, "not all inside");
  expect_refused(Slice{{0, 1}, {2, 5}, {1, INT64_MAX}}, {{2, 5}}, "not all inside");
  expect_refused(Slice{{0}, {2}, {1}}, {{2, 5}}, "1 entries");
  expect_shape(Gather{1, {4, 0, 0}}, {{2, 5}}, {2, 3});
  expect_refused(Gather{1, {5}}, {{2, 5}}, "index 5 is outside axis 1");
  expect_refused(Gather{1, {-1}}, {{2, 5}}, "index -1");
  expect_refused(Gather{1, {}}, {{2, 5}}, "must be positive");
}

TEST(Shape, PadAndResize) {
  expect_shape(Pad{Pad::Mode::constant, {0, 1}, {2, 0}, 0}, {{2, 3}}, {4, 4});
  expect_refused(Pad{Pad::Mode::reflect, {0, 3}, {0, 0}, 0}, {{2, 3}}, "padding of 3 on axis 1");
  expect_refused(Pad{Pad::Mode::edge, {0, -1}, {0, 0}, 0}, {{2, 3}}, "padding of -1");
  expect_refused(Pad{Pad::Mode::edge, {0}, {0}, 0}, {{2, 3}}, "1 entries");
  expect_refused(Pad{Pad::Mode::constant, {0}, {0}, std::numeric_limits<float>::infinity()}, {{2}},
                 "not finite");
  Resize op;
  op.height = 14;
  op.width = 21;
  expect_shape(op, {{1, 7, 7, 3}}, {1, 14, 21, 3});
  expect_refused(op, {{7, 7, 3}}, "needs x");
  op.scale_h = 0;
  expect_refused(op, {{1, 7, 7, 3}}, "scales");
  op.scale_h = 1;
  op.height = 0;
  expect_refused(op, {{1, 7, 7, 3}}, "must be positive");
}

TEST(Shape, OperandsAreChecked) {
  expect_refused(Unary{Unary::Kind::relu}, {{2}, {2}}, "has 2 operands, expected at most 1");
  expect_refused(Unary{Unary::Kind::relu}, {{2, 0}}, "must be positive");
  expect_refused(Unary{Unary::Kind::relu}, {{int64_t{1} << 40, int64_t{1} << 40}}, "more than");
  expect_refused(Unary{Unary::Kind::relu}, {Shape(9, 1)}, "has 9 axes");
  Graph graph;
  const Node node{.name = "the_node", .merged = {}, .op = Softmax{}, .inputs = {7}, .output = 0};
  const Result<Shape> shape = infer_shape(graph, node);
  ASSERT_FALSE(shape);
  EXPECT_NE(shape.error().message.find("tensor 7 of 0"), std::string::npos);
}

}  // namespace
}  // namespace octavo
