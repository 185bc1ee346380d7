#include "base/parallel.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/memory_error.h"
#include "base/text.h"

namespace octavo {

namespace {

Error internal_fault(const char* what) noexcept {
  try {
    return failed(concat("internal fault: ", std::string_view(what)));
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Status guarded(const std::function<Status(size_t, size_t)>& work, size_t index, size_t worker) {
  try {
    return work(index, worker);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::exception& error) {
    return internal_fault(error.what());
  }
}

// Showing how far the work has come must not end it.
void show_progress(const Parallel& how, size_t done) noexcept {
  try {
    if (how.progress) how.progress(done);
  } catch (const std::exception&) {
  }
}

}  // namespace

Status for_each_index(size_t count, const Parallel& how,
                      const std::function<Status(size_t, size_t)>& work) {
  std::atomic<size_t> next{0};
  std::atomic<bool> broken{false};
  std::mutex report;
  size_t done = 0;
  std::optional<std::pair<size_t, Status>> first;  // of the failures, the lowest index
  const auto stopped = [&] { return how.stop != nullptr && how.stop->load(); };
  const auto run = [&](size_t worker) {
    for (size_t i = next++; i < count && !stopped() && !broken; i = next++) {
      Status outcome = guarded(work, i, worker);
      const std::lock_guard lock(report);
      if (outcome) {
        show_progress(how, ++done);
        continue;
      }
      broken = true;
      if (!first || i < first->first) first = std::pair(i, std::move(outcome));
    }
  };
  std::vector<std::thread> others;
  const size_t workers = std::min(count, static_cast<size_t>(std::clamp(how.threads, 1, 1024)));
  try {
    for (size_t worker = 1; worker < workers; ++worker) others.emplace_back(run, worker);
  } catch (const std::exception&) {
    // Fewer threads than asked for: those there are do the work.
  }
  run(0);
  for (std::thread& other : others) other.join();
  if (stopped()) return Error{ErrorKind::interrupted, "interrupted"};
  if (first) return first->second;
  return {};
}

}  // namespace octavo
