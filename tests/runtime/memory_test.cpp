// What a plan may take: counted before it is made, against the caller's bound and the plan's own
// size.
#include "kernels/tile_emulator.h"
#include "runtime/memory.h"

#include <gtest/gtest.h>

#include <chrono>

#include "plan/plan.h"
#include "plan/random_plan.h"
#include "runtime/program.h"
#include "runtime/proportion.h"
#include "runtime/selftest_plan.h"

namespace octavo {
namespace {

// One convolution of one tap over a map, then a pool of all of it and a layer to two classes.
Plan plan_of(std::array<int32_t, 4> in, std::array<int32_t, 4> made, ConvolutionStep op) {
  Plan plan;
  plan.picture_input = false;
  plan.tensors.resize(4);
  plan.tensors[0].shape = in;
  plan.tensors[1].shape = made;
  plan.tensors[2].shape = {1, 1, 1, made[3]};
  plan.tensors[3].shape = {1, 1, 1, 2};
  plan.tensors[3].type = ElementType::f32;
  const int32_t taps = op.kernel[0] * op.kernel[1] * in[3] / op.groups;
  op.weights.assign(size_t(taps) * size_t(made[3]), 1);
  op.bias.assign(size_t(made[3]), 0);
  PoolStep pool;
  pool.kind = PoolStep::Kind::maximum;
  pool.kernel = {made[1], made[2]};
  ConvolutionStep head;
  head.weights.assign(2 * size_t(made[3]), 1);
  head.bias = {0, 0};
  plan.steps = {{"window", {}, op, {0}, 1}, {"pool", {}, pool, {1}, 2}, {"head", {}, head, {2}, 3}};
  plan.output = 3;
  return plan;
}

void expect_refused(const Plan& plan, ErrorKind kind, size_t most_memory = 0) {
  const Status valid = verify(plan);
  ASSERT_TRUE(valid) << valid.error().message;
  for (const std::string& isa : tested_isas()) {
    const auto program = Program::prepare(plan, isa, most_memory);
    const auto session =
        program ? Session::create(*program, 1) : Result<std::unique_ptr<Session>>(program.error());
    ASSERT_FALSE(session) << isa;
    EXPECT_EQ(session.error().kind, kind) << isa << ": " << session.error().message;
    EXPECT_EQ(session.error().message.find('\n'), std::string::npos);
  }
}

TEST(Memory, WhatIsFreeIsNoMoreThanTheMachineHas) {
  EXPECT_GT(runtime::free_memory_bytes(), size_t{1} << 20);
  EXPECT_LT(runtime::free_memory_bytes(), size_t{1} << 46);
}

TEST(Memory, PaddingOutOfProportionIsRejected) {
  for (const size_t axis : {0, 1}) {  // rows of pointers, columns of zero points
    ConvolutionStep op;
    op.kernel[axis] = 2;
    op.dilation[axis] = 1 << 29;
    op.pads[axis] = 1 << 29;
    std::array<int32_t, 4> made{1, 1, 1, 1};
    expect_refused(plan_of({1, 1, 1, 1}, made, op), ErrorKind::rejected);
  }
}

TEST(Memory, AnArenaOverTheBoundIsUnsupported) {
  const Plan plan = plan_of({1, 1024, 1024, 8}, {1, 1024, 1024, 8}, {});
  expect_refused(plan, ErrorKind::unsupported, size_t{8} << 20);
  EXPECT_TRUE(Program::prepare(plan, "", size_t{64} << 20));
}

TEST(Memory, SessionsShareTheirProgramsBound) {
  const Plan plan = plan_of({1, 1024, 1024, 1}, {1, 1024, 1024, 1}, {});
  const auto program = Program::prepare(plan, "", size_t{12} << 20);
  ASSERT_TRUE(program) << program.error().message;
  std::vector<std::unique_ptr<Session>> sessions;
  for (;;) {
    auto session = Session::create(*program, 1);
    if (!session) {
      EXPECT_EQ(session.error().kind, ErrorKind::unsupported) << session.error().message;
      break;
    }
    sessions.push_back(*std::move(session));
    ASSERT_LE(sessions.size(), 8u);
  }
  ASSERT_GE(sessions.size(), 1u);
  sessions.pop_back();  // gives back what it took
  EXPECT_TRUE(Session::create(*program, 1));
}

TEST(Memory, AProgramLetsThePlansWeightsGo) {
  const Plan plan = *selftest_plan();
  const auto program = Program::prepare(plan);
  ASSERT_TRUE(program) << program.error().message;
  const Plan& kept = (*program)->plan();
  size_t convolutions = 0;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    EXPECT_EQ(step_parameters(kept, kept.steps[i]), step_parameters(plan, plan.steps[i]));
    const auto* convolution = std::get_if<ConvolutionStep>(&kept.steps[i].op);
    if (convolution == nullptr) continue;
    ++convolutions;
    EXPECT_EQ(convolution->weights.capacity(), 0u) << plan.steps[i].name;
    EXPECT_EQ(convolution->bias.capacity(), 0u) << plan.steps[i].name;
  }
  EXPECT_GE(convolutions, 1u);
}

// 64 MiB of rows of one byte: their pointers would take 8 times that and more.
TEST(Memory, RowTablesAreCounted) {
  const Plan plan = plan_of({1, 1 << 24, 1, 1}, {1, 1 << 24, 1, 1}, {});
  const auto program = Program::prepare(plan);
  ASSERT_TRUE(program) << program.error().message;
  const auto session = Session::create(*program, 1);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().kind, ErrorKind::rejected) << session.error().message;
}

