#include "quantize/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace octavo {
namespace {

constexpr int half = ChannelHistograms::compact_half;

ChannelHistograms histogram_of(const std::vector<std::vector<float>>& pictures) {
  ChannelHistograms out(1, half);
  for (const auto& values : pictures) {
    float largest = 0;
    for (const float value : values) largest = std::max(largest, std::fabs(value));
    out.add(values, {{largest}});
  }
  return out;
}

TEST(ChannelHistograms, BinsAreMultiplesOfAPowerOfTwo) {
  const auto histogram = histogram_of({{0.0f, 0.49f, 1.0f, 255.0f, -1.0f, -0.5f}});
  EXPECT_EQ(histogram.bin_width(0), 1.0);
  const auto counts = histogram.counts(0);
  EXPECT_EQ(counts[half], 2u);        // 0, 0.49
  EXPECT_EQ(counts[half + 1], 1u);    // 1
  EXPECT_EQ(counts[half + 255], 1u);  // 255
  EXPECT_EQ(counts[half - 1], 1u);    // -0.5
  EXPECT_EQ(counts[half - 2], 1u);    // -1
}

// Threads see the pictures in any order and share of them; the counts must not tell.
TEST(ChannelHistograms, DoNotDependOnOrderOrOnHowTheWorkWasShared) {
  const uint64_t seed = 11;
  std::mt19937_64 random(seed);
  std::vector<std::vector<float>> pictures(12);
  for (size_t i = 0; i < pictures.size(); ++i) {
    std::normal_distribution<float> normal(0, std::pow(3.0f, static_cast<float>(i) - 6));
    pictures[i].resize(200);
    for (float& value : pictures[i]) value = normal(random);
  }
  const auto once = histogram_of(pictures);
  std::shuffle(pictures.begin(), pictures.end(), random);
  auto first = histogram_of({pictures.begin(), pictures.begin() + 5});
  first.merge(histogram_of({pictures.begin() + 5, pictures.end()}));
  EXPECT_EQ(once.bin_width(0), first.bin_width(0)) << "seed " << seed;
  EXPECT_TRUE(std::ranges::equal(once.counts(0), first.counts(0))) << "seed " << seed;
}

// Channels are counted several at a time: by sixteens, fours and what is left.
TEST(ChannelHistograms, CountEachChannelForItself) {
  const uint64_t seed = 12;
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  constexpr size_t channels = 39, pixels = 50;
  std::vector<float> values(pixels * channels), largest(channels, 0.0f);
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t c = i % channels;
    values[i] = std::max(-1.0f, normal(random)) * std::ldexp(1.0f, static_cast<int>(c) - 20);
    largest[c] = std::max(largest[c], std::fabs(values[i]));
  }
  ChannelHistograms all(channels, half);
  all.add(values, largest);
  for (size_t c = 0; c < channels; ++c) {
    const auto channel = static_cast<int64_t>(c);
    std::vector<uint32_t> expected(2 * half, 0);
    for (size_t p = 0; p < pixels; ++p) {
      const double value = values[p * channels + c],
                   bins = std::fabs(value) / all.bin_width(channel);
      const auto bin = static_cast<size_t>(bins);  // [i, i + 1) above zero, (-(i + 1), -i] below
      ++expected[value < 0 ? half - 1 - bin : half + bin];
    }
    EXPECT_TRUE(std::ranges::equal(all.counts(channel), expected)) << c << ", seed " << seed;
  }
}

TEST(ChannelMeans, AreThoseOfTheMoments) {
  const uint64_t seed = 13;
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  ChannelMeans means;
  ChannelMoments moments;
  for (int picture = 0; picture < 3; ++picture) {
    std::vector<float> values(11 * 7);
    for (float& value : values) value = normal(random);
    means.merge(ChannelMeans::of(values, 7));
    moments.merge(ChannelMoments::of(values, 7));
  }
  EXPECT_EQ(means.count, 33u);
  for (int64_t c = 0; c < 7; ++c) EXPECT_EQ(means.mean(c), moments.mean(c)) << "seed " << seed;
}

TEST(ChannelMoments, ByHand) {
  const std::vector<float> values{1, 0, 3, -2};  // two pixels of two channels
  const auto moments = ChannelMoments::of(values, 2);
  EXPECT_EQ(moments.minimum, (std::vector<float>{1, -2}));
  EXPECT_EQ(moments.maximum, (std::vector<float>{3, 0}));
  EXPECT_EQ(moments.nonzero, (std::vector<uint64_t>{2, 1}));
  EXPECT_DOUBLE_EQ(moments.mean(0), 2);
  EXPECT_DOUBLE_EQ(moments.variance(0), 1);
  EXPECT_DOUBLE_EQ(moments.mean(1), -1);
}

// Channels 0, 2, 4 and 1, 3, 5 of a row counted as those of three pixels of two channels.
TEST(Statistics, FoldedChannelsAreThoseOfTheSameValuesAsPixels) {
  const std::vector<float> row{1, -300, 0, 2, 0.25f, 40};
  const auto counted = [&](int64_t channels) {
    ChannelHistograms out(channels, ChannelHistograms::compact_half);
    std::vector<float> largest(static_cast<size_t>(channels), 0);
    for (size_t i = 0; i < row.size(); ++i) {
      float& most = largest[i % largest.size()];
      most = std::max(most, std::fabs(row[i]));
    }
    out.add(row, largest);
    return out;
  };
  const ChannelHistograms pixels = counted(2), folded = counted(6).folded(2);
  ASSERT_EQ(folded.channels(), 2);
  for (int64_t c = 0; c < 2; ++c) {
    EXPECT_EQ(folded.bin_width(c), pixels.bin_width(c));
    EXPECT_TRUE(std::ranges::equal(folded.counts(c), pixels.counts(c)));
  }
  const ChannelMoments two = ChannelMoments::of(row, 2), six = ChannelMoments::of(row, 6).folded(2);
  EXPECT_EQ(six.count, two.count);
  EXPECT_EQ(six.minimum, two.minimum);
  EXPECT_EQ(six.maximum, two.maximum);
  EXPECT_EQ(six.nonzero, two.nonzero);
  for (int64_t c = 0; c < 2; ++c) EXPECT_DOUBLE_EQ(six.variance(c), two.variance(c));
}

}  // namespace
}  // namespace octavo
