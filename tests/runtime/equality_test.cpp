// Random plans: every ISA of this machine and every thread count gives the bytes of the
// interpreter, at every step.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "kernels/tile_emulator.h"
#include "plan/random_plan.h"
#include "runtime/interpreter.h"
#include "runtime/program.h"

namespace octavo {
namespace {

uint64_t first_seed() {
  const char* text = std::getenv("OCTAVO_TEST_SEED");
  const uint64_t value = text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
  std::printf("first seed %llu\n", static_cast<unsigned long long>(value));
  return value;
}

testing::RandomPlanOptions options_for(uint64_t seed) {
  testing::RandomPlanOptions options;
  options.steps = int(4 + seed % 24);
  options.extremes = seed % 3 == 0;
  options.hostile_windows = seed % 4 == 1;
  options.straight = seed % 8 == 2;
  if (options.straight || seed % 5 == 0) {
    options.largest_side = 33;
    options.largest_channels = 96;
  }
  return options;
}

// Null where hostile windows are out of proportion.
std::shared_ptr<const Program> prepare(const Plan& plan, const std::string& isa,
                                       bool hostile = false, const DepthFirst& depth_first = {}) {
  auto program = Program::prepare(plan, isa, 0, depth_first);
  if (hostile && !program && program.error().kind == ErrorKind::rejected) return nullptr;
  EXPECT_TRUE(program) << program.error().message;
  return program ? *program : nullptr;
}

std::unique_ptr<Session> open(std::shared_ptr<const Program> program, int threads,
                              bool hostile = false) {
  if (program == nullptr) return nullptr;
  auto session = Session::create(std::move(program), threads);
  if (hostile && !session && session.error().kind == ErrorKind::rejected) return nullptr;
  EXPECT_TRUE(session) << session.error().message;
  return session ? *std::move(session) : nullptr;
}

std::vector<float> run(Session& session, std::span<const std::byte> input) {
  const Plan& plan = session.program().plan();
  std::vector<float> logits(size_t(plan.tensors[plan.output].shape[3]));
  const Status done = session.run(input, logits);
  EXPECT_TRUE(done) << done.error().message;
  return logits;
}

bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(RandomPlans, EveryIsaAndThreadCountEqualsTheInterpreter) {
  const uint64_t first = first_seed();
  for (uint64_t seed = first; seed < first + 80 && !HasFailure(); ++seed) {
    const Plan plan = testing::random_plan(seed, options_for(seed));
    ASSERT_TRUE(verify(plan)) << seed << ": " << verify(plan).error().message;
    const std::vector<std::byte> input = golden_input(plan, seed);
    const std::vector<float> expected = testing::interpret(plan, input).logits;
    const bool hostile = options_for(seed).hostile_windows;
    for (const std::string& isa : tested_isas()) {
      const auto program = prepare(plan, isa, hostile);
      const auto chained = prepare(plan, isa, hostile, {DepthFirst::Where::possible});
      for (const int threads : {1, 2, 5, -1, -2, -5}) {
        const auto session = open(threads > 0 ? program : chained, std::abs(threads), hostile);
        if (session == nullptr) continue;
        for (int again = 0; again < 2; ++again) {  // memory is not clean the second time
          EXPECT_TRUE(same_bytes(run(*session, input), expected))
              << "seed " << seed << " isa " << isa << " threads " << threads << " run " << again;
        }
      }
    }
  }
}

TEST(RandomPlans, AnObserverSeesTheInterpretersTensors) {
  const uint64_t first = first_seed() + 1000;
  for (uint64_t seed = first; seed < first + 40 && !HasFailure(); ++seed) {
    const Plan plan = testing::random_plan(seed, options_for(seed));
    const std::vector<std::byte> input = golden_input(plan, seed);
    const testing::Interpretation expected = testing::interpret(plan, input);
    for (const std::string& isa : tested_isas()) {
      const bool hostile = options_for(seed).hostile_windows;
      const DepthFirst::Where where =
          seed % 3 == 0 ? DepthFirst::Where::possible : DepthFirst::Where::it_pays;
      const auto session =
          open(prepare(plan, isa, hostile, {where}), seed % 2 == 0 ? 1 : 3, hostile);
      if (session == nullptr) continue;
      std::vector<float> logits(expected.logits.size());
      size_t steps = 0;
      const auto observe = [&](size_t step, std::span<const std::byte> output) {
        EXPECT_EQ(step, steps++);
        const uint32_t tensor = plan.steps[step].output;
        if (tensor == plan.output) return;
        const std::vector<std::byte> want =
            testing::as_bytes(expected.stored[tensor], plan.tensors[tensor].type);
        EXPECT_TRUE(std::equal(want.begin(), want.end(), output.begin(), output.end()))
            << "seed " << seed << " isa " << isa << " step " << step << " "
            << step_operator_name(plan.steps[step].op) << " by "
            << session->program().kernel_name(step);
      };
      ASSERT_TRUE(session->run_observed(input, logits, observe));
      EXPECT_EQ(steps, plan.steps.size());
      EXPECT_TRUE(same_bytes(logits, expected.logits)) << "seed " << seed << " isa " << isa;
      EXPECT_TRUE(same_bytes(run(*session, input), expected.logits)) << "afterwards, seed " << seed;
    }
  }
}

TEST(RandomPlans, SessionsOfOneProgramRunSideBySide) {
  const Plan plan = testing::random_plan(77, {.steps = 30, .largest_side = 25});
  const auto program = prepare(plan, "");
  constexpr int sessions = 3, frames = 20;
  std::vector<std::vector<std::byte>> inputs;
  std::vector<std::vector<float>> expected;
  for (uint64_t frame = 0; frame < frames; ++frame) {
    inputs.push_back(golden_input(plan, frame));
    expected.push_back(testing::interpret(plan, inputs.back()).logits);
  }
  std::vector<int> wrong(sessions, 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < sessions; ++i) {
    threads.emplace_back([&, i] {
      const auto session = open(program, 1 + i);
      for (int frame = 0; frame < frames; ++frame) {
        const size_t which = size_t((frame + 7 * i) % frames);
        if (!same_bytes(run(*session, inputs[which]), expected[which])) ++wrong[size_t(i)];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(sessions, 0));
}

}  // namespace
}  // namespace octavo
