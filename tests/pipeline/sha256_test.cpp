#include "pipeline/sha256.h"

#include <gtest/gtest.h>

#include <string>

namespace octavo {
namespace {

std::string hash(const std::string& text) {
  return *sha256_hex(std::as_bytes(std::span(text)));
}

// FIPS 180-4's examples, and what sha256sum says.
TEST(Sha256, OfKnownMessages) {
  EXPECT_EQ(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PadsWhereverAMessageEndsInItsBlock) {
  const char* const expected[] = {
      "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318",   // 55
      "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a",   // 56
      "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34",   // 63
      "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"};  // 64
  const size_t lengths[] = {55, 56, 63, 64};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(hash(std::string(lengths[i], 'a')), expected[i]);
}

}  // namespace
}  // namespace octavo
