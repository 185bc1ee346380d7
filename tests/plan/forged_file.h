// Plan files that were tampered with and then given a hash that is right again, as an
// attacker would.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "plan/file_header.h"

namespace octavo::testing {

template <class T>
void put_at(std::vector<std::byte>& file, size_t offset, T value) {
  std::memcpy(file.data() + offset, &value, sizeof value);
}

inline void renew_hash(std::span<std::byte> file) {
  const uint64_t hash = file_hash(file);
  std::memcpy(file.data() + hash_offset, &hash, sizeof hash);
}

// A file around any FlatBuffer and constants.
inline std::vector<std::byte> forged_file(std::span<const std::byte> flatbuffer,
                                          std::span<const std::byte> constants) {
  FileHeader header;
  header.flatbuffer_offset = FileHeader::bytes;
  header.flatbuffer_bytes = static_cast<uint32_t>(flatbuffer.size());
  header.constants_offset = align_constant(FileHeader::bytes + flatbuffer.size());
  header.constants_bytes = constants.size();
  header.file_bytes = header.constants_offset + constants.size();
  std::vector<std::byte> file(header.file_bytes);
  std::copy(flatbuffer.begin(), flatbuffer.end(), file.begin() + FileHeader::bytes);
  std::copy(constants.begin(), constants.end(),
            file.begin() + static_cast<ptrdiff_t>(header.constants_offset));
  write_header(header, file);
  return file;
}

}  // namespace octavo::testing
