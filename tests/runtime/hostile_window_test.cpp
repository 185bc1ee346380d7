// Windows that say much and mean little: what no output reaches costs nothing and changes
// nothing, on any path.
#include <gtest/gtest.h>

#include "kernels/tile_emulator.h"
#include "plan/plan.h"
#include "runtime/program.h"

namespace octavo {
namespace {

constexpr int32_t enormous = 1 << 30;

// A map of `in` values, one step that makes one pixel of it, and a layer to three classes.
Plan plan_of(StepOperator op, std::array<int32_t, 4> in, int32_t channels) {
  Plan plan;
  plan.picture_input = false;
  plan.tensors.resize(3);
  plan.tensors[0].shape = in;
  plan.tensors[1].shape = {1, 1, 1, channels};
  plan.tensors[2].shape = {1, 1, 1, 3};
  plan.tensors[2].type = ElementType::f32;
  ConvolutionStep head;
  for (int32_t i = 0; i < 3 * channels; ++i) head.weights.push_back(int8_t(7 * i % 31 - 15));
  head.bias = {1, 2, 3};
  plan.steps = {{"window", {}, std::move(op), {0}, 1}, {"head", {}, head, {1}, 2}};
  plan.output = 2;
  return plan;
}

ConvolutionStep convolution(int32_t kernel_h, int32_t kernel_w, int32_t in, int32_t out,
                            int32_t groups) {
  ConvolutionStep op;
  op.kernel = {kernel_h, kernel_w};
  op.groups = groups;
  const int32_t count = kernel_h * kernel_w * in / groups * out;
  for (int32_t i = 0; i < count; ++i) op.weights.push_back(int8_t(11 * i % 63 - 31));
  op.bias.assign(size_t(out), 5000);
  op.epilogue.multiplier = {0.01f};
  return op;
}

std::vector<float> logits_of(const Plan& plan, const std::string& isa, int threads) {
  const Status valid = verify(plan);
  EXPECT_TRUE(valid) << valid.error().message;
  auto program = Program::prepare(plan, isa);
  EXPECT_TRUE(program) << program.error().message;
  auto session = program ? Session::create(*program, threads)
                         : Result<std::unique_ptr<Session>>(program.error());
  EXPECT_TRUE(session) << session.error().message;
  std::vector<float> logits(3);
  if (!session) return logits;
  EXPECT_TRUE((*session)->run(golden_input(plan, 1), logits));
  return logits;
}

void expect_same(const Plan& hostile, const Plan& plain) {
  const std::vector<float> expected = logits_of(plain, "reference", 1);
  for (const std::string& isa : tested_isas()) {
    for (const int threads : {1, 3}) {
      EXPECT_EQ(logits_of(hostile, isa, threads), expected) << isa << ", " << threads << " threads";
    }
  }
}

TEST(HostileWindows, AStrideWithOneOutputIsNotUsed) {
  for (const int32_t groups : {1, 2, 6}) {
    const ConvolutionStep plain = convolution(3, 3, 6, 6, groups);
    ConvolutionStep hostile = plain;
    for (const int32_t stride : {3, 1 << 25, (1 << 25) + 1, enormous}) {
      hostile.stride = {stride, stride};
      expect_same(plan_of(hostile, {1, 3, 3, 6}, 6), plan_of(plain, {1, 3, 3, 6}, 6));
    }
  }
}

TEST(HostileWindows, ADilationWithOneTapIsNotUsed) {
  for (const int32_t groups : {1, 2, 6}) {
    ConvolutionStep plain = convolution(1, 5, 6, 6, groups);
    ConvolutionStep hostile = plain;
    hostile.dilation = {enormous, 1};
    hostile.stride = {enormous, 1 << 28};
    expect_same(plan_of(hostile, {1, 1, 5, 6}, 6), plan_of(plain, {1, 1, 5, 6}, 6));
    plain = hostile = convolution(1, 1, 6, 6, groups);
    hostile.dilation = {enormous - 1, enormous};
    hostile.stride = {enormous, enormous};
    expect_same(plan_of(hostile, {1, 1, 1, 6}, 6), plan_of(plain, {1, 1, 1, 6}, 6));
  }
}

TEST(HostileWindows, APoolFarLargerThanItsMapIsThePoolOfTheMap) {
  constexpr int32_t kernel = 1 << 29;
  for (const auto kind : {PoolStep::Kind::maximum, PoolStep::Kind::average}) {
    PoolStep plain;
    plain.kind = kind;
    plain.kernel = {4, 1};
    plain.epilogue.multiplier = {1.5f};
    PoolStep hostile = plain;
    hostile.kernel[0] = kind == PoolStep::Kind::maximum ? kernel : 1 << 23;
    hostile.pads = {hostile.kernel[0] - 4, 0, hostile.kernel[0] - 2, 0};
    hostile.stride = {enormous, enormous};
    expect_same(plan_of(hostile, {1, 4, 1, 1}, 1), plan_of(plain, {1, 4, 1, 1}, 1));
  }
}

TEST(HostileWindows, MoreTapsThanATableHoldsAreRefused) {
  ConvolutionStep op = convolution(1, (1 << 18) + 1, 1, 1, 1);
  op.pads = {0, (1 << 17), 0, (1 << 17)};
  const Status valid = verify(plan_of(op, {1, 1, 1, 1}, 1));
  ASSERT_FALSE(valid);
  EXPECT_NE(valid.error().message.find("taps"), std::string::npos) << valid.error().message;
}

}  // namespace
}  // namespace octavo
