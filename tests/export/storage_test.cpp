#include "export/storage.h"

#include <gtest/gtest.h>

#include <cmath>

#include "plan/small_plan.h"

namespace octavo {
namespace {

using testing::small_convolution;
using testing::small_tensor;

enum : uint32_t { input, middle, logits };

// A picture of 5 x 5, a pointwise convolution to four channels, and a last one that reads them.
Plan two_convolutions(int32_t last_kernel) {
  Plan plan;
  plan.tensors = {small_tensor("input", {1, 5, 5, 3}), small_tensor("middle", {1, 5, 5, 4}),
                  small_tensor("logits", {1, 1, 1, 5}, ElementType::f32)};
  plan.picture_input = false;
  Step first{"first", {}, small_convolution(1, 3, 4), {input}, middle};
  ConvolutionStep last = small_convolution(last_kernel, 4, 5);
  Step second{"second", {}, last, {middle}, logits};
  plan.steps = {first, second};
  plan.output = logits;
  return plan;
}

// What the pair makes of the value that stands for a stored one.
int32_t through_pair(const Storage& storage, int32_t stored, int32_t zero_point, size_t c) {
  const double value = storage.unit_of(c) * (stored - zero_point - storage.offset_of(c));
  return static_cast<int32_t>(
      std::clamp(std::rint(value / storage.scale) + storage.zero_point, 0.0, 255.0));
}

TEST(ChooseStorage, ScalesAChannelAreOneUnitWithThePlansOwnIntegers) {
  Plan plan = two_convolutions(3);
  plan.tensors[middle].scale = {0.01f, 0.02f, 0.08f, 0.04f};
  const Storage storage = choose_storage(plan, false)[middle];
  EXPECT_EQ(storage.unit.size(), 1u);
  EXPECT_EQ(std::exp2(std::rint(std::log2(storage.scale))), storage.scale);
  for (const int32_t stored : {0, 7, 200, 255}) {
    EXPECT_EQ(through_pair(storage, stored, 7, 2), stored);
  }
  EXPECT_EQ(storage.coarser, 1);
}

TEST(ChooseStorage, OneScaleIsKeptAsItIs) {
  Plan plan = two_convolutions(3);
  plan.tensors[middle].scale = {0.0123f};
  const Storage storage = choose_storage(plan, false)[middle];
  EXPECT_EQ(storage.scale, 0.0123f);
  EXPECT_EQ(storage.zero_point, 7);
  EXPECT_TRUE(storage.is_centred());
}

TEST(ChooseStorage, ZeroPointsAChannelAreTheirReadersConstantsWhereNothingIsPadded) {
  Plan plan = two_convolutions(1);
  plan.tensors[middle].zero_point = {3, 200, 90, 255};
  const Storage storage = choose_storage(plan, false)[middle];
  EXPECT_EQ(storage.coarser, 1);
  EXPECT_FALSE(storage.is_centred());
  for (size_t c = 0; c < 4; ++c) {
    const int32_t zero = plan.tensors[middle].zero_point[c];
    EXPECT_EQ(storage.offset_of(c), storage.zero_point - zero);
    EXPECT_EQ(through_pair(storage, 255, zero, c), 255);
    EXPECT_EQ(through_pair(storage, 0, zero, c), 0);
  }
}

// Zero points of 100 and 140 under padding: 140 steps below the common zero and 155 above it, in
// 255 steps: 295 / 255 = 1.157.
TEST(ChooseStorage, UnderPaddingAChannelsZeroIsZeroAndStepsGrowAsFarAsThatTakes) {
  Plan plan = two_convolutions(3);
  plan.tensors[middle].zero_point = {100, 140, 120, 120};
  const Storage storage = choose_storage(plan, false)[middle];
  EXPECT_TRUE(storage.is_centred());
  EXPECT_NEAR(storage.coarser, 295.0 / 255, 0.01);
  EXPECT_NEAR(storage.scale / storage.unit[0], storage.coarser, 1e-6);
  EXPECT_EQ(through_pair(storage, 100, 100, 0), storage.zero_point);
  EXPECT_EQ(through_pair(storage, 140, 140, 1), storage.zero_point);
}

// 0 and 255 would need twice the steps: the convolution gets a constant in front of it instead.
TEST(ChooseStorage, WhereStepsWouldGrowTooFarTheIntegersStay) {
  Plan plan = two_convolutions(3);
  plan.tensors[middle].zero_point = {0, 255, 120, 120};
  const Storage storage = choose_storage(plan, false)[middle];
  EXPECT_FALSE(storage.is_centred());
  EXPECT_EQ(storage.coarser, 1);
}

// A depthwise reader takes a unit a channel: each channel's own steps, as large as it needs.
TEST(ChooseStorage, ADepthwiseReaderTakesAUnitAChannel) {
  Plan plan = two_convolutions(3);
  plan.tensors[middle].zero_point = {100, 140, 120, 120};
  auto& last = std::get<ConvolutionStep>(plan.steps[1].op);
  last.groups = 4;
  const Storage storage = choose_storage(plan, false)[middle];
  ASSERT_EQ(storage.unit.size(), 4u);
  EXPECT_TRUE(storage.is_centred());
  const double below = storage.zero_point, above = 255 - storage.zero_point;
  EXPECT_NEAR(storage.scale / storage.unit[1], std::max(140 / below, 115 / above), 1e-5);
  EXPECT_LT(storage.coarser, 295.0 / 255);
}

TEST(ChooseStorage, SymmetricIsSignedWithoutZeroPointAndLeavesWideTensorsFloat) {
  Plan plan = two_convolutions(3);
  auto storage = choose_storage(plan, true)[middle];
  EXPECT_EQ(storage.type, ElementType::i8);
  EXPECT_EQ(storage.zero_point, 0);
  EXPECT_NEAR(storage.coarser, 248.0 / 127, 1e-9);
  plan.tensors[middle].type = ElementType::i16;
  plan.tensors[middle].zero_point = {0};
  EXPECT_EQ(choose_storage(plan, true)[middle].type, ElementType::f32);
  EXPECT_EQ(choose_storage(plan, false)[middle].type, ElementType::i16);
}

// What moves between tensors has one pair on both sides.
TEST(ChooseStorage, TensorsThatValuesMoveBetweenShareAPair) {
  const Plan plan = testing::small_plan();
  const auto storage = choose_storage(plan, false);
  EXPECT_EQ(storage[testing::small::smooth].scale, storage[testing::small::flat].scale);
  EXPECT_EQ(storage[testing::small::block].zero_point, storage[testing::small::pooled].zero_point);
}

}  // namespace
}  // namespace octavo
