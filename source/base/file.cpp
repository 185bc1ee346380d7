#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/new_file.h"
#include "base/pages.h"
#include "base/text.h"

namespace octavo {

namespace {

std::string system_reason() {
  return std::strerror(errno);
}

Error cannot(const char* verb, const std::string& path, std::string_view reason) {
  return failed(concat("cannot ", verb, " ", quoted(path), ": ", reason));
}

// Where the file is, or will be, when links are followed.
Result<std::string> target_of(const std::string& path) {
  struct stat link {};
  if (::lstat(path.c_str(), &link) != 0 || !S_ISLNK(link.st_mode)) return path;
  char* real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) {
    const std::string reason = errno == ENOENT ? "it is a link to nothing" : system_reason();
    return cannot("write", path, reason);
  }
  std::string target = real;
  std::free(real);
  return target;
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

Status check_target(const std::string& path, const std::string& target, bool overwrite) {
  struct stat info {};
  if (::stat(target.c_str(), &info) == 0) {
    if (!S_ISREG(info.st_mode)) {
      return cannot("write", path,
                    S_ISDIR(info.st_mode) ? "it is a folder" : "it is no regular file");
    }
    if (!overwrite) return usage_error(concat(quoted(path), " exists; --overwrite replaces it"));
    if (::faccessat(AT_FDCWD, target.c_str(), W_OK, AT_EACCESS) != 0) {
      return cannot("write", path, system_reason());
    }
  } else if (errno != ENOENT) {
    return cannot("write", path, system_reason());
  }
  if (::faccessat(AT_FDCWD, folder_of(target).c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return cannot("write", path, concat("its folder: ", system_reason()));
  }
  return {};
}

Status write_all(const Descriptor& file, std::span<const std::byte> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t written = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (written < 0) {
      if (errno == EINTR) continue;
      return failed(system_reason());
    }
    done += static_cast<size_t>(written);
  }
  return {};
}

// The mode of the file that is replaced, and whose it is. Where the group cannot be kept, what it
// was allowed is not given to another one.
Status keep_owner_and_mode(const Descriptor& file, const struct stat& old) {
  mode_t mode = old.st_mode & 0777;
  if (::fchown(file.get(), old.st_uid, old.st_gid) != 0 &&
      ::fchown(file.get(), static_cast<uid_t>(-1), old.st_gid) != 0) {
    mode &= ~static_cast<mode_t>(S_IRWXG);
  }
  if (::fchmod(file.get(), mode) != 0) return failed(system_reason());
  return {};
}

}  // namespace

Result<KeptFile> KeptFile::open(const std::string& path) {
  // Without O_NONBLOCK a pipe that nobody writes to would be waited for, not refused.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return cannot("open", path, system_reason());
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return cannot("read", path, system_reason());
  if (S_ISDIR(info.st_mode)) return rejected(concat(quoted(path), " is a folder, not a file"));
  if (!S_ISREG(info.st_mode)) return rejected(concat(quoted(path), " is not a regular file"));
  return KeptFile(std::move(file), path);
}

Result<uint64_t> KeptFile::size() const {
  struct stat info {};
  if (::fstat(file_.get(), &info) != 0) return cannot("read", path_, system_reason());
  return static_cast<uint64_t>(info.st_size);
}

Result<std::vector<std::byte>> KeptFile::read(uint64_t most_bytes) const {
  const auto there = size();
  if (!there) return there.error();
  if (*there > most_bytes) {
    return rejected(concat(quoted(path_), " has ", *there, " bytes; the most that is read here is ",
                           most_bytes));
  }
  return read_part(0, *there);
}

Result<std::vector<std::byte>> KeptFile::read_part(uint64_t offset, uint64_t wanted) const {
  const auto there = size();
  if (!there) return there.error();
  auto bytes = vector_brought_in<std::byte>(std::min(wanted, *there - std::min(offset, *there)));
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::pread(file_.get(), bytes.data() + done, bytes.size() - done,
                                static_cast<off_t>(offset + done));
    if (got < 0) {
      if (errno == EINTR) continue;
      return cannot("read", path_, system_reason());
    }
    if (got == 0) break;  // the file shrank while it was read
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Result<std::vector<std::byte>> read_file(const std::string& path, uint64_t most_bytes) {
  const auto file = KeptFile::open(path);
  if (!file) return file.error();
  return file->read(most_bytes);
}

Result<std::vector<std::byte>> read_file_part(const std::string& path, uint64_t offset,
                                              uint64_t size) {
  const auto file = KeptFile::open(path);
  if (!file) return file.error();
  return file->read_part(offset, size);
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat first {
  }, second{};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

Status check_writable(const std::string& path, bool overwrite) {
  const auto target = target_of(path);
  if (!target) return target.error();
  return check_target(path, *target, overwrite);
}

Status write_file(const std::string& path, std::span<const std::byte> bytes, bool overwrite) {
  const auto target = target_of(path);
  if (!target) return target.error();
  if (const Status fine = check_target(path, *target, overwrite); !fine) return fine;
  struct stat old {};
  const bool replaces = ::stat(target->c_str(), &old) == 0;
  remove_abandoned_files(folder_of(*target));
  for (const bool unnamed : {true, false}) {
    auto file = NewFile::create(folder_of(*target), replaces ? old.st_mode & 0777 : 0666, unnamed);
    if (!file && unnamed) continue;  // not every file system has them
    if (!file) return cannot("write", path, file.error().message);
    Status done = write_all(file->descriptor(), bytes);
    if (done && replaces) done = keep_owner_and_mode(file->descriptor(), old);
    if (done && ::fsync(file->descriptor().get()) != 0) done = failed(system_reason());
    if (!done) return cannot("write", path, done.error().message);
    switch (file->give_name(*target, overwrite)) {
      case NewFile::Named::yes:
        return {};
      case NewFile::Named::exists:
        return usage_error(concat(quoted(path), " exists; --overwrite replaces it"));
      case NewFile::Named::no:
        if (!unnamed) return cannot("write", path, system_reason());
    }
  }
  return {};
}

}  // namespace octavo
