#include "quantize/ranges.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "quantize/divergence.h"
#include "quantize/scales.h"

namespace octavo {
namespace {

// One statistic of pictures [pixels, channels].
TensorStatistics statistics_of(const std::vector<std::vector<float>>& pictures, int64_t channels) {
  TensorStatistics out;
  out.histograms = ChannelHistograms(channels, ChannelHistograms::compact_half);
  out.whole = ChannelHistograms(1, ChannelHistograms::fine_half);
  for (const auto& values : pictures) {
    const auto moments = ChannelMoments::of(values, channels);
    std::vector<float> largest;
    float all = 0;
    for (size_t c = 0; c < static_cast<size_t>(channels); ++c) {
      largest.push_back(std::max(std::fabs(moments.minimum[c]), std::fabs(moments.maximum[c])));
      all = std::max(all, largest.back());
    }
    out.histograms.add(values, largest);
    out.whole.add(values, {{all}});
    out.moments.merge(moments);
    ++out.pictures;
  }
  return out;
}

std::vector<std::vector<float>> normal_pictures(size_t pictures, size_t pixels, float deviation,
                                                uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<std::vector<float>> out(pictures, std::vector<float>(pixels));
  for (auto& picture : out) {
    for (float& value : picture) value = normal(random);
  }
  return out;
}

// 1000 pictures of 16 pixels: enough evidence for ranges to be taken as seen.
TEST(Ranges, MaximumIsWhatWasSeenAndIncludesZero) {
  std::vector<std::vector<float>> pictures(1000, std::vector<float>(16, 2.0f));
  pictures[3][3] = 5;
  const auto ranges = channel_ranges(statistics_of(pictures, 1), {RangeMethod::maximum, 100, {}});
  EXPECT_DOUBLE_EQ(ranges[0].lo, 0);
  EXPECT_NEAR(ranges[0].hi, 5, 1e-9);
}

TEST(Ranges, PercentileLeavesOutTheShareItSays) {
  std::vector<std::vector<float>> pictures(1000, std::vector<float>(16, 1.0f));
  for (size_t i = 0; i < 32; ++i) pictures[i][0] = 100;  // 0.2 % of the values
  const auto statistics = statistics_of(pictures, 1);
  EXPECT_NEAR(channel_ranges(statistics, {RangeMethod::percentile, 99.9, {}})[0].hi, 100, 1);
  EXPECT_NEAR(channel_ranges(statistics, {RangeMethod::percentile, 99.7, {}})[0].hi, 1, 0.6);
}

TEST(Ranges, LeastErrorClipsALoneOutlierButNotANormalTail) {
  auto pictures = normal_pictures(1000, 512, 1.0f, 3);
  auto spiked = pictures;
  spiked[0][0] = 40;
  const auto plain = channel_ranges(statistics_of(pictures, 1), {RangeMethod::mse, 100, {}})[0];
  const auto clipped = channel_ranges(statistics_of(spiked, 1), {RangeMethod::mse, 100, {}})[0];
  EXPECT_GT(plain.hi, 3.0);
  EXPECT_LT(clipped.hi, 30.0);
  const auto seen = channel_ranges(statistics_of(spiked, 1), {RangeMethod::maximum, 100, {}})[0];
  EXPECT_NEAR(seen.hi, 40, 0.1);
}

TEST(Ranges, DivergenceThresholdCutsALongTail) {
  auto pictures = normal_pictures(400, 256, 1.0f, 5);
  pictures[0][0] = 60;
  const double threshold = least_divergence_threshold(statistics_of(pictures, 1).whole);
  EXPECT_GT(threshold, 2.5);
  EXPECT_LT(threshold, 20.0);
}

TEST(Ranges, KnownBoundsAreNeverExceeded) {
  const auto statistics = statistics_of(normal_pictures(4, 4, 5.0f, 9), 1);
  const auto range = channel_ranges(statistics, {RangeMethod::automatic, 100, {0.0f, 6.0f}})[0];
  EXPECT_EQ(range.lo, 0);
  EXPECT_LE(range.hi, 6);
}

// Eight pictures of one pixel: the largest of so few says little of what comes.
TEST(Ranges, FewSamplesGetAMargin) {
  const auto few = statistics_of(normal_pictures(8, 1, 1.0f, 21), 1);
  const auto range = channel_ranges(few, {RangeMethod::automatic, 100, {}})[0];
  EXPECT_GT(range.hi, 1.5 * few.moments.maximum[0] * 0.9);
  EXPECT_GT(range.width(), 4.0);
}

TEST(Ranges, AChannelThatNeverFiresGetsTheTypicalWidth) {
  std::vector<std::vector<float>> pictures(8, std::vector<float>(3 * 16));
  std::mt19937_64 random(2);
  std::uniform_real_distribution<float> uniform(0, 4);
  for (auto& picture : pictures) {
    for (size_t i = 0; i < picture.size(); ++i) picture[i] = i % 3 == 2 ? 0 : uniform(random);
  }
  const auto ranges = channel_ranges(statistics_of(pictures, 3), {RangeMethod::automatic, 100, {}});
  EXPECT_GT(ranges[2].width(), 0.5 * ranges[0].width());
}

TEST(Ranges, StorageErrorOfAUniformChannelIsScaleSquaredOverTwelve) {
  std::vector<std::vector<float>> pictures(1, std::vector<float>(100000));
  std::mt19937_64 random(4);
  std::uniform_real_distribution<float> uniform(0, 1);
  for (float& value : pictures[0]) value = uniform(random);
  const auto statistics = statistics_of(pictures, 1);
  const double scale = 1.0 / 255;
  EXPECT_NEAR(storage_error(statistics, 0, scale, 0, {0, 255}, 1), scale * scale / 12, 1e-8);
  // Clipped at one half: the mean square beyond is the integral of (x - 1/2)^2 = 1/24.
  EXPECT_NEAR(storage_error(statistics, 0, 0.5 / 255, 0, {0, 255}, 1), 1.0 / 24, 2e-4);
}

TEST(Affine, ByHand) {
  const Affine positive = affine_for({0, 6}, 6, ElementType::u8);
  EXPECT_DOUBLE_EQ(positive.scale, 6.0 / 255);
  EXPECT_EQ(positive.zero_point, 0);
  const Affine both = affine_for({-1, 3}, 4, ElementType::u8);
  EXPECT_DOUBLE_EQ(both.scale, 4.0 / 255);
  EXPECT_EQ(both.zero_point, 64);  // 63.75
  const Affine stretched = affine_for({-1, 3}, 8, ElementType::u8);
  EXPECT_DOUBLE_EQ(stretched.scale, 8.0 / 255);
  EXPECT_EQ(stretched.zero_point, 64);
  const Affine wide = affine_for({-1, 3}, 4, ElementType::i16);
  EXPECT_DOUBLE_EQ(wide.scale, 3.0 / 32767);
  EXPECT_EQ(wide.zero_point, 0);
}

}  // namespace
}  // namespace octavo