// A chain: each step joins the channel of the last one's output with another's.
Plan chain_of_concats(uint32_t count) {
  Plan plan = plan_of({1, 1, 1, 1}, {1, 1, 1, 1}, {});
  plan.steps.erase(plan.steps.begin() + 1, plan.steps.end());
  plan.tensors.resize(2);
  uint32_t last = 1;
  const auto add = [&plan, &last](Step step, int32_t channels) {
    PlanTensor made;
    made.shape = {1, 1, 1, channels};
    step.output = static_cast<uint32_t>(plan.tensors.size());
    plan.tensors.push_back(made);
    last = step.output;
    plan.steps.push_back(std::move(step));
  };
  ConvolutionStep narrow;
  narrow.weights = {1, 1};
  narrow.bias = {0};
  for (uint32_t i = 0; i < count; ++i) {
    add({"join", {}, ConcatStep{}, {last, last}, 0}, 2);
    add({"narrow", {}, narrow, {last}, 0}, 1);
  }
  plan.tensors[last].type = ElementType::f32;
  plan.output = last;
  return plan;
}

double seconds_to_load(const Plan& plan) {
  const auto began = std::chrono::steady_clock::now();
  const auto read = deserialize(serialize(plan));
  EXPECT_TRUE(read) << read.error().message;
  const auto program = Program::prepare(*read);
  EXPECT_TRUE(program) << program.error().message;
  if (program) {
    EXPECT_TRUE(Session::create(*program, 1));
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

// Quadratic, eight times the steps would take 64 times as long.
TEST(Memory, LoadingIsLinearInSteps) {
  const double few = seconds_to_load(chain_of_concats(2000));
  const double many = seconds_to_load(chain_of_concats(16000));
  EXPECT_LT(many, 24 * few) << few << " s, " << many << " s";
}

// One channel a group and two out: every vector of 16 would hold two.
TEST(Memory, GroupsThatPackingWouldInflateGoToAnotherKernel) {
  ConvolutionStep op;
  op.groups = 1 << 15;
  const Plan plan = plan_of({1, 1, 1, 1 << 15}, {1, 1, 1, 1 << 16}, op);
  for (const std::string& isa : tested_isas()) {
    const auto program = Program::prepare(plan, isa);
    ASSERT_TRUE(program) << isa << ": " << program.error().message;
    EXPECT_LT((*program)->weight_bytes(), 4 * runtime::content_bytes(plan) + (size_t{16} << 20));
  }
}

TEST(Memory, ActivationsAreThoseThatLiveTogether) {
  const Plan plan = plan_of({1, 8, 8, 4}, {1, 8, 8, 2}, {});
  EXPECT_EQ(runtime::activation_bytes(plan), 8u * 8 * (4 + 2));
}

// What a frame in flight may take, those whole maps may take once more.
TEST(Memory, StepsThatRunDepthFirstCanBeLookedAtWhereOthersCan) {
  constexpr int32_t rows = 40000, channels = 256;
  ConvolutionStep op;
  op.kernel = {1, 7};
  op.pads = {0, 3, 0, 3};
  op.groups = channels;
  Plan plan = plan_of({1, rows, 1, channels}, {1, rows, 1, channels}, op);
  Step again = plan.steps[0];
  plan.tensors.push_back(plan.tensors[1]);
  again.inputs = {1};
  again.output = static_cast<uint32_t>(plan.tensors.size() - 1);
  plan.steps[1].inputs = {again.output};
  plan.steps.insert(plan.steps.begin() + 1, again);
  ASSERT_TRUE(verify(plan)) << verify(plan).error().message;
  for (const DepthFirst::Where where : {DepthFirst::Where::nowhere, DepthFirst::Where::it_pays}) {
    const auto program = Program::prepare(plan, "", 0, {where});
    ASSERT_TRUE(program) << program.error().message;
    const auto session = Session::create(*program, 1);
    ASSERT_TRUE(session) << session.error().message;
    std::vector<float> logits(2);
    const Status seen = (*session)->run_observed(golden_input(plan, 1), logits,
                                                 [](size_t, std::span<const std::byte>) {});
    EXPECT_TRUE(seen) << seen.error().message;
  }
}

// Real plans are far from the bound: random ones with ordinary windows never meet it.
TEST(Memory, OrdinaryPlansAreInProportion) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Plan plan = octavo::testing::random_plan(seed);
    for (const std::string& isa : tested_isas()) {
      const auto program = Program::prepare(plan, isa);
      ASSERT_TRUE(program) << program.error().message;
      EXPECT_TRUE(Session::create(*program, 64));
    }
  }
}

}  // namespace
}  // namespace octavo
