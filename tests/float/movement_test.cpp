// Operators that only move values give exactly the values of their definition.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "float/reference.h"

namespace octavo::test {
namespace {

const Shape shape{1, 3, 4, 5};

void expect_moved(Operator op) {
  std::mt19937 random(11);
  OneNode one(shape, std::move(op));
  one.finish();
  expect_engine_agrees(one.graph, random_values(element_count(shape), random), 0);
}

TEST(FloatTranspose, EveryPermutation) {
  std::vector<int> perm = {0, 1, 2, 3};
  do {
    expect_moved(Transpose{perm});
  } while (std::next_permutation(perm.begin(), perm.end()));
}

TEST(FloatReshape, KeepsTheOrder) {
  expect_moved(Reshape{{5, 12}});
}

TEST(FloatSlice, ForwardBackwardAndStepped) {
  expect_moved(Slice{{0, 1, 0, 2}, {1, 2, 4, 3}, {1, 1, 1, 1}});
  expect_moved(Slice{{0, 0, 1, 0}, {1, 2, 2, 3}, {1, 2, 2, 2}});
  expect_moved(Slice{{0, 2, 3, 4}, {1, 3, 2, 5}, {1, -1, -2, -1}});
}

TEST(FloatGather, RepeatsAndReorders) {
  expect_moved(Gather{3, {4, 0, 3, 1, 2}});
  expect_moved(Gather{2, {1, 1, 3}});
  expect_moved(Gather{1, {2}});
}

TEST(FloatExpand, RepeatsAxesOfOne) {
  expect_moved(Expand{{6, 3, 4, 5}});
  expect_moved(Expand{{2, 2, 3, 4, 5}});
}

TEST(FloatPad, EveryMode) {
  expect_moved(Pad{Pad::Mode::constant, {0, 1, 2, 0}, {0, 0, 1, 3}, -2.5f});
  expect_moved(Pad{Pad::Mode::constant, {1, 0, 0, 0}, {1, 0, 0, 0}, 0});
  expect_moved(Pad{Pad::Mode::edge, {0, 1, 2, 4}, {0, 3, 1, 3}, 0});
  expect_moved(Pad{Pad::Mode::reflect, {0, 2, 3, 1}, {0, 1, 2, 4}, 0});
}

TEST(FloatConcat, AlongEveryAxis) {
  std::mt19937 random(12);
  for (int axis = 0; axis < 4; ++axis) {
    Shape other = shape;
    other[static_cast<size_t>(axis)] = 2;
    OneNode one(shape, Concat{axis});
    one.add_random(other, random);
    one.graph.nodes[0].inputs.push_back(one.graph.input);
    one.finish();
    expect_engine_agrees(one.graph, random_values(element_count(shape), random), 0);
  }
}

}  // namespace
}  // namespace octavo::test
