// Errors and histograms of single channels, worked out by hand.
#include "evaluate/step_error.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace octavo {
namespace {

// Two channels: 0.5 a step from -1 to 126.5, and 1 a step from 0 to 255.
PlanTensor two_channels() {
  PlanTensor tensor;
  tensor.shape = {1, 1, 3, 2};
  tensor.scale = {0.5f, 1.0f};
  tensor.zero_point = {2, 0};
  return tensor;
}

constexpr std::array<uint8_t, 6> codes{4, 10, 2, 20, 0, 255};
const std::vector<float> exact{1.25f, 10, 0, 17, -2, 300};  // stored: 1, 10, 0, 20, -1, 255

StepError stored_error() {
  return {two_channels(), std::as_bytes(std::span(codes)), exact};
}

TEST(StepError, SumsEachChannelInRealUnits) {
  const StepError error = stored_error();
  ASSERT_EQ(error.channels().size(), 2u);
  EXPECT_DOUBLE_EQ(error.channels()[0].sums.error_square, 0.25 * 0.25 + 0 + 1);
  EXPECT_DOUBLE_EQ(error.channels()[1].sums.error_square, 0 + 9 + 45.0 * 45);
  EXPECT_EQ(error.worst_channel(), 1u);
  EXPECT_NEAR(error.total().sqnr_db(),
              10 * std::log10((1.5625 + 4 + 100 + 289 + 90000) / (1.0625 + 9 + 2025)), 1e-9);
}

TEST(StepError, CountsValuesInBinsOfTheRange) {
  const StepError error = stored_error();
  const RangeHistogram& first = error.channels()[0].histogram;
  // A bin is 127.5 / 32 = 3.98 wide and starts at -1: 1.25 and 0 in the first, -2 below it.
  EXPECT_EQ(first[beyond_bins], 2u);
  EXPECT_EQ(first[beyond_bins - 1], 1u);
  const RangeHistogram& second = error.channels()[1].histogram;
  // 7.97 wide from 0: 10 in the second, 17 in the third; 300 is five bins and a half above 255.
  EXPECT_EQ(second[beyond_bins + 1], 1u);
  EXPECT_EQ(second[beyond_bins + 2], 1u);
  EXPECT_EQ(second.back(), 1u);
  EXPECT_EQ(std::accumulate(second.begin(), second.end(), 0u), 3u);
}

TEST(StepError, TheEndsOfTheRangeAreInside) {
  PlanTensor tensor;
  tensor.shape = {1, 1, 2, 1};
  const std::array<uint8_t, 2> ends{0, 255};
  const StepError error(tensor, std::as_bytes(std::span(ends)), std::vector<float>{0, 255});
  EXPECT_EQ(error.channels()[0].histogram[beyond_bins], 1u);
  EXPECT_EQ(error.channels()[0].histogram[beyond_bins + inside_bins - 1], 1u);
}

TEST(StepError, MergesToWhatBothSawTogether) {
  StepError both;
  both.merge(stored_error());
  both.merge(stored_error());
  EXPECT_DOUBLE_EQ(both.total().error_square, 2 * stored_error().total().error_square);
  EXPECT_EQ(both.channels()[1].histogram.back(), 2u);
}

TEST(StepError, RoundsToWhatIsStored) {
  std::vector<float> values{1.26f, 10.4f, 200, -3, -2, 300};
  rounding_of(two_channels()).apply(values);
  EXPECT_EQ(values, (std::vector<float>{1.5f, 10, 126.5f, 0, -1, 255}));
  EXPECT_DOUBLE_EQ(stored_range(two_channels(), 0).lo, -1);
  EXPECT_DOUBLE_EQ(stored_range(two_channels(), 0).hi, 126.5);
}

}  // namespace
}  // namespace octavo
