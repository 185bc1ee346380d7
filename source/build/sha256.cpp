#include "build/sha256.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "base/memory_error.h"
#include "base/text.h"

namespace octavo {

namespace {

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

Error not_available() {
  if (ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE) return out_of_memory();
  return failed("SHA-256 is not available in libcrypto");
}

std::string hex(std::span<const unsigned char> digest) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : digest) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

}  // namespace

Result<std::string> sha256_hex(std::span<const std::byte> bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1)
    return not_available();
  return hex({digest, size});
}

Result<std::string> sha256_of_file(int descriptor, const std::string& path) {
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1)
    return not_available();
  std::vector<std::byte> piece(1 << 18);
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(descriptor, piece.data(), piece.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(concat("cannot read ", quoted(path), ": ", std::strerror(errno)));
    if (got == 0) break;
    if (EVP_DigestUpdate(context.get(), piece.data(), static_cast<size_t>(got)) != 1)
      return not_available();
    at += got;
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(context.get(), digest, &size) != 1) return not_available();
  return hex({digest, size});
}

}  // namespace octavo
