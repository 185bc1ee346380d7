// The places where a file may be had, asked in turn until one gives it.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "zoo/patience.h"
#include "zoo/transfer.h"

namespace octavo::zoo {

struct Source {
  std::string url;
  std::string etag = {};  // of the file that its last answer was of
  bool ranges = true;     // no longer so after an answer of other bytes than were asked for
  int attempts = 0;       // since the last one that brought the file forward
  int wrong = 0;          // whole files of wrong bytes
  std::chrono::steady_clock::time_point ready{};  // not to be asked before
  std::optional<Failure> last = {};
};

// Nothing: the file is there. An Error: no other source would help either.
using Attempt = std::function<Result<std::optional<Failure>>(Source&)>;

// Asks the source that is ready first, in the given order where several are. One that failed
// backs off, for as long as the server says where it does; one whose failure is lasting or whose
// attempts are used up is asked no more. The Error after the last names every source's reason; its
// kind is `rejected` where all of them answered with wrong bytes.
Status ask_sources(const std::vector<std::string>& urls, const Patience& patience,
                   const Attempt& attempt);

}  // namespace octavo::zoo
