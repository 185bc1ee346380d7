// Expected values: ONNX Runtime 1.32.0, operator Resize of opset 17, on the same 3 x 4
// picture; sizes given except where a row says that its scale was given.
#include <gtest/gtest.h>

#include "float/reference.h"

namespace octavo::test {
namespace {

using Mode = Resize::Mode;
using Coordinates = Resize::Coordinates;
using Nearest = Resize::Nearest;

struct Case {
  Mode mode;
  Coordinates coordinates;
  Nearest nearest;
  int64_t height, width;
  double scale_h, scale_w;
  std::vector<double> expected;
};

// clang-format off
const std::vector<Case> cases = {
    {Mode::nearest, Coordinates::half_pixel, Nearest::round_prefer_floor, 5, 6, 1.66666663, 1.5,
     {3, 3, -1, 4, 4, 1, 3, 3, -1, 4, 4, 1, -5, -5, 9, 2, 2, -6, 5, 5, 3, -5, -5, 8, 5, 5, 3, -5, -5, 8}},
    {Mode::nearest, Coordinates::half_pixel, Nearest::round_prefer_ceil, 5, 6, 1.66666663, 1.5,
     {3, -1, -1, 4, 1, 1, 3, -1, -1, 4, 1, 1, -5, 9, 9, 2, -6, -6, 5, 3, 3, -5, 8, 8, 5, 3, 3, -5, 8, 8}},
    {Mode::nearest, Coordinates::half_pixel, Nearest::floor, 5, 6, 1.66666663, 1.5,
     {3, 3, -1, -1, 4, 1, 3, 3, -1, -1, 4, 1, -5, -5, 9, 9, 2, -6, -5, -5, 9, 9, 2, -6, 5, 5, 3, 3, -5, 8}},
    {Mode::nearest, Coordinates::half_pixel, Nearest::ceil, 5, 6, 1.66666663, 1.5,
     {3, -1, 4, 4, 1, 1, -5, 9, 2, 2, -6, -6, -5, 9, 2, 2, -6, -6, 5, 3, -5, -5, 8, 8, 5, 3, -5, -5, 8, 8}},
    {Mode::nearest, Coordinates::half_pixel, Nearest::round_prefer_floor, 2, 1, 0.666666687, 0.25,
     {-1, 3}},
    {Mode::linear, Coordinates::half_pixel, Nearest::round_prefer_floor, 5, 6, 1.66666663, 1.5,
     {3, 1, -0.166666865, 3.16666627, 2.5, 1, -0.200000286, 1.4000001, 3.03333354, 3.16666675, 0.699999809, -1.80000019, -5, 2, 7.83333397, 3.16666722, -2, -6, 1.00000143, 3.20000029, 4.13333273, -0.933333635, 0.100000381, 2.400002, 5, 4, 1.66666698, -3.66666579, 1.5, 8}},
    {Mode::linear, Coordinates::half_pixel, Nearest::round_prefer_floor, 2, 1, 0.666666687, 0.25,
     {2.5, 0.625}},
    {Mode::cubic, Coordinates::half_pixel, Nearest::round_prefer_floor, 5, 6, 1.66666663, 1.5,
     {4.26522446, 0.327250302, -1.53054571, 3.42838097, 3.50875068, 1.45325065, -1.18302977, 1.2049998, 3.84274507, 4.30016994, 0.540998936, -3.2840693, -6.21528053, 2.65625, 9.34953499, 3.94212842, -2.65625, -6.6944437, 0.0662257075, 4.09062529, 5.23132753, -1.50591135, -0.976623118, 2.45393252, 6.26694918, 4.95100212, 0.694440126, -5.87493515, 1.07700014, 10.6474724}},
    {Mode::cubic, Coordinates::half_pixel, Nearest::round_prefer_floor, 2, 1, 0.666666687, 0.25,
     {3.15148926, 0.0687255859}},
    {Mode::nearest, Coordinates::align_corners, Nearest::round_prefer_floor, 5, 6, 1.66666663, 1.5,
     {3, -1, -1, 4, 4, 1, 3, -1, -1, 4, 4, 1, -5, 9, 9, 2, 2, -6, -5, 9, 9, 2, 2, -6, 5, 3, 3, -5, -5, 8}},
    {Mode::nearest, Coordinates::align_corners, Nearest::round_prefer_ceil, 5, 6, 1.66666663, 1.5,
     {3, -1, -1, 4, 4, 1, -5, 9, 9, 2, 2, -6, -5, 9, 9, 2, 2, -6, 5, 3, 3, -5, -5, 8, 5, 3, 3, -5, -5, 8}},
    {Mode::nearest, Coordinates::align_corners, Nearest::floor, 5, 6, 1.66666663, 1.5,
     {3, 3, -1, -1, 4, 1, 3, 3, -1, -1, 4, 1, -5, -5, 9, 9, 2, -6, -5, -5, 9, 9, 2, -6, 5, 5, 3, 3, -5, 8}},
    {Mode::nearest, Coordinates::align_corners, Nearest::ceil, 5, 6, 1.66666663, 1.5,
     {3, -1, 4, 4, 1, 1, -5, 9, 2, 2, -6, -6, -5, 9, 2, 2, -6, -6, 5, 3, -5, -5, 8, 8, 5, 3, -5, -5, 8, 8}},
    {Mode::nearest, Coordinates::align_corners, Nearest::round_prefer_floor, 2, 1, 0.666666687, 0.25,
     {3, 5}},
    {Mode::linear, Coordinates::align_corners, Nearest::round_prefer_floor, 5, 6, 1.66666663, 1.5,
     {3, 0.599999905, 2.38418579e-07, 2.99999976, 2.79999971, 1, -1, 2, 3.79999995, 3.20000005, 0.799999475, -2.5, -5, 3.4000001, 7.5999999, 3.40000033, -1.20000076, -6, 0, 3.60000014, 4.5, 3.57627869e-07, -0.499999762, 1, 5, 3.79999995, 1.39999962, -3.39999962, 0.20000124, 8}},
    {Mode::linear, Coordinates::align_corners, Nearest::round_prefer_floor, 2, 1, 0.666666687, 0.25,
     {3, 5}},
    {Mode::cubic, Coordinates::align_corners, Nearest::round_prefer_floor, 5, 6, 1.66666663, 1.5,
     {3, 0.0119988918, -0.431999087, 3.31200075, 3.37599993, 1, -1.9375, 2.13837576, 5.20624876, 4.68874931, 0.660497844, -3.8125, -5, 4.32400179, 9.30399799, 4.33599901, -1.86000347, -6, -0.75, 4.8862505, 6.10874939, -0.17999962, -1.83087659, 0.34375, 5, 4.63999844, 1.08800197, -4.88799763, -0.819999218, 8}},
    {Mode::cubic, Coordinates::align_corners, Nearest::round_prefer_floor, 2, 1, 0.666666687, 0.25,
     {3, 5}},
    {Mode::nearest, Coordinates::asymmetric, Nearest::round_prefer_floor, 5, 6, 1.66666663, 1.5,
     {3, -1, -1, 4, 1, 1, -5, 9, 9, 2, -6, -6, -5, 9, 9, 2, -6, -6, 5, 3, 3, -5, 8, 8, 5, 3, 3, -5, 8, 8}},
    {Mode::nearest, Coordinates::asymmetric, Nearest::round_prefer_ceil, 5, 6, 1.66666663, 1.5,
     {3, -1, -1, 4, 1, 1, -5, 9, 9, 2, -6, -6, -5, 9, 9, 2, -6, -6, 5, 3, 3, -5, 8, 8, 5, 3, 3, -5, 8, 8}},
    {Mode::nearest, Coordinates::asymmetric, Nearest::floor, 5, 6, 1.66666663, 1.5,
     {3, 3, -1, 4, 4, 1, 3, 3, -1, 4, 4, 1, -5, -5, 9, 2, 2, -6, -5, -5, 9, 2, 2, -6, 5, 5, 3, -5, -5, 8}},
    {Mode::nearest, Coordinates::asymmetric, Nearest::ceil, 5, 6, 1.66666663, 1.5,
     {3, -1, 4, 4, 1, 1, -5, 9, 2, 2, -6, -6, 5, 3, -5, -5, 8, 8, 5, 3, -5, -5, 8, 8, 5, 3, -5, -5, 8, 8}},
    {Mode::nearest, Coordinates::asymmetric, Nearest::round_prefer_floor, 2, 1, 0.666666687, 0.25,
     {3, -5}},
    {Mode::linear, Coordinates::asymmetric, Nearest::round_prefer_floor, 5, 6, 1.66666663, 1.5,
     {3, 0.333333254, 0.666666865, 4, 1.99999976, 1, -1.80000007, 2.73333359, 4.26666689, 2.79999995, -1.20000052, -3.20000029, -2.99999952, 4.20000029, 5.39999914, 0.599999666, -1.93333316, -3.19999933, 3.00000095, 3.80000019, 1.59999943, -3.60000062, 2.26666784, 5.20000076, 5, 3.66666651, 0.333333075, -5, 3.6666677, 8}},
    {Mode::linear, Coordinates::asymmetric, Nearest::round_prefer_floor, 2, 1, 0.666666687, 0.25,
     {3, 0}},
    {Mode::cubic, Coordinates::asymmetric, Nearest::round_prefer_floor, 5, 6, 1.66666663, 1.5,
     {3, -0.296295106, 0.296296239, 4, 2.22222137, 0.666666865, -2.97600126, 3.26370239, 6.49829817, 3.53199911, -2.29844308, -5.72133684, -4.00799751, 5.76444387, 7.98266792, 0.575998068, -3.16458702, -4.73955345, 3.04799986, 4.80444574, 1.37066424, -3.81599951, 2.02607656, 6.38844681, 6.08000135, 4.42652035, -1.46296859, -5.75600052, 4.25496626, 11.2084522}},
    {Mode::cubic, Coordinates::asymmetric, Nearest::round_prefer_floor, 2, 1, 0.666666687, 0.25,
     {3, -0.75}},
    {Mode::nearest, Coordinates::pytorch_half_pixel, Nearest::round_prefer_floor, 5, 6, 1.66666663, 1.5,
     {3, 3, -1, 4, 4, 1, 3, 3, -1, 4, 4, 1, -5, -5, 9, 2, 2, -6, 5, 5, 3, -5, -5, 8, 5, 5, 3, -5, -5, 8}},
    {Mode::nearest, Coordinates::pytorch_half_pixel, Nearest::round_prefer_ceil, 5, 6, 1.66666663, 1.5,
     {3, -1, -1, 4, 1, 1, 3, -1, -1, 4, 1, 1, -5, 9, 9, 2, -6, -6, 5, 3, 3, -5, 8, 8, 5, 3, 3, -5, 8, 8}},
    {Mode::nearest, Coordinates::pytorch_half_pixel, Nearest::floor, 5, 6, 1.66666663, 1.5,
     {3, 3, -1, -1, 4, 1, 3, 3, -1, -1, 4, 1, -5, -5, 9, 9, 2, -6, -5, -5, 9, 9, 2, -6, 5, 5, 3, 3, -5, 8}},
    {Mode::nearest, Coordinates::pytorch_half_pixel, Nearest::ceil, 5, 6, 1.66666663, 1.5,
     {3, -1, 4, 4, 1, 1, -5, 9, 2, 2, -6, -6, -5, 9, 2, 2, -6, -6, 5, 3, -5, -5, 8, 8, 5, 3, -5, -5, 8, 8}},
    {Mode::nearest, Coordinates::pytorch_half_pixel, Nearest::round_prefer_floor, 2, 1, 0.666666687, 0.25,
     {3, 5}},
    {Mode::linear, Coordinates::pytorch_half_pixel, Nearest::round_prefer_floor, 5, 6, 1.66666663, 1.5,
     {3, 1, -0.166666865, 3.16666627, 2.5, 1, -0.200000286, 1.4000001, 3.03333354, 3.16666675, 0.699999809, -1.80000019, -5, 2, 7.83333397, 3.16666722, -2, -6, 1.00000143, 3.20000029, 4.13333273, -0.933333635, 0.100000381, 2.400002, 5, 4, 1.66666698, -3.66666579, 1.5, 8}},
    {Mode::linear, Coordinates::pytorch_half_pixel, Nearest::round_prefer_floor, 2, 1, 0.666666687, 0.25,
     {1, 2.5}},
    {Mode::cubic, Coordinates::pytorch_half_pixel, Nearest::round_prefer_floor, 5, 6, 1.66666663, 1.5,
     {4.26522446, 0.327250302, -1.53054571, 3.42838097, 3.50875068, 1.45325065, -1.18302977, 1.2049998, 3.84274507, 4.30016994, 0.540998936, -3.2840693, -6.21528053, 2.65625, 9.34953499, 3.94212842, -2.65625, -6.6944437, 0.0662257075, 4.09062529, 5.23132753, -1.50591135, -0.976623118, 2.45393252, 6.26694918, 4.95100212, 0.694440126, -5.87493515, 1.07700014, 10.6474724}},
    {Mode::cubic, Coordinates::pytorch_half_pixel, Nearest::round_prefer_floor, 2, 1, 0.666666687, 0.25,
     {0.8359375, 2.453125}},
    {Mode::linear, Coordinates::half_pixel, Nearest::round_prefer_floor, 6, 8, 2, 2,
     {3, 2, 0, 0.25, 2.75, 3.25, 1.75, 1, 1, 1.125, 1.375, 2, 3, 2.4375, 0.3125, -0.75, -3, -0.625, 4.125, 5.5, 3.5, 0.8125, -2.5625, -4.25, -2.5, 0, 5, 5.6875, 2.0625, -0.4375, -1.8125, -2.5, 2.5, 3, 4, 2.5625, -1.3125, -1.3125, 2.5625, 4.5, 5, 4.5, 3.5, 1, -3, -1.75, 4.75, 8}},
    {Mode::linear, Coordinates::half_pixel, Nearest::round_prefer_floor, 5, 2, 1.70000005, 0.600000024,
     {1.66666675, 4, 0.90196085, 3.23529434, -0.274510145, 2.05882359, 2.27450991, -1.9117651, 4.33333349, -5}},
};
// clang-format on

TEST(FloatResize, EqualsOnnxRuntime) {
  const std::vector<float> picture = {3, -1, 4, 1, -5, 9, 2, -6, 5, 3, -5, 8};
  for (size_t i = 0; i < cases.size(); ++i) {
    const Case& c = cases[i];
    OneNode one({1, 3, 4, 1}, Resize{c.mode, c.coordinates, c.nearest, c.height, c.width, -0.75f,
                                     static_cast<float>(c.scale_h), static_cast<float>(c.scale_w)});
    one.finish();
    const std::vector<float> found = run_engine(one.graph, picture);
    ASSERT_EQ(found.size(), c.expected.size());
    for (size_t k = 0; k < found.size(); ++k) {
      EXPECT_NEAR(static_cast<double>(found[k]), c.expected[k], 1e-4)
          << "case " << i << " at " << k;
    }
  }
}

// Channels and pictures of a batch are resized each for itself.
TEST(FloatResize, TreatsChannelsAlike) {
  std::mt19937 random(7);
  const std::vector<float> values = random_values(3 * 4 * 2, random);
  const Resize op{Mode::cubic, Coordinates::half_pixel, Nearest::floor, 7, 5, -0.5f, 7.0f / 3,
                  5.0f / 4};
  OneNode both({1, 3, 4, 2}, op), single({1, 3, 4, 1}, op);
  both.finish();
  single.finish();
  const std::vector<float> together = run_engine(both.graph, values);
  for (size_t channel = 0; channel < 2; ++channel) {
    std::vector<float> alone;
    for (size_t i = channel; i < values.size(); i += 2) alone.push_back(values[i]);
    const std::vector<float> expected = run_engine(single.graph, alone);
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(together[2 * i + channel], expected[i]);
  }
}

}  // namespace
}  // namespace octavo::test
