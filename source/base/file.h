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

// Writes a temporary file in the target's folder, syncs it and renames it over the
// target: after a full disk or a kill the old file is whole, and no temporary file
// is left by a failure. Without `overwrite` an existing target is an Error.
Status write_file(const std::string& path, std::span<const std::byte> bytes, bool overwrite);

}  // namespace octavo
