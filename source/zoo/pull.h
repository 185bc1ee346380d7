// Files of an index, fetched into the cache: right to the byte, or an Error; never half-written.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "zoo/index.h"
#include "zoo/patience.h"

namespace octavo::zoo {

struct PullOptions {
  std::vector<std::string> mirrors;  // base URLs asked, in order, before the index's own URL
  std::string cache;                 // folder; several processes may share it
  int parallel = 4;                  // files at once
  Patience patience;
  // Called by one thread at a time.
  std::function<void(const Entry&, uint64_t bytes_done)> progress;
};

struct Pulled {
  const Entry* entry = nullptr;
  std::string path;         // in the cache, verified
  bool was_cached = false;  // nothing had to be fetched
};

// One Result an entry, in the same order; one that fails does not stop the others.
std::vector<Result<Pulled>> pull(const std::vector<const Entry*>& entries,
                                 const PullOptions& options);

}  // namespace octavo::zoo
