// What both fuzz targets of kept files ask of them: any bytes, also with their hash set right, or
// nothing but the hash would ever be reached, are refused with a sentence of one line, or the same
// when they are written and read again.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace octavo::fuzz {

// read(bytes) is a Result, write(*read(bytes)) its bytes.
template <class Read, class Write>
void check_kept_file(std::span<const std::byte> file, const Read& read, const Write& write) {
  constexpr size_t hash_offset = 16, body_offset = 24;
  const auto check = [&](std::span<const std::byte> bytes) {
    const auto kept = read(bytes);
    if (!kept) {
      const std::string& message = kept.error().message;
      if (message.empty() || message.find('\n') != std::string::npos) std::abort();
      return;
    }
    const std::vector<std::byte> written = write(*kept);
    const auto again = read(written);
    if (!again || write(*again) != written) std::abort();
  };
  check(file);
  if (file.size() < body_offset) return;
  std::vector<std::byte> repaired(file.begin(), file.end());
  const uint64_t hash = XXH3_64bits(file.data() + body_offset, file.size() - body_offset);
  std::memcpy(repaired.data() + hash_offset, &hash, sizeof hash);
  check(repaired);
}

}  // namespace octavo::fuzz
