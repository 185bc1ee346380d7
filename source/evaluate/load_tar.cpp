// Finds and loads the module octavo_archive at the first archive.
#include <mutex>

#include "base/module.h"
#include "evaluate/tar.h"

namespace octavo {

namespace {

Result<const ArchiveEntry*> load_archive() {
  static std::mutex mutex;
  static const ArchiveEntry* loaded = nullptr;
  const std::lock_guard lock(mutex);
  if (!loaded) {
    const auto entry = load_module({"the reader of archives", archive_module_name,
                                    archive_entry_symbol, "OCTAVO_ARCHIVE", "libarchive13"});
    if (!entry) return entry.error();
    loaded = static_cast<const ArchiveEntry*>(*entry);
  }
  return loaded;
}

}  // namespace

Result<std::vector<TarMember>> list_tar_members(const std::string& path, size_t most) {
  const auto archive = load_archive();
  if (!archive) return archive.error();
  return (*archive)->list(path, most);
}

}  // namespace octavo
