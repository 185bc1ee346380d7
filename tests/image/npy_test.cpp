#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "image/image.h"

namespace octavo {
namespace {

std::vector<std::byte> npy(std::string header, int version, size_t value_bytes) {
  std::string text = "\x93NUMPY";
  text += static_cast<char>(version);
  text += '\0';
  const size_t size = header.size();
  for (size_t i = 0; i < (version == 1 ? 2u : 4u); ++i)
    text += static_cast<char>(size >> 8 * i & 255);
  text += header;
  text.resize(text.size() + value_bytes, '\x3f');
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

std::string header(const std::string& type, const std::string& order, const std::string& shape) {
  return "{'descr': " + type + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }   \n";
}

TEST(Npy, ReadsBackWhatItWrites) {
  const std::vector<float> values{
      1.5f, -0.0f, 3e38f, 1e-45f, std::numeric_limits<float>::infinity(), 6};
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{6}, {2, 3}, {1, 2, 1, 3}, {6, 1, 1, 1, 1, 1, 1, 1}}) {
    const std::vector<std::byte> bytes = encode_npy(shape, values);
    const Result<NpyArray> array = decode_npy(bytes);
    ASSERT_TRUE(array) << array.error().message;
    EXPECT_EQ(array->shape, shape);
    EXPECT_EQ(std::memcmp(array->values.data(), values.data(), sizeof(float) * 6), 0);
  }
  const Result<NpyArray> scalar = decode_npy(encode_npy({}, std::span(values).first(1)));
  ASSERT_TRUE(scalar);
  EXPECT_TRUE(scalar->shape.empty());
  EXPECT_EQ(scalar->values, std::vector<float>{1.5f});
}

TEST(Npy, AlignsItsValuesTo64Bytes) {
  const std::vector<std::byte> bytes =
      encode_npy(std::vector<int64_t>{2}, std::vector<float>{1, 2});
  EXPECT_EQ((bytes.size() - 8) % 64, 0u);
}

TEST(Npy, ReadsVersionsOneToThree) {
  for (int version = 1; version <= 3; ++version) {
    const Result<NpyArray> array = decode_npy(npy(header("'<f4'", "False", "(2, 3)"), version, 24));
    ASSERT_TRUE(array) << version;
    EXPECT_EQ(array->shape, (std::vector<int64_t>{2, 3}));
  }
  EXPECT_FALSE(decode_npy(npy(header("'<f4'", "False", "(2, 3)"), 4, 24)));
}

TEST(Npy, BytesAreReadAsNumbers) {
  const Result<NpyArray> array = decode_npy(npy(header("'|u1'", "False", "(2, 3)"), 1, 6));
  ASSERT_TRUE(array) << array.error().message;
  EXPECT_TRUE(array->bytes);
  EXPECT_EQ(array->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(array->values.size(), 6u);
  for (const float value : array->values) EXPECT_TRUE(value >= 0 && value <= 255);
  EXPECT_FALSE(decode_npy(npy(header("'|u1'", "False", "(2, 3)"), 1, 24)));
}

TEST(Npy, OfAnotherKindIsRejectedWithTheWayOut) {
  const auto message = [](const std::string& text, size_t bytes = 24) {
    const Result<NpyArray> array = decode_npy(npy(text, 1, bytes));
    EXPECT_FALSE(array) << text;
    return array ? std::string() : array.error().message;
  };
  EXPECT_NE(message(header("'<f8'", "False", "(2, 3)")).find("astype"), std::string::npos);
  EXPECT_NE(message(header("'>f4'", "False", "(2, 3)")).find(">f4"), std::string::npos);
  EXPECT_NE(message(header("'<f4'", "True", "(2, 3)")).find("Fortran"), std::string::npos);
  EXPECT_NE(message(header("'<f4'", "False", "(2, 3)"), 23).find("24 bytes"), std::string::npos);
  message(header("'<f4'", "False", "(2, 3)"), 25);
  message(header("[('a', '<f4')]", "False", "(6,)"));
  for (const char* shape :
       {"(0, 3)", "(-2, 3)", "(2 3)", "2, 3", "(2, 3", "(a,)", "(1,1,1,1,1,1,1,1,6)",
        "(99999999999999999999,)", "(4294967296, 4294967296)", "(2,,3)", ""}) {
    message(header("'<f4'", "False", shape));
  }
  message("");
  message("{'descr'");
  message("{'descr': '<f4', 'fortran_order': False}");
}

}  // namespace
}  // namespace octavo
