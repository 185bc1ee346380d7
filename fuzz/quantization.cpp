// Any bytes as a kept quantization, with its hash set right, or nothing but the hash would ever be
// reached: refused with a sentence of one line, or the same when it is written and read again.
#include "quantize/quantization_file.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

void check(std::span<const std::byte> file) {
  const auto kept = octavo::deserialize_quantization(file);
  if (!kept) {
    const std::string& message = kept.error().message;
    if (message.empty() || message.find('\n') != std::string::npos) std::abort();
    return;
  }
  if (!octavo::verify(kept->quantization.plan)) std::abort();
  const auto bytes = octavo::serialize_quantization(*kept);
  const auto again = octavo::deserialize_quantization(bytes);
  if (!again || octavo::serialize_quantization(*again) != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  check({bytes, size});
  if (size < 24) return 0;
  std::vector<std::byte> repaired(bytes, bytes + size);
  const uint64_t hash = XXH3_64bits(data + 24, size - 24);
  std::memcpy(repaired.data() + 16, &hash, sizeof hash);
  check(repaired);
  return 0;
}
