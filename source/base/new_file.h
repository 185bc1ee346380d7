// A file that has no name, or a temporary one, until it is whole.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "base/descriptor.h"
#include "base/result.h"

namespace octavo {

class NewFile {
 public:
  // In the folder, with the mode as far as the umask allows. unnamed: without a name at all, an
  // Error where the file system has no such files. The message is the system's reason alone.
  static Result<NewFile> create(const std::string& folder, mode_t mode, bool unnamed);
  NewFile(NewFile&& other) noexcept
      : folder_(std::move(other.folder_)),
        temporary_(std::exchange(other.temporary_, {})),
        file_(std::move(other.file_)) {}
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  const Descriptor& descriptor() const { return file_; }

  // Makes it the file of that name, which must be on the same file system. `no` leaves the reason
  // in errno; `exists`: without `overwrite` another file was there first.
  enum class Named { yes, exists, no };
  Named give_name(const std::string& path, bool overwrite);

 private:
  NewFile(std::string folder, Descriptor file)
      : folder_(std::move(folder)), file_(std::move(file)) {}
  bool name_temporarily();

  std::string folder_;
  std::string temporary_;  // its name while it has one
  Descriptor file_;        // locked, which tells a file in the making from an abandoned one
};

// Of processes that were killed: those that nobody holds. Errors do not matter here.
void remove_abandoned_files(const std::string& folder);

}  // namespace octavo
