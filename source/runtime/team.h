// The threads of a session, which sleep between frames. They are not there in a process that was
// forked after their start, which finds that out by was_forked().
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/result.h"

namespace octavo::runtime {

// How often threads that wait for each other look before they sleep.
int spins_for(int threads, bool passive);

class Team {
 public:
  // A team of `threads`, the caller's included; `work` is called with 0 .. threads - 1.
  // Waiting threads look `spins` times before they sleep.
  static Result<std::unique_ptr<Team>> start(int threads, int spins, std::function<void(int)> work);
  ~Team();

  // Calls work(0) here and work(i) on the other threads, or some of them: who is late may be given
  // the next run instead. Returns when work(0) does. `work` must not throw, and the team must not
  // have been forked.
  void run();
  // Whether this process is a fork of the one that started the team.
  bool was_forked() const;

 private:
  Team(int spins, std::function<void(int)> work);
  void serve(int thread);

  const int spins_;
  const uint32_t forks_;  // of this process before the team began
  std::function<void(int)> work_;
  alignas(64) std::atomic<uint32_t> runs_{0};
  std::atomic<bool> stopping_{false};
  std::unique_ptr<std::vector<std::thread>> threads_;  // a fork has them in name only
};

}  // namespace octavo::runtime
