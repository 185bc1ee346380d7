#include "pipeline/synthetic_pictures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <numbers>
#include <vector>

namespace octavo {
namespace {

constexpr int side = 128;

// Of one row of green, minus its mean: power at k cycles a row.
double power_at(const std::vector<uint8_t>& picture, int y, int k) {
  double real = 0, imaginary = 0;
  for (int x = 0; x < side; ++x) {
    const double angle = 2 * std::numbers::pi * k * x / side;
    const double value = picture[static_cast<size_t>((y * side + x) * 3 + 1)];
    real += value * std::cos(angle);
    imaginary -= value * std::sin(angle);
  }
  return real * real + imaginary * imaginary;
}

// A row through a picture whose amplitudes fall as 1 / f has power that falls as about 1 / f to
// f^-2; white noise has the exponent 0, one colour none.
TEST(SyntheticPictures, TheirSpectrumFallsAsThatOfPhotographs) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0, n = 0;
  for (int k = 2; k <= 32; k *= 2) {
    double power = 0;
    for (uint64_t seed = 0; seed < 24; ++seed) {
      const auto picture = synthetic_picture(side, side, 3, seed);
      for (int y = 0; y < side; y += 16) power += power_at(picture, y, k);
    }
    const double lx = std::log(k), ly = std::log(power);
    sx += lx, sy += ly, sxx += lx * lx, sxy += lx * ly, n += 1;
  }
  const double exponent = (n * sxy - sx * sy) / (n * sxx - sx * sx);
  EXPECT_LT(exponent, -1.0);
  EXPECT_GT(exponent, -2.5);
}

TEST(SyntheticPictures, ChannelsVaryTogetherAndPixelsFillTheirRange) {
  double s[3] = {}, ss[3] = {}, rg = 0, n = 0;
  for (uint64_t seed = 0; seed < 24; ++seed) {
    const auto picture = synthetic_picture(side, side, 3, seed);
    for (size_t i = 0; i < picture.size(); i += 3, ++n) {
      for (size_t c = 0; c < 3; ++c)
        s[c] += picture[i + c], ss[c] += picture[i + c] * picture[i + c];
      rg += picture[i] * picture[i + 1];
    }
  }
  double deviation[3];
  for (size_t c = 0; c < 3; ++c) {
    deviation[c] = std::sqrt(ss[c] / n - s[c] / n * (s[c] / n));
    EXPECT_NEAR(s[c] / n, 120, 20);
    EXPECT_GT(deviation[c], 40);
    EXPECT_LT(deviation[c], 80);
  }
  const double correlation = (rg / n - s[0] / n * (s[1] / n)) / (deviation[0] * deviation[1]);
  EXPECT_GT(correlation, 0.7);
  EXPECT_LT(correlation, 0.99);
}

// Of the bytes, by FNV-1a: the same on every machine and with every compiler.
TEST(SyntheticPictures, TheSeedAloneDecides) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const int channels : {1, 3}) {
    const auto picture = synthetic_picture(40, 56, channels, 5);
    ASSERT_EQ(picture.size(), static_cast<size_t>(40 * 56 * channels));
    EXPECT_EQ(picture, synthetic_picture(40, 56, channels, 5));
    EXPECT_NE(picture, synthetic_picture(40, 56, channels, 6));
    for (const uint8_t value : picture) hash = (hash ^ value) * 0x100000001b3u;
  }
  EXPECT_EQ(hash, 17052498156120552949u);
}

TEST(SyntheticPictures, OfAnySize) {
  for (const int height : {1, 2, 17}) {
    for (const int width : {1, 3, 300}) {
      EXPECT_EQ(synthetic_picture(height, width, 3, 1).size(),
                static_cast<size_t>(height * width * 3));
    }
  }
}

}  // namespace
}  // namespace octavo
