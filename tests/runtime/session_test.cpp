// What a session promises beside its bits: no allocation and no system call in a run,
// the caller's float mode kept, plain errors, float inputs by the page's formula.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cfenv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <stdexcept>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif
#include <linux/seccomp.h>

#include "kernels/tile_emulator.h"
#include "plan/random_plan.h"
#include "runtime/chain.h"
#include "runtime/count_allocations.h"
#include "runtime/interpreter.h"
#include "runtime/program.h"

namespace octavo {
namespace {

Plan some_plan(uint64_t seed = 5) {
  return testing::random_plan(seed, {.steps = 25});
}

// One with chains, where they are asked for.
Plan straight_plan() {
  return testing::random_plan(5, {.steps = 12, .largest_side = 33, .straight = true});
}

constexpr DepthFirst possible{DepthFirst::Where::possible};

std::unique_ptr<Session> open(const Plan& plan, int threads = 1, const std::string& isa = "",
                              const DepthFirst& depth_first = {}) {
  auto program = Program::prepare(plan, isa, 0, depth_first);
  EXPECT_TRUE(program) << program.error().message;
  auto session = Session::create(*program, threads);
  EXPECT_TRUE(session) << session.error().message;
  return *std::move(session);
}

size_t classes(const Plan& plan) {
  return size_t(plan.tensors[plan.output].shape[3]);
}

TEST(Session, ARunWithOneThreadAllocatesNothing) {
  ASSERT_FALSE(runtime::find_chains(straight_plan(), possible).empty());
  if (testing::allocation_count() == 0) GTEST_SKIP() << "a sanitizer allocates here";
  for (const std::string& isa : tested_isas()) {
    for (const Plan& plan : {some_plan(), straight_plan()}) {
      const auto session = open(plan, 1, isa, possible);
      const std::vector<std::byte> input = golden_input(plan, 1);
      std::vector<float> logits(classes(plan));
      const long before = testing::allocation_count();
      const Status done = session->run(input, logits);
      const long after = testing::allocation_count();
      ASSERT_TRUE(done);
      EXPECT_EQ(after - before, 0) << isa;
    }
  }
}

// In a child under strict seccomp: any system call but write and exit kills it.
TEST(Session, ARunWithOneThreadMakesNoSystemCall) {
#ifdef OCTAVO_TEST_SANITIZED
  GTEST_SKIP() << "sanitizers make system calls of their own";
#endif
  const Plan plan = straight_plan();
  const auto session = open(plan, 1, "", possible);
  const std::vector<std::byte> input = golden_input(plan, 1);
  std::vector<float> logits(classes(plan));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(77);
    const bool done = bool(session->run(input, logits)) && bool(session->run(input, logits));
    syscall(SYS_exit, done ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "no seccomp here";
  EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Session, TheCallersRoundingModeNeitherCountsNorChanges) {
  const Plan plan = some_plan(9);
  const std::vector<std::byte> input = golden_input(plan, 2);
  const std::vector<float> expected = testing::interpret(plan, input).logits;
  for (const std::string& isa : tested_isas()) {
    for (const int threads : {1, 3}) {
      for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
        std::vector<float> logits(classes(plan));
        ASSERT_EQ(std::fesetround(mode), 0);
        const auto session = open(plan, threads, isa);
        const Status done = session->run(input, logits);
        const int mode_after = std::fegetround();
        std::fesetround(FE_TONEAREST);
        ASSERT_TRUE(done);
        EXPECT_EQ(mode_after, mode);
        EXPECT_EQ(logits, expected) << isa << ", " << threads << " threads, mode " << mode;
      }
    }
  }
}

TEST(Session, WrongSizesAreUsageErrors) {
  const Plan plan = some_plan();
  const auto session = open(plan);
  std::vector<std::byte> input = golden_input(plan, 1);
  std::vector<float> logits(classes(plan));
  std::vector<uint64_t> times(plan.steps.size() + 1);
  EXPECT_EQ(session->run_timed(input, logits, times).error().kind, ErrorKind::usage);
  logits.push_back(0);
  EXPECT_EQ(session->run(input, logits).error().kind, ErrorKind::usage);
  logits.pop_back();
  input.pop_back();
  const Status wrong = session->run(input, logits);
  EXPECT_EQ(wrong.error().kind, ErrorKind::usage);
  EXPECT_NE(wrong.error().message.find(std::to_string(input.size())), std::string::npos);
  EXPECT_EQ(session->run_float({}, logits).error().kind, ErrorKind::usage);
}

TEST(Session, TheNumberOfThreadsIsBounded) {
  const auto program = Program::prepare(some_plan());
  ASSERT_TRUE(program);
  for (const int threads : {0, -1, 100000}) {
    const auto session = Session::create(*program, threads);
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().kind, ErrorKind::usage);
  }
}

TEST(Program, AnIsaThatCannotRunNamesThoseThatCan) {
  const auto unknown = Program::prepare(some_plan(), "avx3");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::usage);
  EXPECT_NE(unknown.error().message.find("reference"), std::string::npos);
#if defined(__x86_64__)
  const std::string foreign = "neon";
#else
  const std::string foreign = "avx2";
#endif
  const auto other = Program::prepare(some_plan(), foreign);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::unsupported);
  EXPECT_NE(other.error().message.find(foreign), std::string::npos);
}

