#include "quantize/compensate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "quantize/build_graph.h"
#include "quantize/identity.h"
#include "quantize/tap_moments.h"

namespace octavo {
namespace {

// Moments of one group whose taps all see much the same: a common part and a little noise.
struct Samples {
  TapMoments moments;
  std::vector<std::vector<int32_t>> windows;
};

Samples related_taps(int64_t taps, int64_t samples, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0, 1);
  Samples out;
  out.moments.groups = 1;
  out.moments.taps = out.moments.block = taps;
  out.moments.products.assign(static_cast<size_t>(taps * taps), 0);
  out.moments.sums.assign(static_cast<size_t>(taps), 0);
  out.moments.samples = samples;
  for (int64_t n = 0; n < samples; ++n) {
    const double common = 60 * normal(random);
    std::vector<int32_t> window;
    for (int64_t k = 0; k < taps; ++k) {
      window.push_back(static_cast<int32_t>(std::lround(common + 10 * normal(random))));
    }
    for (size_t i = 0; i < window.size(); ++i) {
      out.moments.sums[i] += window[i];
      for (size_t j = 0; j <= i; ++j) {
        out.moments.products[i * window.size() + j] += window[i] * window[j];
      }
    }
    out.windows.push_back(std::move(window));
  }
  return out;
}

double output_error(const Samples& samples, const std::vector<double>& values, double unit,
                    const std::vector<int16_t>& row) {
  double sum = 0, mean = 0;
  for (const auto& window : samples.windows) {
    double error = 0;
    for (size_t k = 0; k < values.size(); ++k) error += (row[k] * unit - values[k]) * window[k];
    sum += error * error;
    mean += error;
  }
  const double count = static_cast<double>(samples.windows.size());
  return sum / count - mean / count * (mean / count);
}

TEST(Compensate, ErrorsOfRelatedTapsCancel) {
  const uint64_t seed = 31;
  const Samples samples = related_taps(32, 500, seed);
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0, 1);
  double plain = 0, compensated = 0;
  const InverseFactor factor = inverse_factor(error_form(samples.moments, 0, 0));
  ASSERT_FALSE(factor.upper.empty());
  for (int row = 0; row < 20; ++row) {
    std::vector<double> values(32);
    for (double& value : values) value = normal(random);
    const double unit = 3.0 / 127;
    std::vector<int16_t> nearest(32), chosen(32);
    for (size_t k = 0; k < 32; ++k) {
      nearest[k] = static_cast<int16_t>(std::clamp(std::rint(values[k] / unit), -127.0, 127.0));
    }
    round_compensated(factor, values, unit, chosen);
    plain += output_error(samples, values, unit, nearest);
    compensated += output_error(samples, values, unit, chosen);
  }
  EXPECT_LT(compensated, 0.3 * plain) << "seed " << seed;
}

TEST(Compensate, UnrelatedTapsAreRoundedToTheNearest) {
  TapMoments moments;
  moments.groups = 1;
  moments.taps = moments.block = 3;
  moments.products = {100, 0, 0, 0, 400, 0, 0, 0, 900};  // variances 1, 4, 9; means 0
  moments.sums = {0, 0, 0};
  moments.samples = 100;
  const std::vector<double> values{0.44, -1.46, 2.6};
  std::vector<int16_t> row(3);
  round_compensated(inverse_factor(error_form(moments, 0, 0)), values, 1.0, row);
  EXPECT_EQ(row, (std::vector<int16_t>{0, -1, 3}));
}

// For two taps the first one's error is made good by covariance / variance of the second.
TEST(Compensate, TwoTapsByHand) {
  TapMoments moments;
  moments.groups = 1;
  moments.taps = moments.block = 2;
  const int32_t many = 1'000'000;  // so that the number of samples is trusted
  moments.products = {4 * many, 0, 2 * many, 2 * many};
  moments.sums = {0, 0};
  moments.samples = many;
  // Tap 0 varies more and is first: 1.4 -> 1, error 0.4; times cov / var of tap 1
  // = 2 / (2 + damping 0.03): 0.394 more for tap 1: 0.2 + 0.394 -> 1.
  const std::vector<double> values{1.4, 0.2};
  std::vector<int16_t> row(2);
  round_compensated(inverse_factor(error_form(moments, 0, 0)), values, 1.0, row);
  EXPECT_EQ(row, (std::vector<int16_t>{1, 1}));
}

TEST(Identity, OfAMergedBranchIsTakenOutOfTheWeights) {
  testing::GraphBuilder b({1, 8, 8, 3}, 5);
  const TensorId x = b.conv("first", b.graph.input, 16);
  b.conv("merged", x, 16, {3, 1, 1});
  b.conv("head", b.unary("relu", Unary::Kind::relu, b.graph.output), 4);
  Tensor& weight = b.graph.tensors[b.graph.nodes[1].inputs[1]];
  auto values = *weight.values;
  for (size_t o = 0; o < 16; ++o) values[o * 9 * 16 + 4 * 16 + o] += 3.0f;  // the centre tap
  weight.values = std::make_shared<const std::vector<float>>(values);
  const auto formed = form_steps(b.graph);
  ASSERT_TRUE(formed);
  EXPECT_TRUE(find_identity(b.graph, formed->steps[0]).empty());  // reads the picture
  const auto identity = find_identity(b.graph, formed->steps[1]);
  ASSERT_EQ(identity.size(), 16u);
  EXPECT_FLOAT_EQ(static_cast<float>(identity[5]), values[5 * 9 * 16 + 4 * 16 + 5]);
  const auto rest = weights_without(b.graph, formed->steps[1], identity);
  EXPECT_EQ(rest[5 * 9 * 16 + 4 * 16 + 5], 0.0f);
  EXPECT_EQ(rest[5 * 9 * 16], values[5 * 9 * 16]);
}

TEST(Identity, OrdinaryWeightsKeepTheirCentre) {
  testing::GraphBuilder b({1, 8, 8, 3}, 6);
  const TensorId x = b.conv("first", b.graph.input, 16);
  b.conv("head", b.conv("second", x, 16, {3, 1, 1}), 4);
  const auto formed = form_steps(b.graph);
  ASSERT_TRUE(formed);
  EXPECT_TRUE(find_identity(b.graph, formed->steps[1]).empty());
}

}  // namespace
}  // namespace octavo
