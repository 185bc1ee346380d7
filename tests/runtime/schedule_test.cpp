// Who does which piece of a run, when threads are late, and that nothing is done twice or too
// early.
#include "runtime/schedule.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

namespace octavo::runtime {
namespace {

constexpr int spins = 100;

TEST(Schedule, APieceIsOneThreadsInEveryRun) {
  const std::vector<uint32_t> pieces{2};
  Schedule schedule(pieces, spins);
  for (int i = 0; i < 3; ++i) {
    const uint32_t run = schedule.begin(false);
    EXPECT_TRUE(schedule.reach(run, 0));
    EXPECT_TRUE(schedule.take(run, 0, 1));
    EXPECT_FALSE(schedule.take(run, 0, 1));
    EXPECT_TRUE(schedule.take(run, 0, 0));
    schedule.finish(0, 2);
    EXPECT_FALSE(schedule.reach(run, 0)) << "the step is over";
  }
}

TEST(Schedule, WhoComesAfterTheRunFindsNothingToDo) {
  const std::vector<uint32_t> pieces{2, 2};
  Schedule schedule(pieces, spins);
  const uint32_t first = schedule.begin(false);
  for (const size_t step : {0u, 1u}) {
    ASSERT_TRUE(schedule.reach(first, step));
    for (const size_t piece : {0u, 1u}) ASSERT_TRUE(schedule.take(first, step, piece));
    schedule.finish(step, 2);
  }
  EXPECT_FALSE(schedule.reach(first, 1));
  const uint32_t second = schedule.begin(false);
  EXPECT_FALSE(schedule.reach(first, 0)) << "another run has begun";
  EXPECT_FALSE(schedule.take(first, 0, 0));
  EXPECT_TRUE(schedule.take(second, 0, 0)) << "what the late thread tried must not count";
}

TEST(Schedule, AHookIsAwaitedBeforeTheNextStep) {
  const std::vector<uint32_t> pieces{1, 1};
  Schedule schedule(pieces, spins);
  const uint32_t run = schedule.begin(true);
  std::atomic<bool> hook_is_done{false};
  schedule.finish(0, 1);
  std::thread other([&] {
    EXPECT_TRUE(schedule.reach(run, 1));
    EXPECT_TRUE(hook_is_done.load());
  });
  schedule.await(0, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  hook_is_done.store(true);
  schedule.finish(0, 1);
  other.join();
}

// A run of many steps on several threads, each of which may sleep anywhere: every piece is done
// once, and none before all of the step in front of it.
TEST(Schedule, StepsStayInOrderHoweverThreadsSleep) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  constexpr size_t threads = 4, runs = 30;
  std::vector<uint32_t> pieces(12);
  for (uint32_t& count : pieces) count = 1 + static_cast<uint32_t>(random() % threads);
  Schedule schedule(pieces, spins);
  std::vector<std::atomic<int>> done(pieces.size());
  std::atomic<bool> stop{false}, wrong{false};
  const auto work = [&](size_t thread, uint32_t run, std::mt19937& mine) {
    for (size_t step = 0; step < pieces.size(); ++step) {
      if (!schedule.reach(run, step)) continue;
      for (size_t k = 0; k < pieces[step]; ++k) {
        const size_t piece = (thread + k) % pieces[step];
        if (!schedule.take(run, step, piece)) continue;
        if (mine() % 8 == 0) std::this_thread::sleep_for(std::chrono::microseconds(mine() % 200));
        const auto times = static_cast<int>(run);  // so often each piece has been done in the end
        if (step > 0 && done[step - 1].load() != times * static_cast<int>(pieces[step - 1])) {
          wrong.store(true);
        }
        done[step].fetch_add(1);
        schedule.finish(step, 1);
      }
    }
  };
  std::vector<std::thread> others;
  for (size_t t = 1; t < threads; ++t) {
    others.emplace_back([&, t, own = std::mt19937(seed + static_cast<unsigned>(t))]() mutable {
      while (!stop.load()) {
        work(t, schedule.run(), own);
        std::this_thread::sleep_for(std::chrono::microseconds(own() % 50));
      }
    });
  }
  for (size_t i = 0; i < runs; ++i) {
    work(0, schedule.begin(false), random);
    schedule.await(pieces.size() - 1, pieces.back());
  }
  stop.store(true);
  for (std::thread& thread : others) thread.join();
  EXPECT_FALSE(wrong.load());
  for (size_t step = 0; step < pieces.size(); ++step) {
    EXPECT_EQ(done[step].load(), static_cast<int>(runs * pieces[step]));
  }
}

}  // namespace
}  // namespace octavo::runtime
