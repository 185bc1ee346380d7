// Golden inputs and their digest: docs/numerics.md, "Golden inputs".
#include <bit>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "runtime/layout.h"
#include "runtime/program.h"

namespace octavo {

static_assert(std::endian::native == std::endian::little,
              "stored values and digests are little-endian");

namespace {

uint64_t mix(uint64_t z) {  // splitmix64
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

}  // namespace

std::vector<std::byte> golden_input(const Plan& plan, uint64_t seed) {
  const PlanTensor& input = plan.tensors[plan.input];
  size_t bytes = static_cast<size_t>(element_size(input.type));
  for (const int32_t size : input.shape) bytes *= static_cast<size_t>(size);
  std::vector<std::byte> noise(bytes);
  for (size_t i = 0; i < bytes; ++i) {
    const uint64_t word = mix(seed + (i / 8 + 1) * 0x9E3779B97F4A7C15u);
    noise[i] = static_cast<std::byte>(word >> (i % 8 * 8));
  }
  if (input.type != ElementType::i16) return noise;
  for (size_t i = 0; i < bytes; i += 2) {
    int16_t value = 0;
    std::memcpy(&value, &noise[i], sizeof value);
    if (value == -32768) value = -32767;
    std::memcpy(&noise[i], &value, sizeof value);
  }
  return noise;
}

uint64_t logits_digest(std::span<const float> logits) {
  return XXH3_64bits(logits.data(), logits.size_bytes());
}

}  // namespace octavo
