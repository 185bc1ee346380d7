#include "pipeline/sha256.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/text.h"

namespace octavo {

namespace {

// Names are those of FIPS 180-4; section 4.2.2.
constexpr std::array<uint32_t, 64> K{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

uint32_t big_endian(const std::byte* bytes) {
  uint32_t word;
  std::memcpy(&word, bytes, sizeof word);
  return __builtin_bswap32(word);
}

class Sha256 {
 public:
  void update(std::span<const std::byte> bytes) {
    length_ += bytes.size();
    while (!bytes.empty()) {
      if (held_ == 0 && bytes.size() >= block) {
        compress(bytes.data());
        bytes = bytes.subspan(block);
        continue;
      }
      const size_t taken = std::min(block - held_, bytes.size());
      std::copy_n(bytes.begin(), taken, tail_.begin() + static_cast<ptrdiff_t>(held_));
      bytes = bytes.subspan(taken);
      held_ = (held_ + taken) % block;
      if (held_ == 0) compress(tail_.data());
    }
  }

  // In lower-case hex; nothing may follow.
  std::string finish() {
    const uint64_t bits = __builtin_bswap64(length_ * 8);
    const std::array<std::byte, block> padding{std::byte{0x80}};
    const size_t zeros = (2 * block - 1 - sizeof bits - held_) % block;
    update(std::span(padding).first(1 + zeros));
    update(std::as_bytes(std::span(&bits, 1)));
    constexpr char digits[] = "0123456789abcdef";
    std::string hex;
    for (const uint32_t word : state_) {
      for (int shift = 28; shift >= 0; shift -= 4) hex += digits[word >> shift & 15];
    }
    return hex;
  }

 private:
  static constexpr size_t block = 64;

  // Section 6.2.2.
  void compress(const std::byte* message) {
    std::array<uint32_t, 64> W;
    for (size_t t = 0; t < 16; ++t) W[t] = big_endian(message + 4 * t);
    for (size_t t = 16; t < 64; ++t) {
      const uint32_t x = W[t - 15], y = W[t - 2];
      const uint32_t sigma0 = std::rotr(x, 7) ^ std::rotr(x, 18) ^ x >> 3;
      const uint32_t sigma1 = std::rotr(y, 17) ^ std::rotr(y, 19) ^ y >> 10;
      W[t] = sigma1 + W[t - 7] + sigma0 + W[t - 16];
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (size_t t = 0; t < 64; ++t) {
      const uint32_t Sigma1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const uint32_t Sigma0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const uint32_t T1 = h + Sigma1 + ((e & f) ^ (~e & g)) + K[t] + W[t];
      const uint32_t T2 = Sigma0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + T1, d = c, c = b, b = a, a = T1 + T2;
    }
    const std::array<uint32_t, 8> added{a, b, c, d, e, f, g, h};
    for (size_t i = 0; i < added.size(); ++i) state_[i] += added[i];
  }

  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, block> tail_;  // the first held_ bytes of the next block
  size_t held_ = 0;
  uint64_t length_ = 0;
};

}  // namespace

Result<std::string> sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Result<std::string> sha256_of_file(int descriptor, const std::string& path) {
  Sha256 hash;
  std::vector<std::byte> piece(1 << 18);
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(descriptor, piece.data(), piece.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(concat("cannot read ", quoted(path), ": ", std::strerror(errno)));
    if (got == 0) break;
    hash.update(std::span(piece).first(static_cast<size_t>(got)));
    at += got;
  }
  return hash.finish();
}

}  // namespace octavo
