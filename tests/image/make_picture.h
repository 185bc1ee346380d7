// Pictures that tests make themselves, the same on every machine and in Python
// (test_resize.py, generated_picture).
#pragma once

#include <cstdint>
#include <random>

#include "image/image.h"

namespace octavo::test {

// Bytes from Knuth's 64-bit linear congruential generator, highest byte first.
inline Picture generated_picture(int32_t width, int32_t height, int32_t channels, uint64_t seed) {
  Picture picture{width, height, channels, {}};
  picture.pixels.resize(static_cast<size_t>(width) * static_cast<size_t>(height) *
                        static_cast<size_t>(channels));
  uint64_t state = seed;
  for (uint8_t& pixel : picture.pixels) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    pixel = static_cast<uint8_t>(state >> 56);
  }
  return picture;
}

inline std::vector<uint8_t> random_bytes(std::mt19937& random, size_t count) {
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

inline int32_t pick(std::mt19937& random, int32_t low, int32_t high) {
  return std::uniform_int_distribution<int32_t>(low, high)(random);
}

// 64-bit FNV-1a.
inline uint64_t digest(const std::vector<uint8_t>& bytes) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
  return hash;
}

}  // namespace octavo::test
