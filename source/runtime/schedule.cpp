#include "runtime/schedule.h"

namespace octavo::runtime {

namespace {

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

}  // namespace

void wait_for_change(const std::atomic<uint32_t>& value, uint32_t old, int spins) {
  for (int i = 0; i < spins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
  value.wait(old, std::memory_order_acquire);
}

Schedule::Schedule(std::span<const uint32_t> pieces, int spins) : spins_(spins), first_{0} {
  for (const uint32_t count : pieces) first_.push_back(first_.back() + count);
  taken_ = std::make_unique<std::atomic<uint32_t>[]>(first_.back());
}

uint32_t Schedule::before(size_t step) const {
  return first_[step] + (is_hooked() ? static_cast<uint32_t>(step) : 0);
}

// Numbers of runs and pieces go round after 2^32: only differences and equality count.
uint32_t Schedule::begin(bool hooked) {
  base_.store(done_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  hooked_.store(hooked, std::memory_order_relaxed);
  const uint32_t run = run_.load(std::memory_order_relaxed) + 1;
  run_.store(run, std::memory_order_release);
  return run;
}

bool Schedule::reach(uint32_t run, size_t step) const {
  for (;;) {
    if (run_.load(std::memory_order_acquire) != run) return false;
    const uint32_t seen = done_.load(std::memory_order_acquire);
    const uint32_t count = seen - base_.load(std::memory_order_relaxed);
    if (count >= before(step + 1)) return false;
    if (count >= before(step)) return true;
    wait_for_change(done_, seen, spins_);
  }
}

// A piece is taken once in every run, so that a thread which still believes in a run that is over
// finds another number than it expects.
bool Schedule::take(uint32_t run, size_t step, size_t piece) {
  std::atomic<uint32_t>& taken = taken_[first_[step] + piece];
  uint32_t expected = run - 1;
  return taken.load(std::memory_order_relaxed) == expected &&
         taken.compare_exchange_strong(expected, run, std::memory_order_acquire,
                                       std::memory_order_relaxed);
}

void Schedule::finish(size_t step, uint32_t pieces) {
  const uint32_t count = done_.fetch_add(pieces, std::memory_order_acq_rel) + pieces -
                         base_.load(std::memory_order_relaxed);
  const bool wanted = count >= first_[step + 1] + (is_hooked() ? static_cast<uint32_t>(step) : 0);
  if (wanted) done_.notify_all();  // the next step, a hook or the end waits for no less
}

void Schedule::await(size_t step, uint32_t pieces) const {
  for (;;) {
    const uint32_t seen = done_.load(std::memory_order_acquire);
    if (seen - base_.load(std::memory_order_relaxed) >= before(step) + pieces) return;
    wait_for_change(done_, seen, spins_);
  }
}

}  // namespace octavo::runtime
