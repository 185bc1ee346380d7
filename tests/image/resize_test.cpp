#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <string>

#include "image/image.h"
#include "image/make_picture.h"

namespace octavo {
namespace {

using test::generated_picture;

const std::map<std::string, Interpolation> interpolations{{"nearest", Interpolation::nearest},
                                                          {"bilinear", Interpolation::bilinear},
                                                          {"bicubic", Interpolation::bicubic}};

// The digests are of Pillow's results; test_resize.py checks them against Pillow, and
// this test carries them to machines that have none.
TEST(Resize, GivesThePinnedBytesOfPillow) {
  std::ifstream lines(OCTAVO_RESIZE_DIGESTS);
  ASSERT_TRUE(lines) << OCTAVO_RESIZE_DIGESTS;
  int channels, width, height, to_width, to_height, checked = 0;
  std::string name;
  uint64_t expected;
  while (lines >> channels >> width >> height >> to_width >> to_height >> name >> std::hex >>
         expected >> std::dec) {
    const Picture source = generated_picture(width, height, channels, 1);
    const Picture resized = resize(source, to_width, to_height, interpolations.at(name));
    EXPECT_EQ(test::digest(resized.pixels), expected)
        << channels << " channels " << width << "x" << height << " to " << to_width << "x"
        << to_height << " " << name;
    ++checked;
  }
  EXPECT_GE(checked, 60);
}

TEST(Resize, KeepsAPictureOfOneColor) {
  for (const auto& [name, interpolation] : interpolations) {
    for (const uint8_t value : std::vector<uint8_t>{0, 1, 127, 254, 255}) {
      Picture source{37, 23, 3, {}};
      source.pixels.assign(37 * 23 * 3, value);
      for (const auto& [width, height] : {std::pair{5, 3}, {37, 9}, {80, 61}, {1, 1}}) {
        const Picture resized = resize(source, width, height, interpolation);
        EXPECT_TRUE(std::all_of(resized.pixels.begin(), resized.pixels.end(),
                                [&](uint8_t pixel) { return pixel == value; }))
            << name << " " << int{value};
      }
    }
  }
}

TEST(Resize, ToTheSameSizeChangesNothing) {
  const Picture source = generated_picture(19, 31, 3, 5);
  for (const auto& [name, interpolation] : interpolations) {
    EXPECT_EQ(resize(source, 19, 31, interpolation).pixels, source.pixels) << name;
  }
}

TEST(Resize, HalvesByTheTriangleFilter) {
  // Worked out by hand: halving widens the triangle to 4 pixels, weights 1 3 3 1 of 8;
  // at the border the weights that fall outside are missing: 3 3 1 of 7.
  const Picture source{6, 1, 1, {10, 20, 30, 40, 50, 60}};
  const Picture half = resize(source, 3, 1, Interpolation::bilinear);
  EXPECT_EQ(half.pixels, (std::vector<uint8_t>{17, 35, 53}));
}

TEST(Resize, ColorsDoNotMix) {
  const Picture source = generated_picture(29, 17, 3, 6);
  for (const auto& [name, interpolation] : interpolations) {
    const Picture resized = resize(source, 13, 20, interpolation);
    for (size_t c = 0; c < 3; ++c) {
      Picture plane{29, 17, 1, {}}, expected{13, 20, 1, {}};
      for (size_t i = c; i < source.pixels.size(); i += 3) plane.pixels.push_back(source.pixels[i]);
      for (size_t i = c; i < resized.pixels.size(); i += 3) {
        expected.pixels.push_back(resized.pixels[i]);
      }
      EXPECT_EQ(resize(plane, 13, 20, interpolation).pixels, expected.pixels) << name;
    }
  }
}

}  // namespace
}  // namespace octavo
