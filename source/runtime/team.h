// The threads of a session: they sleep between frames and meet after each step.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/result.h"

namespace octavo::runtime {

// Lets `count` threads go on when all have come. Spins shortly, since steps are short,
// then sleeps.
class Barrier {
 public:
  Barrier(uint32_t count, int spins) : count_(count), spins_(spins) {}
  void arrive_and_wait();

 private:
  const uint32_t count_;
  const int spins_;
  alignas(64) std::atomic<uint32_t> arrived_{0};
  alignas(64) std::atomic<uint32_t> generation_{0};
};

class Team {
 public:
  // A team of `threads`, the caller's included; `work` is called with 0 .. threads - 1.
  static Result<std::unique_ptr<Team>> start(int threads, std::function<void(int)> work);
  ~Team();

  // Calls work(0) here and work(i) on the other threads; returns when all are done.
  void run();
  // For use inside work(): all threads of the team meet.
  void meet() { barrier_.arrive_and_wait(); }

 private:
  Team(int threads, int spins, std::function<void(int)> work)
      : spins_(spins), work_(std::move(work)), barrier_(static_cast<uint32_t>(threads), spins) {}
  void serve(int thread);

  const int spins_;
  std::function<void(int)> work_;
  Barrier barrier_;
  alignas(64) std::atomic<uint32_t> runs_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace octavo::runtime
