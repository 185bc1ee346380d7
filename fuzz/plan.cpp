// Any bytes as a plan. The header's sizes and the hash are set right first, or nothing
// but the header would ever be reached. What loads is run: verify() must have proved
// all that the kernels take for granted.
#include "plan/plan.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "differential.h"
#include "plan/file_header.h"

namespace {

using namespace octavo;

std::vector<std::byte> repaired(std::vector<std::byte> file) {
  if (file.size() < FileHeader::bytes) return file;
  FileHeader header;
  std::memcpy(&header.flatbuffer_bytes, file.data() + 36, sizeof header.flatbuffer_bytes);
  header.flatbuffer_offset = FileHeader::bytes;
  header.constants_offset = align_constant(FileHeader::bytes + uint64_t{header.flatbuffer_bytes});
  header.file_bytes = file.size();
  header.constants_bytes = header.file_bytes - header.constants_offset;
  write_header(header, file);
  return file;
}

void check(std::span<const std::byte> file) {
  const auto plan = deserialize(file);
  if (!plan) return;
  // What was read once is written and read again as the same.
  const auto bytes = serialize(*plan);
  const auto again = deserialize(bytes);
  if (!again || serialize(*again) != bytes) std::abort();
  fuzz::check_every_path(*plan);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  check({bytes, size});
  check(repaired({bytes, bytes + size}));
  return 0;
}
