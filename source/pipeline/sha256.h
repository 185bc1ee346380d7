// SHA-256 (FIPS 180-4) in lower-case hex, by libcrypto.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"

namespace octavo {

Result<std::string> sha256_hex(std::span<const std::byte> bytes);

// Of all that the descriptor holds, from its beginning; `path` is for messages.
Result<std::string> sha256_of_file(int descriptor, const std::string& path);

}  // namespace octavo
