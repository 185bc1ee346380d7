// Independent pieces of work on several threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

#include "base/result.h"

namespace octavo {

struct Parallel {
  int threads = 1;                            // the caller's is one of them
  const std::atomic<bool>* stop = nullptr;    // set from outside: Error `interrupted`
  std::function<void(size_t done)> progress;  // called by one thread at a time; may be empty
};

// work(index, worker) for every index below `count`, in no promised order; a worker (0 ..
// threads - 1) works at one index at a time. After a failure no further index is begun, and the
// failure of the lowest index comes back. An exception of the standard library in a worker
// (memory) comes back as an Error too, rather than ending the program.
Status for_each_index(size_t count, const Parallel& how,
                      const std::function<Status(size_t index, size_t worker)>& work);

}  // namespace octavo
