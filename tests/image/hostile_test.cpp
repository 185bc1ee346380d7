// No bytes may crash a reader: prefixes, changed bytes and noise of every format. Run
// under ASan and UBSan these tests see reads behind the end too, since each input is a
// heap block of exactly its size.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "image/decode.h"
#include "image/image.h"
#include "image/make_picture.h"
#include "image/sample_files.h"

namespace octavo {
namespace {

constexpr int64_t most = 1 << 20;  // small, to be quick

// Whatever the bytes are: a picture that agrees with itself, or one line of why not.
bool reads(const std::vector<uint8_t>& bytes) {
  const Result<Picture> picture = image::decode_within(std::as_bytes(std::span(bytes)), true, most);
  if (!picture) {
    EXPECT_FALSE(picture.error().message.empty());
    EXPECT_EQ(picture.error().message.find('\n'), std::string::npos);
    EXPECT_EQ(picture.error().kind, ErrorKind::rejected);
    return false;
  }
  EXPECT_EQ(picture->channels, 3);
  EXPECT_LE(int64_t{picture->width} * picture->height, most);
  EXPECT_EQ(static_cast<int64_t>(picture->pixels.size()),
            int64_t{picture->width} * picture->height * 3);
  return true;
}

TEST(Hostile, EveryPrefixOfAPictureIsRejectedOrWhole) {
  for (const test::SampleFile& file : test::sample_files) {
    bool whole = false;
    for (size_t size = 0; size <= file.bytes.size(); ++size) {
      const std::vector<uint8_t> prefix(file.bytes.begin(),
                                        file.bytes.begin() + static_cast<int64_t>(size));
      whole = reads(prefix);
      // Nothing can be whole that lacks more than an end marker or a checksum.
      if (whole) {
        EXPECT_GE(size + 24, file.bytes.size()) << file.name;
      }
    }
#ifdef OCTAVO_CODECS
    EXPECT_TRUE(whole) << file.name;
#else
    EXPECT_EQ(whole, !file.needs_codecs) << file.name;
#endif
  }
}

TEST(Hostile, ChangedBytesNeverCrash) {
  for (const test::SampleFile& file : test::sample_files) {
    for (uint32_t seed = 0; seed < 400; ++seed) {
      SCOPED_TRACE(testing::Message() << file.name << " seed " << seed);
      std::mt19937 random(seed);
      std::vector<uint8_t> bytes(file.bytes.begin(), file.bytes.end());
      const int changes = test::pick(random, 1, 4);
      for (int i = 0; i < changes; ++i)
        bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
      if (seed % 5 == 0) bytes.resize(random() % bytes.size());
      reads(bytes);
    }
  }
}

TEST(Hostile, NoiseBehindASignatureNeverCrashes) {
  const std::vector<std::vector<uint8_t>> signatures{
      {0xff, 0xd8, 0xff},
      {0x89, 'P', 'N', 'G', 13, 10, 26, 10},
      {'B', 'M'},
      {'P', '6', '\n'},
      {'R', 'I', 'F', 'F', 99, 0, 0, 0, 'W', 'E', 'B', 'P', 'V', 'P', '8', 'L'},
      {'P', '5', ' '}};
  for (const std::vector<uint8_t>& signature : signatures) {
    for (uint32_t seed = 0; seed < 200; ++seed) {
      SCOPED_TRACE(seed);
      std::mt19937 random(seed);
      std::vector<uint8_t> bytes = signature;
      for (const uint8_t byte : test::random_bytes(random, random() % 200)) bytes.push_back(byte);
      reads(bytes);
    }
  }
}

TEST(Hostile, EveryPrefixOfAnNpyFileIsRejected) {
  const std::vector<std::byte> whole =
      encode_npy(std::vector<int64_t>{2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  ASSERT_TRUE(decode_npy(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::vector<std::byte> prefix(whole.begin(), whole.begin() + static_cast<int64_t>(size));
    EXPECT_FALSE(decode_npy(prefix)) << size;
    for (uint32_t seed = 0; seed < 20; ++seed) {
      std::mt19937 random(seed);
      std::vector<std::byte> changed = whole;
      changed[size] = static_cast<std::byte>(random());
      const Result<NpyArray> array = decode_npy(changed);
      if (array) {
        EXPECT_EQ(array->values.size(), 6u);
      }
    }
  }
}

}  // namespace
}  // namespace octavo
