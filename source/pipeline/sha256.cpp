#include "pipeline/sha256.h"

// The functions of SHA-256 alone, which OpenSSL 3 still has: those that look a digest up by its
// name bring all of libcrypto's algorithms, 4 MB where it is linked in, and may fail.
#define OPENSSL_API_COMPAT 10100
#include <openssl/sha.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/text.h"

namespace octavo {

namespace {

std::string hex(std::span<const unsigned char> digest) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : digest) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string finish(SHA256_CTX& context) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256_Final(digest, &context);
  return hex(digest);
}

}  // namespace

Result<std::string> sha256_hex(std::span<const std::byte> bytes) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes.data(), bytes.size());
  return finish(context);
}

Result<std::string> sha256_of_file(int descriptor, const std::string& path) {
  SHA256_CTX context;
  SHA256_Init(&context);
  std::vector<std::byte> piece(1 << 18);
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(descriptor, piece.data(), piece.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(concat("cannot read ", quoted(path), ": ", std::strerror(errno)));
    if (got == 0) break;
    SHA256_Update(&context, piece.data(), static_cast<size_t>(got));
    at += got;
  }
  return finish(context);
}

}  // namespace octavo
