// Views of a picture, against what a reader can see in it.
#include "pipeline/views.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>

namespace octavo {
namespace {

constexpr int height = 20, width = 31;

// Red tells the column, green the row.
std::vector<uint8_t> ramp() {
  std::vector<uint8_t> out;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (const int value : {8 * x, 12 * y, 7}) out.push_back(static_cast<uint8_t>(value));
    }
  }
  return out;
}

int at(const std::vector<uint8_t>& pixels, int y, int x, int c) {
  return pixels[static_cast<size_t>((y * width + x) * 3 + c)];
}

TEST(Views, ThereAreSixteenOfFewPicturesAndOneOfMany) {
  EXPECT_EQ(views_a_picture(0), 1u);
  EXPECT_EQ(views_a_picture(1), 16u);
  EXPECT_EQ(views_a_picture(8), 16u);
  EXPECT_EQ(views_a_picture(30), 5u);
  EXPECT_EQ(views_a_picture(127), 2u);
  EXPECT_EQ(views_a_picture(128), 1u);
  EXPECT_EQ(views_a_picture(300), 1u);
}

TEST(Views, TheFirstIsThePictureAndTheSecondItsMirrorImage) {
  EXPECT_EQ(view_of(ramp(), height, width, 3, 0), ramp());
  const auto mirrored = view_of(ramp(), height, width, 3, 1);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) EXPECT_EQ(at(mirrored, y, x, c), at(ramp(), y, width - 1 - x, c));
    }
  }
}

TEST(Views, OthersShowWindowsOfHalfToAllOfIt) {
  std::set<std::string> distinct;
  for (size_t view = 0; view < 16; ++view) {
    const auto shown = view_of(ramp(), height, width, 3, view);
    ASSERT_EQ(shown.size(), ramp().size());
    const int left = at(shown, 0, 0, 0), right = at(shown, 0, width - 1, 0);
    const int top = at(shown, 0, 0, 1), bottom = at(shown, height - 1, 0, 1);
    EXPECT_EQ(left > right, view % 2 == 1) << view;
    // Half of the sides less a pixel at either end, which resizing smooths.
    EXPECT_GE(std::abs(right - left), 8 * (width / 2 - 2)) << view;
    EXPECT_GE(bottom - top, 12 * (height / 2 - 2)) << view;
    EXPECT_EQ(at(shown, height / 2, width / 2, 2), 7);
    distinct.emplace(shown.begin(), shown.end());
  }
  EXPECT_EQ(distinct.size(), 16u);
}

TEST(Views, GrayPicturesOfOnePixelHaveThem) {
  for (size_t view = 0; view < 16; ++view) {
    EXPECT_EQ(view_of({200}, 1, 1, 1, view), std::vector<uint8_t>{200});
  }
}

}  // namespace
}  // namespace octavo