TEST(Program, WhatIsTooLargeForTheMachineIsRefusedUntouched) {
  Plan plan;
  plan.picture_input = false;
  plan.tensors.resize(1);
  plan.tensors[0].shape = {1, 1, 1, 1 << 30};
  // Arrays of a billion channels, 600 times.
  for (uint32_t i = 0; i < 600; ++i) {
    Step step;
    step.op = RescaleStep{};
    step.inputs = {0};
    step.output = i + 1;
    plan.tensors.push_back(plan.tensors[0]);
    plan.steps.push_back(step);
  }
  plan.output = 600;
  const auto program = Program::prepare(plan);
  ASSERT_FALSE(program);
  // Whichever is met first: a small machine's memory, or what is in proportion to 2 GiB of tensors.
  EXPECT_TRUE(program.error().kind == ErrorKind::unsupported ||
              program.error().kind == ErrorKind::rejected);
  EXPECT_NE(program.error().message.find("MiB"), std::string::npos);
}

TEST(Program, TheEnvironmentChoosesWhereTheCallerDoesNot) {
  ASSERT_EQ(setenv("OCTAVO_ISA", "reference", 1), 0);
  const auto by_environment = Program::prepare(some_plan());
  const auto by_caller = Program::prepare(some_plan(), tested_isas().back());
  unsetenv("OCTAVO_ISA");
  const auto by_machine = Program::prepare(some_plan());
  ASSERT_TRUE(by_environment && by_caller && by_machine);
  EXPECT_EQ((*by_environment)->isa(), "reference");
  EXPECT_EQ((*by_caller)->isa(), tested_isas().back());
  EXPECT_EQ((*by_machine)->isa(), tested_isas().back());
}

TEST(Session, TimesAreAddedStepByStep) {
  const Plan plan = some_plan();
  for (const int threads : {1, 2}) {
    const auto session = open(plan, threads);
    const std::vector<std::byte> input = golden_input(plan, 3);
    std::vector<float> logits(classes(plan)), timed(classes(plan));
    std::vector<uint64_t> times(plan.steps.size(), 1000000000000u);
    ASSERT_TRUE(session->run(input, logits));
    ASSERT_TRUE(session->run_timed(input, timed, times));
    EXPECT_EQ(timed, logits);
    for (const uint64_t ns : times) EXPECT_GE(ns, 1000000000000u);
    EXPECT_LT(times[0], 1060000000000u) << "a step of microseconds cannot take a minute";
  }
}

// A float input and the bytes that it must become, run beside each other.
void expect_same(const Plan& plan, const std::vector<float>& x, const std::vector<int32_t>& q) {
  const auto session = open(plan);
  std::vector<float> by_float(classes(plan)), by_bytes(classes(plan));
  ASSERT_TRUE(session->run_float(x, by_float));
  ASSERT_TRUE(session->run(testing::as_bytes(q, plan.tensors[plan.input].type), by_bytes));
  EXPECT_EQ(by_float, by_bytes);
}

// [1, 1, 2, 3] through one 1x1 convolution that keeps every stored value apart.
Plan tiny_plan(bool picture, ElementType type) {
  Plan plan;
  plan.picture_input = picture;
  plan.preprocess.height = 1;
  plan.preprocess.width = 1;
  plan.preprocess.mean = {10, 20, 30};
  plan.preprocess.std = {2, 4, 8};
  plan.tensors.resize(2);
  plan.tensors[0].shape = {1, 1, 1, 3};
  plan.tensors[0].type = type;
  plan.tensors[0].scale = {0.5f, 0.25f, 2.0f};
  if (type == ElementType::u8) plan.tensors[0].zero_point = {100, 0, 255};
  plan.tensors[1].shape = {1, 1, 1, 3};
  plan.tensors[1].type = ElementType::f32;
  plan.output = 1;
  ConvolutionStep op;
  op.weights = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  op.bias = {0, 0, 0};
  Step step;
  step.op = op;
  step.inputs = {0};
  step.output = 1;
  plan.steps = {step};
  EXPECT_TRUE(verify(plan)) << verify(plan).error().message;
  return plan;
}

