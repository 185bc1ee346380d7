// Files: read with a bound, written whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/result.h"

namespace octavo {

// A regular file that stays open: it can be read again when its name leads elsewhere or nowhere.
class KeptFile {
 public:
  // A pipe or a device is `rejected`, never waited for.
  static Result<KeptFile> open(const std::string& path);

  // All of it; an Error names the path and the system's reason, also when it is larger.
  Result<std::vector<std::byte>> read(uint64_t most_bytes) const;
  // `size` bytes from `offset` on; fewer where the file ends before.
  Result<std::vector<std::byte>> read_part(uint64_t offset, uint64_t size) const;
  const std::string& path() const { return path_; }  // as it was opened

 private:
  KeptFile(Descriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  Result<uint64_t> size() const;

  Descriptor file_;
  std::string path_;
};

// The whole regular file; an Error names the path and the system's reason, also
// when it is larger than `most_bytes`. A pipe or a device is `rejected`, never waited for.
Result<std::vector<std::byte>> read_file(const std::string& path, uint64_t most_bytes);
// `size` bytes from `offset` on; fewer where the file ends before.
Result<std::vector<std::byte>> read_file_part(const std::string& path, uint64_t offset,
                                              uint64_t size);

// Whether both names lead to one file that is there, by whatever links.
bool same_file(const std::string& a, const std::string& b);

// Whether write_file may write there: an existing target needs `overwrite`, must be a
// regular file (a device or pipe would be replaced, not written to) and must not be
// write-protected; its folder must be there and allow writing. Asked before long work whose result
// will be written.
Status check_writable(const std::string& path, bool overwrite);

// Writes a file without a name, syncs it and gives it the name at the end: after a full disk, a
// kill or a crash the old file is whole and nothing is left beside it. Where the file system
// has no files without names, and for the moment in which an old file is replaced, the new one is
// called .octavo-*.tmp; those that a kill left there go with the next file that is written.
// A link is followed: the file that it leads to is replaced, which keeps its mode, its group and
// as far as allowed its owner; other hard links keep the old bytes. What check_writable refuses
// is an Error.
Status write_file(const std::string& path, std::span<const std::byte> bytes, bool overwrite);

}  // namespace octavo
