// The first 64 bytes of a plan file (docs/plan-format.md): what a reader must know
// before it trusts a byte of the rest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace octavo {

struct FormatVersion {
  uint16_t major = 0, minor = 0;
  auto operator<=>(const FormatVersion&) const = default;
};

// Written by this version, and the newest that it reads.
inline constexpr FormatVersion format_version{0, 2};
// Until 1.0 a new format may drop the older ones.
inline constexpr FormatVersion oldest_read_format{0, 1};

// What a reader that ignored it would answer wrongly.
namespace plan_feature {
inline constexpr uint64_t output_meaning = 1;      // outputs that are no logits of classes
inline constexpr uint64_t exact_resize = 2;        // pictures are squashed to a size
inline constexpr uint64_t given_codes = 4;         // tensors of u16, lookups, right operands
inline constexpr uint64_t quotients = 8;           // divisions
inline constexpr uint64_t wide_weights = 16;       // weights of 16 bits
inline constexpr uint64_t long_exponentials = 32;  // of a softmax
inline constexpr uint64_t known =
    output_meaning | exact_resize | given_codes | quotients | wide_weights | long_exponentials;
}  // namespace plan_feature

struct FileHeader {
  static constexpr size_t bytes = 64;

  FormatVersion format = format_version;
  FormatVersion minimum_reader = format_version;
  uint64_t required_features = 0;  // bits of plan_feature
  uint64_t file_bytes = 0;
  uint32_t flatbuffer_offset = 0, flatbuffer_bytes = 0;
  uint64_t constants_offset = 0, constants_bytes = 0;
};

inline constexpr size_t constant_alignment = 64;
constexpr uint64_t align_constant(uint64_t offset) {
  return (offset + constant_alignment - 1) / constant_alignment * constant_alignment;
}

// Puts header and hash into the first 64 bytes of a file that is otherwise complete.
void write_header(const FileHeader& header, std::span<std::byte> file);

// Checks magic, versions, features, sizes and hash, in this order, so that a plan of a
// newer format is named as such and not as damaged. The sections then lie in the file.
Result<FileHeader> read_header(std::span<const std::byte> file);

// XXH3-64 of the whole file but the hash itself, its last header field.
uint64_t file_hash(std::span<const std::byte> file);
inline constexpr size_t hash_offset = 56;

}  // namespace octavo
