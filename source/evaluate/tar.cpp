#include "evaluate/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/descriptor.h"
#include "base/memory_error.h"
#include "base/text.h"

namespace octavo {

namespace {

struct CloseArchive {
  void operator()(archive* open) const { archive_read_free(open); }
};

Error archive_error(const std::string& path, archive* open) {
  if (archive_errno(open) == ENOMEM) return out_of_memory();
  const char* reason = archive_error_string(open);
  return rejected(concat(quoted(path), " is no uncompressed tar archive that can be read: ",
                         reason ? reason : "unknown reason"));
}

Result<std::vector<TarMember>> list(const std::string& path, size_t most) {
  // Opened here, since a pipe would be waited for there.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) {
    return failed(concat("cannot open ", quoted(path), ": ", std::strerror(errno)));
  }
  if (!S_ISREG(info.st_mode)) return rejected(concat(quoted(path), " is not a regular file"));
  const std::unique_ptr<archive, CloseArchive> open(archive_read_new());
  if (!open) return out_of_memory();
  archive_read_support_format_tar(open.get());
  archive_read_support_filter_none(open.get());  // only so do members lie in the file as they are
  if (archive_read_open_fd(open.get(), file.get(), 65536) != ARCHIVE_OK) {
    return archive_error(path, open.get());
  }
  std::vector<TarMember> members;
  while (true) {
    archive_entry* entry = nullptr;
    const int state = archive_read_next_header(open.get(), &entry);
    if (state == ARCHIVE_EOF) return members;
    if (state != ARCHIVE_OK && state != ARCHIVE_WARN) return archive_error(path, open.get());
    const char* name = archive_entry_pathname(entry);
    if (!name) return rejected(concat(quoted(path), " holds a name that cannot be read"));
    const auto type = archive_entry_filetype(entry);
    if (type != AE_IFREG && type != AE_IFDIR) continue;
    const bool plain = archive_entry_sparse_count(entry) == 0 && !archive_entry_hardlink(entry);
    members.push_back({name, type == AE_IFDIR, plain,
                       static_cast<uint64_t>(archive_filter_bytes(open.get(), 0)),
                       static_cast<uint64_t>(archive_entry_size(entry))});
    if (members.size() > most) {
      return rejected(concat(quoted(path), " holds more than ", most, " files"));
    }
  }
}

}  // namespace

extern "C" {
extern const ArchiveEntry octavo_archive_entry [[gnu::visibility("default")]];
const ArchiveEntry octavo_archive_entry = {OCTAVO_VERSION, list};
}

}  // namespace octavo
