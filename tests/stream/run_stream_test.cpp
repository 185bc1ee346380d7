// Which frames are classified, dropped and counted, over sources that are made up.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>

#include "stream/stream.h"

namespace octavo {
namespace {

// Gives the frames of these numbers as fast as they are taken; checks that each buffer comes back
// once, before it is given again.
class Script final : public FrameSource {
 public:
  Script(std::vector<int64_t> indices, bool live, Status end = {})
      : left_(indices.begin(), indices.end()), live_(live), end_(std::move(end)) {}
  ~Script() override { EXPECT_TRUE(out_.empty()) << out_.size() << " frames were kept"; }

  Result<std::optional<StreamFrame>> next(const std::atomic<bool>& stop) override {
    while (wait_ && !stop) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (left_.empty() && !end_) return end_.error();
    if (left_.empty() || stop) return std::optional<StreamFrame>();
    StreamFrame frame;
    frame.index = left_.front();
    left_.pop_front();
    frame.arrived = StreamClock::now();
    frame.damage = damaged_.contains(frame.index) ? "damaged by the test" : "";
    const std::lock_guard lock(mutex_);
    while (out_.contains(frame.buffer)) ++frame.buffer;
    EXPECT_LT(frame.buffer, 3) << "more frames are kept than a source has buffers";
    out_.insert(frame.buffer);
    return std::optional(frame);
  }
  void give_back(const StreamFrame& frame) override {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(out_.erase(frame.buffer), 1u) << "given back twice";
  }
  bool is_live() const override { return live_; }
  std::string description() const override { return "made up"; }

  std::set<int64_t> damaged_;
  std::atomic<bool> wait_{false};

 private:
  std::deque<int64_t> left_;
  bool live_;
  Status end_;
  std::mutex mutex_;
  std::set<int> out_;
};

std::vector<int64_t> first(int64_t count) {
  std::vector<int64_t> indices(static_cast<size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

struct Seen {
  std::vector<int64_t> indices;
  AnswerFrame answer() {
    return [this](const StreamFrame& frame) -> Status {
      indices.push_back(frame.index);
      return {};
    };
  }
};

TEST(RunStream, ClassifiesEachFrameOfAFileInOrder) {
  Script source(first(100), false);
  Seen seen;
  const StreamReport report = run_stream(source, {}, seen.answer());
  EXPECT_TRUE(report.end);
  EXPECT_EQ(seen.indices, first(100));
  EXPECT_EQ(report.classified, 100);
  EXPECT_EQ(report.dropped + report.damaged, 0);
  EXPECT_EQ(report.latency_ms.size(), 100u);
}

TEST(RunStream, OfALiveSourceClassifiesTheNewestAndCountsTheOthers) {
  for (int slow = 0; slow < 2; ++slow) {
    Script source(first(2000), true);
    Seen seen;
    const auto note = seen.answer();
    const StreamReport report = run_stream(source, {}, [&](const StreamFrame& frame) {
      if (slow) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      return note(frame);
    });
    EXPECT_TRUE(report.end);
    EXPECT_EQ(report.frames(), 2000);
    EXPECT_EQ(report.classified, static_cast<int64_t>(seen.indices.size()));
    EXPECT_EQ(seen.indices.back(), 1999) << "the last frame is never late";
    EXPECT_TRUE(std::is_sorted(seen.indices.begin(), seen.indices.end()));
    if (slow) {
      EXPECT_GT(report.dropped, 0);
    }
  }
}

TEST(RunStream, CountsWhatTheDriverLost) {
  Script source({0, 1, 4, 5, 9}, false);
  Seen seen;
  const StreamReport report = run_stream(source, {}, seen.answer());
  EXPECT_EQ(report.classified, 5);
  EXPECT_EQ(report.dropped, 5);
}

TEST(RunStream, GoesOnBehindDamagedFramesAndTellsOfTheFirst) {
  Script source(first(10), false);
  source.damaged_ = {2, 3};
  Seen seen;
  const auto note = seen.answer();
  const StreamReport report = run_stream(source, {}, [&](const StreamFrame& frame) -> Status {
    if (frame.index == 7) return rejected("no picture");
    return note(frame);
  });
  EXPECT_TRUE(report.end);
  EXPECT_EQ(seen.indices, (std::vector<int64_t>{0, 1, 4, 5, 6, 8, 9}));
  EXPECT_EQ(report.damaged, 3);
  EXPECT_EQ(report.damage, "damaged by the test");
  EXPECT_EQ(report.latency_ms.size(), 7u);
}

TEST(RunStream, EndsWithTheErrorOfTheSourceBehindItsFrames) {
  for (const bool live : {false, true}) {
    Script source(first(3), live, failed("unplugged"));
    Seen seen;
    const StreamReport report = run_stream(source, {}, seen.answer());
    ASSERT_FALSE(report.end);
    EXPECT_EQ(report.end.error().message, "unplugged");
    EXPECT_EQ(seen.indices.back(), 2);
  }
}

TEST(RunStream, EndsWithTheErrorOfAnAnswer) {
  for (const bool live : {false, true}) {
    Script source(first(100000), live);
    const StreamReport report = run_stream(
        source, {}, [](const StreamFrame&) -> Status { return unsupported("no memory"); });
    ASSERT_FALSE(report.end);
    EXPECT_EQ(report.end.error().kind, ErrorKind::unsupported);
    EXPECT_EQ(report.classified + report.damaged, 0);
  }
}

TEST(RunStream, EndsAfterSoManyFrames) {
  Script source(first(100), false);
  Seen seen;
  EXPECT_TRUE(run_stream(source, {.frames = 7}, seen.answer()).end);
  EXPECT_EQ(seen.indices, first(7));
}

TEST(RunStream, IsInterruptedWhileItWaitsAndWhileItWorks) {
  for (const bool waits : {true, false}) {
    Script source(first(1000000), false);
    source.wait_ = waits;
    std::atomic<bool> stop{false};
    std::thread interrupt([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      stop = true;
    });
    const auto start = StreamClock::now();
    Seen seen;
    const StreamReport report = run_stream(source, {.stop = &stop}, seen.answer());
    EXPECT_LT(StreamClock::now() - start, std::chrono::milliseconds(700));
    interrupt.join();
    ASSERT_FALSE(report.end);
    EXPECT_EQ(report.end.error().kind, ErrorKind::interrupted);
    EXPECT_EQ(report.classified == 0, waits);
  }
}

TEST(RunStream, AnAnswerThatThrowsLeavesNoThreadBehind) {
  Script source(first(100), true);
  EXPECT_THROW(run_stream(source, {}, [](const StreamFrame&) -> Status { throw std::bad_alloc(); }),
               std::bad_alloc);
}

}  // namespace
}  // namespace octavo
