// How long a bad network is borne: read_index() and pull() share it.
#pragma once

#include <atomic>

namespace octavo::zoo {

struct Patience {
  int attempts = 5;            // of each URL, since the last one that brought the file forward
  double stall_seconds = 30;   // with next to no bytes: this attempt is over
  double backoff_seconds = 1;  // before the second attempt; doubles with each, up to a minute
  const std::atomic<bool>* stop = nullptr;
};

}  // namespace octavo::zoo
