#include "image/decode.h"

#include <gtest/gtest.h>

#include <cstring>

#include "image/image.h"
#include "image/make_picture.h"
#include "image/orientation.h"
#include "image/sample_files.h"

namespace octavo {
namespace {

#ifdef OCTAVO_CODECS
constexpr bool codecs = true;
#else
constexpr bool codecs = false;
#endif

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(Decode, SampleFilesGiveThePixelsOfPillow) {
  for (const test::SampleFile& file : test::sample_files) {
    const Result<Picture> picture = decode_picture(std::as_bytes(file.bytes));
    if (file.needs_codecs && !codecs) {
      ASSERT_FALSE(picture) << file.name;
      EXPECT_NE(picture.error().message.find("without codecs"), std::string::npos);
      continue;
    }
    ASSERT_TRUE(picture) << file.name << ": " << picture.error().message;
    EXPECT_EQ(picture->width, file.width) << file.name;
    EXPECT_EQ(picture->height, file.height) << file.name;
    EXPECT_EQ(picture->channels, 3) << file.name;
    EXPECT_EQ(test::digest(picture->pixels), file.digest) << file.name;
  }
}

TEST(Decode, NamesWhatItDoesNotKnow) {
  for (const std::string_view text : {"", "x", "GIF89a", "P3\n1 1\n255\n1 1 1\n", "RIFF....AVI "}) {
    const Result<Picture> picture = decode_picture(bytes_of(text));
    ASSERT_FALSE(picture) << text;
    EXPECT_EQ(picture.error().kind, ErrorKind::rejected);
  }
}

TEST(Decode, RefusesMoreThanTheMostPixelsBeforeItAllocates) {
  // Headers alone; the size must be refused, not the missing pixels.
  for (const std::string_view text : {"P6\n20000 20000\n255\n ", "P5\n268435457 1\n255\n ",
                                      "P6\n4294967296 4294967296\n255\n "}) {
    const Result<Picture> picture = decode_picture(bytes_of(text));
    ASSERT_FALSE(picture);
    EXPECT_NE(picture.error().message.find("268435456"), std::string::npos)
        << picture.error().message;
  }
  const auto ppm = std::as_bytes(test::sample_files[std::size(test::sample_files) - 1].bytes);
  EXPECT_TRUE(image::decode_within(ppm, false, 35));
  EXPECT_FALSE(image::decode_within(ppm, false, 34));
}

TEST(Decode, PpmHeaderMayHoldComments) {
  const Result<Picture> picture = decode_picture(bytes_of("P6#no\n1 1 255 abc"));
  EXPECT_FALSE(picture);  // white space must follow the magic number
  const Result<Picture> commented =
      decode_picture(bytes_of("P6\n# one\r2 #two\n1\t# three\n255\nabcdef"));
  ASSERT_TRUE(commented) << commented.error().message;
  EXPECT_EQ(std::string(commented->pixels.begin(), commented->pixels.end()), "abcdef");
}

TEST(Decode, PgmScalesItsLargestValueTo255) {
  const Result<Picture> picture =
      decode_picture(bytes_of(std::string_view("P5 4 1 10\n\0\x05\x0a\x0b", 14)));
  ASSERT_TRUE(picture) << picture.error().message;
  // 5 / 10 * 255 = 127.5 goes to the even 128; 11 is more than its largest value.
  EXPECT_EQ(picture->pixels,
            (std::vector<uint8_t>{0, 0, 0, 128, 128, 128, 255, 255, 255, 255, 255, 255}));
}

// A JPEG header with an EXIF segment of one entry.
std::vector<std::byte> with_orientation(bool little, uint16_t type, uint32_t value,
                                        uint32_t count = 1) {
  std::string tiff = little ? std::string("II*\0\x08\0\0\0", 8) : std::string("MM\0*\0\0\0\x08", 8);
  const auto put = [&](uint32_t number, int size) {
    for (int i = 0; i < size; ++i) {
      tiff += static_cast<char>(number >> 8 * (little ? i : size - 1 - i) & 255);
    }
  };
  put(1, 2);
  put(0x0112, 2);
  put(type, 2);
  put(count, 4);
  put(value, type == 3 ? 2 : 4);
  tiff.resize(8 + 2 + 12 + 4, '\0');
  std::string jpeg("\xff\xd8\xff\xe0\0\x04zz\xff\xe1\0", 11);
  jpeg += static_cast<char>(tiff.size() + 8);
  jpeg += std::string("Exif\0\0", 6) + tiff + std::string("\xff\xda", 2);
  std::vector<std::byte> bytes(jpeg.size());
  std::memcpy(bytes.data(), jpeg.data(), jpeg.size());
  return bytes;
}

TEST(Orientation, IsReadInBothByteOrders) {
  for (const bool little : {true, false}) {
    for (const uint16_t type : {uint16_t{3}, uint16_t{4}}) {
      for (uint32_t value = 1; value <= 8; ++value) {
        EXPECT_EQ(image::exif_orientation(with_orientation(little, type, value)),
                  static_cast<int>(value));
      }
    }
  }
}

TEST(Orientation, OfAnIllegalValueIsIgnored) {
  for (const uint32_t value : {0u, 9u, 255u, 65535u}) {
    EXPECT_EQ(image::exif_orientation(with_orientation(true, 3, value)), 1);
  }
  EXPECT_EQ(image::exif_orientation(with_orientation(true, 4, 0x80000006)), 1);
  EXPECT_EQ(image::exif_orientation(with_orientation(true, 2, 6)), 1);
  EXPECT_EQ(image::exif_orientation(with_orientation(true, 3, 6, 2)), 1);
}

TEST(Orientation, SurvivesEveryPrefixAndEveryByte) {
  const std::vector<std::byte> whole = with_orientation(false, 3, 6);
  for (size_t size = 0; size < whole.size(); ++size) {
    // An exact copy, so that a sanitizer sees a read behind its end.
    const std::vector<std::byte> prefix(whole.begin(), whole.begin() + static_cast<int64_t>(size));
    const int orientation = image::exif_orientation(prefix);
    EXPECT_TRUE(orientation == 1 || (orientation == 6 && size + 2 >= whole.size()));
    for (int value = 0; value < 256; ++value) {
      std::vector<std::byte> changed = whole;
      changed[size] = static_cast<std::byte>(value);
      const int found = image::exif_orientation(changed);
      EXPECT_TRUE(found >= 1 && found <= 8);
    }
  }
}

TEST(Orientation, TurnsAsItsNumberSays) {
  // 1 2 3
  // 4 5 6
  const Picture picture{3, 2, 1, {1, 2, 3, 4, 5, 6}};
  const std::vector<std::vector<uint8_t>> expected{
      {1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1}, {4, 5, 6, 1, 2, 3},
      {1, 4, 2, 5, 3, 6}, {4, 1, 5, 2, 6, 3}, {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Picture turned = image::apply_orientation(picture, orientation);
    EXPECT_EQ(turned.width, orientation >= 5 ? 2 : 3);
    EXPECT_EQ(turned.pixels, expected[static_cast<size_t>(orientation - 1)]) << orientation;
  }
}

}  // namespace
}  // namespace octavo
