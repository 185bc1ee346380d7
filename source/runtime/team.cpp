#include "runtime/team.h"

#include <pthread.h>

#include <system_error>

#include "base/float_mode.h"
#include "base/text.h"
#include "runtime/schedule.h"

namespace octavo::runtime {

namespace {

// How often a process between the first one that started a team and this one was forked: known
// without a system call a frame, which asking for the process's number would be.
std::atomic<uint32_t> forks{0};

uint32_t watched_forks() {
  static const int watched = ::pthread_atfork(nullptr, nullptr, [] { ++forks; });
  return watched == 0 ? forks.load() : 0;
}

}  // namespace

// About 200 us where every thread has a core: longer than threads of one step differ, since
// sleeping and waking costs more than that on a virtual machine. Next to nothing where they share
// cores.
int spins_for(int threads, bool passive) {
  if (passive) return 0;
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  return threads <= cores ? 20000 : 10;
}

Team::Team(int spins, std::function<void(int)> work)
    : spins_(spins),
      forks_(watched_forks()),
      work_(std::move(work)),
      threads_(std::make_unique<std::vector<std::thread>>()) {}

bool Team::was_forked() const {
  return forks.load(std::memory_order_relaxed) != forks_;
}

Result<std::unique_ptr<Team>> Team::start(int threads, int spins, std::function<void(int)> work) {
  std::unique_ptr<Team> team(new Team(spins, std::move(work)));
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
}

void Team::serve(int thread) {
  const FloatMode mode;
  for (uint32_t seen = 0;;) {
    wait_for_change(runs_, seen, spins_);
    seen = runs_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_acquire)) return;
    work_(thread);
  }
}

}  // namespace octavo::runtime
