#include "runtime/team.h"

#include <pthread.h>

#include <system_error>

#include "base/float_mode.h"
#include "base/text.h"

namespace octavo::runtime {

namespace {

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Until `value` is no longer `old`.
void wait_for_change(const std::atomic<uint32_t>& value, uint32_t old, int spins) {
  for (int i = 0; i < spins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
  value.wait(old, std::memory_order_acquire);
}

// About 200 us where every thread has a core: longer than threads of one step differ, since
// sleeping and waking costs more than that on a virtual machine. Next to nothing where they share
// cores.
int spins_for(int threads) {
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  return threads <= cores ? 20000 : 10;
}

// How often a process between the first one that started a team and this one was forked: known
// without a system call a frame, which asking for the process's number would be.
std::atomic<uint32_t> forks{0};

uint32_t watched_forks() {
  static const int watched = ::pthread_atfork(nullptr, nullptr, [] { ++forks; });
  return watched == 0 ? forks.load() : 0;
}

}  // namespace

void Barrier::arrive_and_wait() {
  const uint32_t generation = generation_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count_) {
    arrived_.store(0, std::memory_order_relaxed);
    generation_.store(generation + 1, std::memory_order_release);
    generation_.notify_all();
    return;
  }
  wait_for_change(generation_, generation, spins_);
}

Team::Team(int threads, int spins, std::function<void(int)> work)
    : spins_(spins),
      forks_(watched_forks()),
      work_(std::move(work)),
      barrier_(static_cast<uint32_t>(threads), spins),
      threads_(std::make_unique<std::vector<std::thread>>()) {}

bool Team::was_forked() const {
  return forks.load(std::memory_order_relaxed) != forks_;
}

Result<std::unique_ptr<Team>> Team::start(int threads, bool passive,
                                          std::function<void(int)> work) {
  const int spins = passive ? 0 : spins_for(threads);
  std::unique_ptr<Team> team(new Team(threads, spins, std::move(work)));
  try {
    for (int i = 1; i < threads; ++i) {
      team->threads_->emplace_back([self = team.get(), i] { self->serve(i); });
    }
  } catch (const std::system_error& error) {
    return unsupported(concat("cannot start ", threads, " threads: ", error.what()));
  }
  return team;
}

Team::~Team() {
  if (was_forked()) {
    static_cast<void>(threads_.release());  // nobody is there to be joined
    return;
  }
  stopping_.store(true, std::memory_order_release);
  runs_.fetch_add(1, std::memory_order_release);
  runs_.notify_all();
  for (std::thread& thread : *threads_) thread.join();
}

void Team::run() {
  runs_.fetch_add(1, std::memory_order_release);
  runs_.notify_all();
  work_(0);
  meet();
}

void Team::serve(int thread) {
  const FloatMode mode;
  for (uint32_t seen = 0;; ++seen) {
    wait_for_change(runs_, seen, spins_);
    if (stopping_.load(std::memory_order_acquire)) return;
    work_(thread);
    meet();
  }
}

}  // namespace octavo::runtime
