#include "evaluate/latency.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <new>
#include <vector>

#include "runtime/selftest_plan.h"

namespace octavo {
namespace {

// 1 to 100, out of order: by nearest rank the p-th percentile is p itself.
TEST(Latency, TakesPercentilesByNearestRank) {
  std::vector<double> samples;
  for (int i = 0; i < 100; ++i) samples.push_back((i * 37) % 100 + 1);
  const Latency latency = summarize(samples);
  EXPECT_EQ(latency.p50, 50);
  EXPECT_EQ(latency.p90, 90);
  EXPECT_EQ(latency.p95, 95);
  EXPECT_EQ(latency.p99, 99);
  EXPECT_EQ(latency.min, 1);
  EXPECT_EQ(latency.max, 100);
  EXPECT_DOUBLE_EQ(latency.mean, 50.5);
  EXPECT_NEAR(latency.std, std::sqrt(100 * 101 / 12.0), 1e-12);
  EXPECT_EQ(latency.frames, 100);
}

TEST(Latency, SummarizesOneSample) {
  const Latency latency = summarize(std::vector<double>{7});
  EXPECT_EQ(latency.p50, 7);
  EXPECT_EQ(latency.p99, 7);
  EXPECT_EQ(latency.std, 0);
}

TEST(Latency, RunsEachStreamItsFrames) {
  std::array<std::atomic<int>, 3> frames{};
  LatencyOptions options;
  options.frames = 20;
  options.warmup_seconds = 0;
  const auto run = measure_latency(
      [&](int stream) {
        ++frames[static_cast<size_t>(stream)];
        return Status();
      },
      3, options);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->ms.frames, 60);
  for (const auto& count : frames) EXPECT_EQ(count, 21) << "20 and one to warm up";
}

TEST(Latency, HandsOnTheErrorOfAFrame) {
  const auto run = measure_latency([](int) { return Status(failed("no camera")); }, 2, {});
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().message, "no camera");
}

TEST(Latency, MemoryThatRunsOutInAStreamIsAnError) {
  LatencyOptions options;
  options.frames = 3;
  options.warmup_seconds = 0;
  const FrameFunction frame = [](int stream) -> Status {
    if (stream == 2) throw std::bad_alloc();
    return {};
  };
  const auto run = measure_latency(frame, 4, options);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().kind, ErrorKind::unsupported);
}

// Three streams of a plan, each with a session of its own, give three times the frames; a file that
// is not there is told by its name.
TEST(Latency, StreamsOfAModelHaveSessionsOfTheirOwn) {
  const auto model = model_of(*selftest_plan());
  ASSERT_TRUE(model) << model.error().message;
  LatencyOptions options;
  options.frames = 5;
  options.warmup_seconds = 0;
  const auto run = measure_model(*model, {.streams = 3}, std::nullopt, options);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->ms.frames, 15);
  PictureSource absent;
  absent.path = "/nowhere/cat.jpg";
  const auto nothing = measure_model(*model, {}, absent, options);
  ASSERT_FALSE(nothing);
  EXPECT_NE(nothing.error().message.find("/nowhere/cat.jpg"), std::string::npos);
}

}  // namespace
}  // namespace octavo
