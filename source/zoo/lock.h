// A folder that one process at a time works in. The lock is on the folder itself, so that nothing
// is left behind; it ends with the process, however that ends.
#pragma once

#include <atomic>
#include <string>

#include "base/result.h"
#include "zoo/descriptor.h"

namespace octavo::zoo {

class FolderLock {
 public:
  // Makes the folder where it is missing. Held by another process: an Error of kind usage.
  static Result<FolderLock> take(const std::string& folder);
  // The same, but waits for the other process.
  static Result<FolderLock> wait(const std::string& folder, const std::atomic<bool>* stop);

 private:
  explicit FolderLock(int fd) : folder_(fd) {}
  Descriptor folder_;
};

}  // namespace octavo::zoo
