#include "plan/file_header.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>
#include <cstring>

#include "base/text.h"
#include "plan/limits.h"

namespace octavo {

static_assert(std::endian::native == std::endian::little,
              "plan files are little-endian and are copied without conversion");

namespace {

// NUL shows that the file is not text, the line feed whether it was sent as text.
constexpr std::array<char, 8> magic{'O', 'C', 'T', 'A', 'V', 'O', '\0', '\n'};

template <class T>
void put(std::span<std::byte> file, size_t offset, T value) {
  std::memcpy(file.data() + offset, &value, sizeof value);
}

template <class T>
T get(std::span<const std::byte> file, size_t offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

std::string version_text(FormatVersion version) {
  return concat(version.major, ".", version.minor);
}

Status check_version(const FileHeader& header) {
  if (header.minimum_reader > format_version) {
    return rejected(concat("the plan has format ", version_text(header.format),
                           " and needs a reader of format ", version_text(header.minimum_reader),
                           " or newer; this version of Octavo reads up to ",
                           version_text(format_version)));
  }
  if (header.format < oldest_read_format) {
    return rejected(concat("the plan has format ", version_text(header.format),
                           ", which this version of Octavo no longer reads (it reads from ",
                           version_text(oldest_read_format), " on); build the plan again"));
  }
  if (header.minimum_reader > header.format) {
    return rejected(concat("the plan's header contradicts itself: format ",
                           version_text(header.format), ", minimum reader ",
                           version_text(header.minimum_reader)));
  }
  if (const uint64_t unknown = header.required_features & ~plan_feature::known; unknown != 0) {
    return rejected(concat("the plan needs features (bits ", unknown,
                           ") that this version of Octavo, format ", version_text(format_version),
                           ", does not know; a newer version is needed"));
  }
  return {};
}

Status check_sections(const FileHeader& header, uint64_t size) {
  if (header.file_bytes != size) {
    return rejected(
        concat("the plan should have ", header.file_bytes, " bytes and has ", size,
               size < header.file_bytes ? ": it is cut short" : ": something follows it"));
  }
  const uint64_t flatbuffer_end = uint64_t{header.flatbuffer_offset} + header.flatbuffer_bytes;
  if (header.flatbuffer_offset != FileHeader::bytes || flatbuffer_end > size) {
    return rejected(concat("the plan's step section, ", header.flatbuffer_bytes,
                           " bytes from byte ", header.flatbuffer_offset,
                           ", does not lie in the file of ", size, " bytes"));
  }
  if (header.constants_offset != align_constant(flatbuffer_end) || header.constants_offset > size ||
      header.constants_bytes != size - header.constants_offset) {
    return rejected(concat("the plan's constants section, ", header.constants_bytes,
                           " bytes from byte ", header.constants_offset,
                           ", does not fill the rest of the file of ", size, " bytes"));
  }
  return {};
}

}  // namespace

uint64_t file_hash(std::span<const std::byte> file) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, file.data(), hash_offset);
  const auto rest = file.subspan(FileHeader::bytes);
  XXH3_64bits_update(&state, rest.data(), rest.size());
  return XXH3_64bits_digest(&state);
}

void write_header(const FileHeader& header, std::span<std::byte> file) {
  std::memcpy(file.data(), magic.data(), magic.size());
  put(file, 8, header.format.major);
  put(file, 10, header.format.minor);
  put(file, 12, header.minimum_reader.major);
  put(file, 14, header.minimum_reader.minor);
  put(file, 16, header.required_features);
  put(file, 24, header.file_bytes);
  put(file, 32, header.flatbuffer_offset);
  put(file, 36, header.flatbuffer_bytes);
  put(file, 40, header.constants_offset);
  put(file, 48, header.constants_bytes);
  put(file, hash_offset, file_hash(file));
}

Result<FileHeader> read_header(std::span<const std::byte> file) {
  if (file.size() < magic.size() || std::memcmp(file.data(), magic.data(), magic.size()) != 0) {
    return rejected("this is not an Octavo plan: the first eight bytes are not those of one");
  }
  if (file.size() < FileHeader::bytes) {
    return rejected(concat("the plan is cut short: ", file.size(), " bytes, the header alone has ",
                           FileHeader::bytes));
  }
  FileHeader header;
  header.format = {get<uint16_t>(file, 8), get<uint16_t>(file, 10)};
  header.minimum_reader = {get<uint16_t>(file, 12), get<uint16_t>(file, 14)};
  header.required_features = get<uint64_t>(file, 16);
  header.file_bytes = get<uint64_t>(file, 24);
  header.flatbuffer_offset = get<uint32_t>(file, 32);
  header.flatbuffer_bytes = get<uint32_t>(file, 36);
  header.constants_offset = get<uint64_t>(file, 40);
  header.constants_bytes = get<uint64_t>(file, 48);
  if (const Status known = check_version(header); !known) return known.error();
  if (const Status inside = check_sections(header, file.size()); !inside) return inside.error();
  if (file_hash(file) != get<uint64_t>(file, hash_offset)) {
    return rejected("the plan is damaged: its content does not match its hash");
  }
  return header;
}

}  // namespace octavo
