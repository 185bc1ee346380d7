#include "base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <stdexcept>
#include <vector>

namespace octavo {
namespace {

TEST(Parallel, VisitsEveryIndexOnceAtAnyThreadCount) {
  for (const int threads : {1, 2, 5, 100}) {
    std::vector<int> visits(37, 0);
    size_t reported = 0;
    const Status done = for_each_index(
        visits.size(), {threads, nullptr, [&](size_t n) { reported = n; }},
        [&](size_t i, size_t worker) {
          EXPECT_LT(worker, static_cast<size_t>(threads));
          ++visits[i];
          return Status();
        });
    EXPECT_TRUE(done);
    EXPECT_EQ(visits, std::vector<int>(37, 1));
    EXPECT_EQ(reported, 37u);
  }
}

TEST(Parallel, FailureComesBackAndEndsTheWork) {
  size_t begun = 0;
  const Status done = for_each_index(100, {1, nullptr, {}}, [&](size_t i, size_t) -> Status {
    ++begun;
    if (i == 3) return rejected("the third");
    return {};
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "the third");
  EXPECT_EQ(begun, 4u);
}

TEST(Parallel, MissingMemoryInAWorkerIsAnErrorNotTheEndOfTheProgram) {
  const Status done = for_each_index(
      8, {3, nullptr, {}}, [](size_t, size_t) -> Status { throw std::bad_alloc(); });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::unsupported);
}

TEST(Parallel, StopIsInterrupted) {
  std::atomic<bool> stop{false};
  const Status done = for_each_index(50, {2, &stop, {}}, [&](size_t i, size_t) {
    if (i == 10) stop = true;
    return Status();
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::interrupted);
}

TEST(Parallel, AProgressThatThrowsDoesNotEndTheWork) {
  std::atomic<int> visits{0};
  const Status done = for_each_index(
      9, {3, nullptr, [](size_t) { throw std::runtime_error("the terminal is gone"); }},
      [&](size_t, size_t) {
        ++visits;
        return Status();
      });
  EXPECT_TRUE(done);
  EXPECT_EQ(visits, 9);
}

}  // namespace
}  // namespace octavo
