// What lies in an uncompressed tar archive. Reading it is the module octavo_archive, which brings
// libarchive, and with it XML and ICU, for which data sets that are folders should not pay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace octavo {

struct TarMember {
  std::string path;  // as the archive says it
  bool is_folder = false;
  bool is_plain = true;           // no link to another member, no holes: its bytes lie together
  uint64_t offset = 0, size = 0;  // of a file's bytes in the archive
};

// Files and folders in the archive's order; at most `most`. Errors: no tar, one that is compressed.
Result<std::vector<TarMember>> list_tar_members(const std::string& path, size_t most);

// What the module exports: one symbol of C linkage, `octavo_archive_entry`.
struct ArchiveEntry {
  const char* version;  // OCTAVO_VERSION of the build: both sides must be of one build
  Result<std::vector<TarMember>> (*list)(const std::string& path, size_t most);
};

inline constexpr char archive_entry_symbol[] = "octavo_archive_entry";
inline constexpr char archive_module_name[] = "liboctavo_archive.so";

}  // namespace octavo
