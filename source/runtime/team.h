// The threads of a session: they sleep between frames and meet after each step. They are not
// there in a process that was forked after their start, which finds that out by was_forked().
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
  // Waiting threads spin first unless they are to be `passive`.
  static Result<std::unique_ptr<Team>> start(int threads, bool passive,
                                             std::function<void(int)> work);
  ~Team();

  // Calls work(0) here and work(i) on the other threads; returns when all are done. `work` must
  // not throw, and the team must not have been forked.
  void run();
  // Whether this process is a fork of the one that started the team.
  bool was_forked() const;
  // For use inside work(): all threads of the team meet.
  void meet() { barrier_.arrive_and_wait(); }

 private:
  Team(int threads, int spins, std::function<void(int)> work);
  void serve(int thread);

  const int spins_;
  const uint32_t forks_;  // of this process before the team began
  std::function<void(int)> work_;
  Barrier barrier_;
  alignas(64) std::atomic<uint32_t> runs_{0};
  std::atomic<bool> stopping_{false};
  std::unique_ptr<std::vector<std::thread>> threads_;  // a fork has them in name only
};

}  // namespace octavo::runtime
