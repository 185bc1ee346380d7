// A child process, run to its end: what it printed, how it ended. No shell is involved.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "base/result.h"

namespace octavo::zoo {

struct Ended {
  int code = 0;            // exit code; 128 + signal where a signal ended it
  std::string output;      // its stdout
  std::string last_error;  // last line of its stderr that is not empty
  double seconds = 0;

  bool well() const { return code == 0; }
};

// argv[0] is a path, or a name to be found on PATH; stdin is empty. Once `*stop` is true the child
// and all that it started are ended, with time to clean up, and the answer is an Error of kind
// `interrupted`. The child does not outlive this process. Other Errors: it could not be started; it
// printed more than 64 MB.
Result<Ended> run_process(const std::vector<std::string>& argv, const std::atomic<bool>* stop);

}  // namespace octavo::zoo
