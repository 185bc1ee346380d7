// Files: read with a bound, written whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace octavo {

// The whole regular file; an Error names the path and the system's reason, also
// when it is larger than `most_bytes`.
Result<std::vector<std::byte>> read_file(const std::string& path, uint64_t most_bytes);

// Whether write_file may write there: an existing target needs `overwrite` and must be a
// regular file (a device or pipe would be replaced, not written to); its folder must be
// there and allow writing. Asked before long work whose result will be written.
Status check_writable(const std::string& path, bool overwrite);

// Writes a temporary file in the target's folder, syncs it and renames it over the
// target: after a full disk or a kill the old file is whole, and no temporary file
// is left by a failure. What check_writable refuses is an Error.
Status write_file(const std::string& path, std::span<const std::byte> bytes, bool overwrite);

}  // namespace octavo