#if defined(__x86_64__)
TEST(Session, DenormalsAreOnWhateverTheCallerHas) {
  Plan plan = tiny_plan(true, ElementType::u8);
  Epilogue& epilogue = std::get<ConvolutionStep>(plan.steps[0].op).epilogue;
  epilogue.multiplier = {0x1p-100f};
  epilogue.activation = Activation::clip;
  epilogue.beta = 1;
  epilogue.output_multiplier = {0x1p-40f};
  ASSERT_TRUE(verify(plan));
  const std::vector<std::byte> input = {std::byte{1}, std::byte{2}, std::byte{200}};
  const std::vector<float> expected = {0x1p-140f, 0x1p-139f, 200 * 0x1p-140f};
  constexpr uint32_t flush = 0x8040;  // FTZ and DAZ
  const uint32_t before = _mm_getcsr();
  for (const std::string& isa : tested_isas()) {
    for (const int threads : {1, 2}) {
      std::vector<float> logits(3);
      _mm_setcsr(before | flush);
      const auto session = open(plan, threads, isa);
      const Status done = session->run(input, logits);
      const uint32_t after = _mm_getcsr();
      _mm_setcsr(before);
      ASSERT_TRUE(done);
      EXPECT_EQ(after & flush, flush);
      EXPECT_EQ(logits, expected) << isa << ", " << threads << " threads";
    }
  }
}
#endif

TEST(FloatInput, APictureEntersByMeanAndStd) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  const Plan plan = tiny_plan(true, ElementType::u8);
  expect_same(plan, {0.25f, -10, 5.0f}, {10, 0, 70});  // 10.5 to even, clamped, 70
  expect_same(plan, {inf, -inf, 2.5f}, {255, 0, 50});
  expect_same(plan, {0.75f, 58.75f, 28.0625f}, {12, 255, 254});  // 11.5 and 254.5 to even
}

TEST(FloatInput, AnOrdinaryTensorEntersByScaleAndZeroPoint) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  expect_same(tiny_plan(false, ElementType::u8), {-1000, 3.125f, -510},
              {0, 12, 0});  // clamped; 12.5 to even; 255 below its zero point
  expect_same(tiny_plan(false, ElementType::i16), {-1e9f, inf, 7.0f}, {-32767, 32767, 4});
}

TEST(FloatInput, ANanIsRefusedByItsPlace) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for (const bool picture : {true, false}) {
    const auto session = open(tiny_plan(picture, ElementType::u8));
    std::vector<float> logits(3, 7.0f);
    const Status refused = session->run_float(std::vector<float>{1, nan, 2}, logits);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
    EXPECT_NE(refused.error().message.find("value 1 "), std::string::npos);
    EXPECT_EQ(logits, std::vector<float>(3, 7.0f)) << "nothing is answered";
  }
}

TEST(Session, WhatAnObserverThrowsReachesTheCallerAndTheSessionGoesOn) {
  const Plan plan = some_plan();
  const std::vector<std::byte> input = golden_input(plan, 1);
  const std::vector<float> expected = testing::interpret(plan, input).logits;
  for (const int threads : {1, 3}) {
    const auto session = open(plan, threads);
    std::vector<float> logits(classes(plan));
    size_t calls = 0;
    const Session::Observer throws = [&](size_t step, std::span<const std::byte>) {
      ++calls;
      if (step == 2) throw std::runtime_error("enough");
    };
    EXPECT_THROW(static_cast<void>(session->run_observed(input, logits, throws)),
                 std::runtime_error);
    EXPECT_EQ(calls, 3u) << "it is not called again";
    ASSERT_TRUE(session->run(input, logits));
    EXPECT_EQ(logits, expected) << threads << " threads";
  }
}

// The exit code of a child that runs `body`; a child that hangs is ended by an alarm.
template <class Body>
int exit_code_of_child(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(body());
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(Session, AForkIsToldThatASessionOfSeveralThreadsIsNotThere) {
#ifdef __aarch64__
  GTEST_SKIP() << "qemu-user does not fork with threads";
#endif
#ifdef OCTAVO_TEST_SANITIZED
  GTEST_SKIP() << "sanitizers do not fork with threads";
#endif
  const Plan plan = some_plan();
  const std::vector<std::byte> input = golden_input(plan, 1);
  std::vector<float> logits(classes(plan));
  auto session = open(plan, 3);
  ASSERT_TRUE(session->run(input, logits));
  const int code = exit_code_of_child([&] {
    const Status refused = session->run(input, logits);
    if (refused || refused.error().kind != ErrorKind::usage) return 1;
    session.reset();  // waits for nobody
    const auto own = open(plan, 2);
    return own->run(input, logits) ? 0 : 2;
  });
  EXPECT_EQ(code, 0);
  EXPECT_TRUE(session->run(input, logits)) << "the parent's goes on";
}

}  // namespace
}  // namespace octavo
