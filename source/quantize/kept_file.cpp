#include "quantize/kept_file.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>

#include "base/text.h"

namespace octavo::kept {

static_assert(std::endian::native == std::endian::little,
              "numbers are little-endian and are copied without conversion");

namespace {

constexpr size_t hash_offset = 16, body_offset = 24;

uint64_t hash_of(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data() + body_offset, bytes.size() - body_offset);
}

}  // namespace

bool looks_like(const Kind& kind, std::span<const std::byte> bytes) {
  return bytes.size() >= kind.magic.size() &&
         std::memcmp(bytes.data(), kind.magic.data(), kind.magic.size()) == 0;
}

Writer begin(const Kind& kind) {
  Writer writer;
  writer(kind.magic, kind.format, uint64_t{0});
  return writer;
}

std::vector<std::byte> finish(Writer writer) {
  std::vector<std::byte> bytes = writer.take();
  const uint64_t hash = hash_of(bytes);
  std::memcpy(bytes.data() + hash_offset, &hash, sizeof hash);
  return bytes;
}

Result<std::span<const std::byte>> body(const Kind& kind, std::span<const std::byte> bytes) {
  if (!looks_like(kind, bytes)) {
    return rejected(concat("no ", kind.name, " that Octavo kept: it does not begin as one"));
  }
  if (bytes.size() < body_offset) return rejected(concat("a ", kind.name, " that is cut short"));
  uint64_t found = 0;
  std::memcpy(&found, bytes.data() + kind.magic.size(), sizeof found);
  if (found != kind.format) {
    return rejected(concat("a ", kind.name, " of format ", found, "; this version of Octavo reads ",
                           kind.format));
  }
  uint64_t hash = 0;
  std::memcpy(&hash, bytes.data() + hash_offset, sizeof hash);
  if (hash != hash_of(bytes)) {
    return rejected(concat("a ", kind.name,
                           " that is damaged or cut short: its hash is not that of its bytes"));
  }
  return bytes.subspan(body_offset);
}

}  // namespace octavo::kept
