#include "zoo/lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/text.h"

namespace octavo::zoo {

Result<FolderLock> FolderLock::take(const std::string& folder) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) {
    return failed(concat("cannot make the folder ", quoted(folder), ": ", problem.message()));
  }
  FolderLock lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.folder_ && ::flock(lock.folder_.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (lock.folder_ && errno == EWOULDBLOCK) {
    return usage_error(concat("another process works in ", quoted(folder)));
  }
  return failed(concat("cannot lock the folder ", quoted(folder), ": ", std::strerror(errno)));
}

Result<FolderLock> FolderLock::wait(const std::string& folder, const std::atomic<bool>* stop) {
  while (true) {
    auto lock = take(folder);
    if (lock || lock.error().kind != ErrorKind::usage) return lock;
    if (stop && *stop) return Error{ErrorKind::interrupted, "interrupted"};
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace octavo::zoo
