#include "zoo/cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "pipeline/sha256.h"

namespace octavo::zoo {

CachePaths cache_paths(const std::string& cache, const Entry& entry) {
  const std::string folder = concat(cache, "/sha256/", entry.sha256);
  return {folder, concat(folder, "/", entry.file), folder + "/.part"};
}

Result<bool> is_cached(const CachePaths& paths, const Entry& entry) {
  const Descriptor file(::open(paths.file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  if (static_cast<uint64_t>(info.st_size) != entry.size) return false;
  const auto digest = sha256_of_file(file.get(), paths.file);
  if (!digest) return digest.error();
  return *digest == entry.sha256;
}

Result<Part> Part::open(const CachePaths& paths, const Entry& entry) {
  Descriptor file(::open(paths.part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0)
    return failed(concat("cannot open ", quoted(paths.part), ": ", std::strerror(errno)));
  Part part(paths, std::move(file), static_cast<uint64_t>(info.st_size));
  if (part.size_ > entry.size)
    if (const Status cleared = part.clear(); !cleared) return cleared.error();
  return part;
}

Error Part::fail(const std::string& what) const {
  const int reason = errno;
  ::unlink(paths_.part.c_str());
  return failed(concat("cannot ", what, " ", quoted(paths_.part), ": ", std::strerror(reason)));
}

Status Part::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail("write");
    size_ += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return {};
}

Status Part::clear() {
  if (::ftruncate(file_.get(), 0) != 0) return fail("empty");
  size_ = 0;
  return {};
}

void Part::remove() {
  ::unlink(paths_.part.c_str());
}

Result<std::string> Part::sha256() const {
  return sha256_of_file(file_.get(), paths_.part);
}

Status Part::publish() {
  if (::fsync(file_.get()) != 0) return fail("write");
  if (::rename(paths_.part.c_str(), paths_.file.c_str()) != 0)
    return failed(concat("cannot rename ", quoted(paths_.part), " to ", quoted(paths_.file), ": ",
                         std::strerror(errno)));
  // The name too is to outlive a power cut; not every file system can promise it.
  const Descriptor names(::open(paths_.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (names) ::fsync(names.get());
  return {};
}

}  // namespace octavo::zoo
