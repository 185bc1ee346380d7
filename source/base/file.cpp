#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/text.h"

namespace octavo {

namespace {

std::string system_reason() {
  return std::strerror(errno);
}

// Closes on every way out.
struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

// Removes the temporary file unless it was renamed.
struct Temporary {
  std::string path;
  ~Temporary() {
    if (!path.empty()) ::unlink(path.c_str());
  }
};

Status write_all(int fd, std::span<const std::byte> bytes, const std::string& path) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t written = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (written < 0) {
      if (errno == EINTR) continue;
      return failed(concat("cannot write ", quoted(path), ": ", system_reason()));
    }
    done += static_cast<size_t>(written);
  }
  return {};
}

}  // namespace

Result<std::vector<std::byte>> read_file(const std::string& path, uint64_t most_bytes) {
  // Without O_NONBLOCK a pipe that nobody writes to would be waited for, not refused.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return failed(concat("cannot open ", quoted(path), ": ", system_reason()));
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) {
    return failed(concat("cannot read ", quoted(path), ": ", system_reason()));
  }
  if (!S_ISREG(info.st_mode)) return failed(concat(quoted(path), " is not a regular file"));
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size > most_bytes) {
    return rejected(
        concat(quoted(path), " has ", size, " bytes; the most that is read here is ", most_bytes));
  }
  std::vector<std::byte> bytes(size);
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(file.fd, bytes.data() + done, bytes.size() - done);
    if (got < 0) {
      if (errno == EINTR) continue;
      return failed(concat("cannot read ", quoted(path), ": ", system_reason()));
    }
    if (got == 0) break;  // the file shrank while it was read
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Status check_writable(const std::string& path, bool overwrite) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (!S_ISREG(info.st_mode)) {
      return failed(concat("cannot write ", quoted(path), ": it is ",
                           S_ISDIR(info.st_mode) ? "a folder" : "no regular file"));
    }
    if (!overwrite) return usage_error(concat(quoted(path), " exists; --overwrite replaces it"));
  } else if (errno != ENOENT) {
    return failed(concat("cannot write ", quoted(path), ": ", system_reason()));
  }
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    return failed(concat("cannot write ", quoted(path), ": its folder: ", system_reason()));
  }
  return {};
}

Status write_file(const std::string& path, std::span<const std::byte> bytes, bool overwrite) {
  if (const Status writable = check_writable(path, overwrite); !writable) return writable;
  Temporary temporary{path + ".XXXXXX"};
  Descriptor file{::mkostemp(temporary.path.data(), O_CLOEXEC)};
  if (file.fd < 0) {
    const std::string reason = system_reason();
    temporary.path.clear();
    return failed(concat("cannot write ", quoted(path), ": ", reason));
  }
  if (const Status written = write_all(file.fd, bytes, path); !written) return written;
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(file.fd, 0666 & ~mask) != 0 || ::fsync(file.fd) != 0) {
    return failed(concat("cannot write ", quoted(path), ": ", system_reason()));
  }
  if (::rename(temporary.path.c_str(), path.c_str()) != 0) {
    return failed(concat("cannot write ", quoted(path), ": ", system_reason()));
  }
  temporary.path.clear();
  return {};
}

}  // namespace octavo
