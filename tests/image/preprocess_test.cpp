#include <gtest/gtest.h>

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <random>

#include "image/image.h"
#include "image/make_picture.h"

namespace octavo {
namespace {

using test::generated_picture;
using test::pick;

// Whole resize, then a crop pixel by pixel, with the formulas of torchvision in double.
std::vector<uint8_t> slow_preprocess(Picture picture, const Preprocess& how) {
  if (how.via_nv12) picture = through_nv12(picture);
  if (how.color == ColorOrder::gray && picture.channels == 3) {
    Picture gray{picture.width, picture.height, 1, {}};
    for (size_t i = 0; i < picture.pixels.size(); i += 3) {
      gray.pixels.push_back(
          static_cast<uint8_t>((19595 * picture.pixels[i] + 38470 * picture.pixels[i + 1] +
                                7471 * picture.pixels[i + 2] + 32768) >>
                               16));
    }
    picture = gray;
  }
  if (how.resize_short != 0) {
    const int shorter = std::min(picture.width, picture.height);
    const int longer = std::max(picture.width, picture.height);
    const int target = static_cast<int>(static_cast<double>(how.resize_short) * longer / shorter);
    const bool tall = picture.width <= picture.height;
    picture = resize(picture, tall ? how.resize_short : target, tall ? target : how.resize_short,
                     how.interpolation);
  }
  const auto offset = [](int size, int length) {
    return length > size ? -((length - size) / 2)
                         : static_cast<int>(std::nearbyint((size - length) / 2.0));
  };
  const int top = offset(picture.height, how.height), left = offset(picture.width, how.width);
  std::vector<uint8_t> out;
  for (int y = top; y < top + how.height; ++y) {
    for (int x = left; x < left + how.width; ++x) {
      for (int c = 0; c < how.channels(); ++c) {
        const bool inside = x >= 0 && y >= 0 && x < picture.width && y < picture.height;
        const int channel = picture.channels == 1 ? 0 : how.color == ColorOrder::bgr ? 2 - c : c;
        const auto at = static_cast<size_t>((y * picture.width + x) * picture.channels + channel);
        out.push_back(inside ? picture.pixels[at] : uint8_t{0});
      }
    }
  }
  return out;
}

Preprocess random_preprocess(std::mt19937& random) {
  Preprocess how;
  how.height = pick(random, 1, 40);
  how.width = pick(random, 1, 40);
  how.resize_short = pick(random, 0, 3) == 0 ? 0 : pick(random, 1, 50);
  how.interpolation = static_cast<Interpolation>(pick(random, 0, 2));
  how.color = static_cast<ColorOrder>(pick(random, 0, 2));
  return how;
}

std::vector<uint8_t> output_of(const Preprocess& how) {
  return std::vector<uint8_t>(static_cast<size_t>(how.height * how.width * how.channels()), 99);
}

TEST(Preprocess, OfAPictureEqualsResizeAndCropOfTheWhole) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    Preprocess how = random_preprocess(random);
    how.via_nv12 = pick(random, 0, 4) == 0;
    const Picture picture = generated_picture(pick(random, 2, 70), pick(random, 2, 70), 3,
                                              static_cast<uint64_t>(round));
    std::vector<uint8_t> out = output_of(how);
    const Status done = preprocess(picture, how, out);
    ASSERT_TRUE(done) << done.error().message;
    ASSERT_EQ(out, slow_preprocess(picture, how)) << "seed 11, round " << round;
  }
}

