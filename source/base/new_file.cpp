#include "base/new_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include "base/text.h"

namespace octavo {

namespace {

constexpr std::string_view prefix = ".octavo-", suffix = ".tmp";
constexpr int most_attempts = 100;

// Differs from any that is there in all likelihood; that it does is left to O_EXCL and link.
// Short whatever the target is called, so that every name that a file may have can be written.
std::string temporary_name(const std::string& folder) {
  static std::atomic<uint64_t> count{0};
  const auto now =
      static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  return concat(folder.ends_with('/') ? folder : folder + "/", prefix, ::getpid(), "-", now, "-",
                count++, suffix);
}

std::string proc_name(const Descriptor& file) {
  return concat("/proc/self/fd/", file.get());
}

// Whether this file still has a name: a cleaner that came before the lock has taken it.
bool is_there(const Descriptor& file) {
  struct stat info {};
  return ::fstat(file.get(), &info) == 0 && info.st_nlink > 0;
}

}  // namespace

Result<NewFile> NewFile::create(const std::string& folder, mode_t mode, bool unnamed) {
  if (unnamed) {
    Descriptor file(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, mode));
    if (!file || ::access(proc_name(file).c_str(), F_OK) != 0) return failed(std::strerror(errno));
    ::flock(file.get(), LOCK_EX | LOCK_NB);
    return NewFile(folder, std::move(file));
  }
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    const std::string name = temporary_name(folder);
    Descriptor file(::open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode));
    if (!file && errno == EEXIST) continue;
    if (!file) break;
    NewFile made(folder, std::move(file));
    made.temporary_ = name;
    ::flock(made.file_.get(), LOCK_EX | LOCK_NB);
    if (is_there(made.file_)) return made;
  }
  return failed(std::strerror(errno));
}

NewFile::~NewFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

bool NewFile::name_temporarily() {
  if (!temporary_.empty()) return true;
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    std::string name = temporary_name(folder_);
    if (::linkat(AT_FDCWD, proc_name(file_).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) ==
        0) {
      temporary_ = std::move(name);
      return true;
    }
    if (errno != EEXIST) return false;
  }
  return false;
}

NewFile::Named NewFile::give_name(const std::string& path, bool overwrite) {
  if (!overwrite) {
    const std::string from = temporary_.empty() ? proc_name(file_) : temporary_;
    if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      return Named::yes;  // a temporary name goes with this object
    }
    if (errno == EEXIST) return Named::exists;
    if (temporary_.empty()) return Named::no;
    // A file system without hard links: nothing there asks and names at once.
    if (::access(path.c_str(), F_OK) == 0) return Named::exists;
  }
  if (!name_temporarily()) return Named::no;
  if (::rename(temporary_.c_str(), path.c_str()) != 0) return Named::no;
  temporary_.clear();
  return Named::yes;
}

void remove_abandoned_files(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), &::closedir);
  if (!open) return;
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    const Descriptor file(::openat(::dirfd(open.get()), entry->d_name,
                                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
      ::unlinkat(::dirfd(open.get()), entry->d_name, 0);
    }
  }
}

}  // namespace octavo
