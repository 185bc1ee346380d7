// Which pieces of a run are taken and which are done. A thread has a piece of each step that is its
// own; who is through with his takes what nobody has begun. So a thread that gets no core holds up
// nobody but while it is inside a piece, and one that comes late goes on where the others are.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace octavo::runtime {

// Until `value` is no longer `old`: looks `spins` times, then sleeps.
void wait_for_change(const std::atomic<uint32_t>& value, uint32_t old, int spins);

class Schedule {
 public:
  // pieces: of each step.
  Schedule(std::span<const uint32_t> pieces, int spins);

  // A new run, by the thread that calls, before the others learn its number. Where it is `hooked`,
  // something happens after each step that counts as a piece more. The runs before it are over.
  uint32_t begin(bool hooked);
  uint32_t run() const { return run_.load(std::memory_order_acquire); }
  bool is_hooked() const { return hooked_.load(std::memory_order_relaxed); }

  // Waits until the step may begin: all that comes before it is done. False if it is over already,
  // or the whole run.
  bool reach(uint32_t run, size_t step) const;
  // Whether the piece is the caller's to do. One thread alone gets a true for it in a run.
  bool take(uint32_t run, size_t step, size_t piece);
  // Says that `pieces` that were taken of a step, or of several that no other thread takes part in
  // up to this one, are done.
  void finish(size_t step, uint32_t pieces);
  // Waits until so many pieces of the step are done.
  void await(size_t step, uint32_t pieces) const;

 private:
  uint32_t before(size_t step) const;  // how much of a run is done when the step begins

  const int spins_;
  std::vector<uint32_t> first_;                     // of all pieces in a row; and their number
  std::unique_ptr<std::atomic<uint32_t>[]> taken_;  // the last run that took a piece
  std::atomic<uint32_t> run_{0}, base_{0};
  std::atomic<bool> hooked_{false};
  alignas(64) std::atomic<uint32_t> done_{0};  // pieces, of all runs
};

}  // namespace octavo::runtime