TEST(Preprocess, OfAFrameEqualsThatOfItsPicture) {
  std::mt19937 random(12);
  for (int round = 0; round < 300; ++round) {
    Preprocess how = random_preprocess(random);
    Frame frame;
    frame.format = static_cast<FrameFormat>(pick(random, 0, 5));
    frame.width = 2 * pick(random, 1, 40);
    frame.height = 2 * pick(random, 1, 40);
    frame.range = static_cast<YuvRange>(pick(random, 0, 1));
    frame.matrix = static_cast<YuvMatrix>(pick(random, 0, 1));
    std::array<std::vector<uint8_t>, 3> bytes;
    for (size_t i = 0; i < 3; ++i) {
      frame.strides[i] = 3 * frame.width;
      bytes[i] = test::random_bytes(random, static_cast<size_t>(frame.strides[i] * frame.height));
      frame.planes[i] = bytes[i];
    }
    const Result<Picture> picture = convert_frame(frame);
    ASSERT_TRUE(picture) << picture.error().message;
    std::vector<uint8_t> out = output_of(how);
    const Status done = preprocess(frame, how, out);
    ASSERT_TRUE(done) << done.error().message;
    ASSERT_EQ(out, slow_preprocess(*picture, how)) << "seed 12, round " << round;
  }
}

TEST(Preprocess, DoesNotDependOnTheCallersRoundingMode) {
  std::mt19937 random(13);
  for (int round = 0; round < 40; ++round) {
    const Preprocess how = random_preprocess(random);
    const Picture picture = generated_picture(pick(random, 2, 70), pick(random, 2, 70), 3,
                                              static_cast<uint64_t>(round));
    std::vector<uint8_t> expected = output_of(how);
    ASSERT_TRUE(preprocess(picture, how, expected));
    for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
      std::vector<uint8_t> out = output_of(how);
      std::fesetround(mode);
      const Status done = preprocess(picture, how, out);
      const int mode_behind = std::fegetround();
      std::fesetround(FE_TONEAREST);
      ASSERT_TRUE(done);
      ASSERT_EQ(mode_behind, mode);
      ASSERT_EQ(out, expected) << "seed 13, round " << round;
    }
  }
}

TEST(Preprocess, CropRoundsHalfToEven) {
  // One row of pixels numbered from the left; the crop's first pixel is its offset.
  Preprocess how;
  how.resize_short = 0;
  how.height = 1;
  how.width = 4;
  how.color = ColorOrder::gray;
  for (const auto& [size, offset] : {std::pair{5, 0}, {6, 1}, {7, 2}, {9, 2}, {11, 4}, {13, 4}}) {
    Picture row{size, 1, 1, {}};
    for (int x = 0; x < size; ++x) row.pixels.push_back(static_cast<uint8_t>(x));
    std::vector<uint8_t> out(4);
    ASSERT_TRUE(preprocess(row, how, out));
    EXPECT_EQ(out[0], offset) << "of " << size;
  }
}

TEST(Preprocess, NamesWhatItCannotDo) {
  const Picture picture = generated_picture(8, 8, 3, 1);
  std::vector<uint8_t> out(224 * 224 * 3);
  EXPECT_TRUE(preprocess(picture, Preprocess{}, out));
  EXPECT_FALSE(preprocess(picture, Preprocess{}, std::span(out).first(out.size() - 1)));
  Preprocess how;
  how.height = 0;
  EXPECT_FALSE(preprocess(picture, how, {}));
  how.height = -224;
  EXPECT_FALSE(preprocess(picture, how, out));
  how = {};
  how.resize_short = -1;
  EXPECT_FALSE(preprocess(picture, how, out));
  EXPECT_FALSE(preprocess(Picture{}, Preprocess{}, out));
  EXPECT_FALSE(preprocess(Picture{8, 9, 3, picture.pixels}, Preprocess{}, out));
  how = {};
  how.via_nv12 = true;
  EXPECT_FALSE(preprocess(generated_picture(1, 8, 3, 1), how, out));
  const Status narrow = preprocess(generated_picture(1, 100000, 3, 1), Preprocess{}, out);
  ASSERT_FALSE(narrow);
  EXPECT_NE(narrow.error().message.find("too narrow"), std::string::npos);
}

}  // namespace
}  // namespace octavo
