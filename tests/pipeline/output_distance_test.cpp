#include "pipeline/output_distance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "quantize/build_graph.h"
#include "quantize/quantize.h"

namespace octavo {
namespace {

constexpr int side = 8;
constexpr size_t inputs = 12;

std::vector<uint8_t> noise(size_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint8_t> out(side * side * 3);
  for (uint8_t& pixel : out) pixel = static_cast<uint8_t>(random());
  return out;
}

TEST(OutputDistance, TheFourWordsAreWhatTheyAreDefinedAs) {
  testing::GraphBuilder b({1, side, side, 3}, 7);
  const TensorId stem = b.unary("act", Unary::Kind::relu, b.conv("stem", b.graph.input, 8, {3, 1}));
  b.conv("head", b.global_pool("pool", stem), 5);
  Preprocess how;
  how.height = how.width = side;
  how.mean = {120, 110, 100};
  how.std = {60, 50, 40};
  CalibrationFeed feed;
  feed.count = inputs;
  feed.classes.assign(inputs, -1);
  feed.pixels = [](size_t i) -> Result<std::vector<uint8_t>> { return noise(i); };
  const auto quantized = quantize(b.graph, &how, feed, {});
  ASSERT_TRUE(quantized) << quantized.error().message;

  b.graph.normalization = Normalization{how.mean, how.std};
  Model model;
  model.preprocess = how;
  model.outputs = model.classes = 5;
  model.input = {side, side, 3};
  model.network = std::make_shared<const Graph>(b.graph);
  const auto found = measure_output(model, quantized->plan, inputs, [](size_t i) {
    return Result<NetworkInput>(NetworkInput{noise(i), {}});
  });
  ASSERT_TRUE(found) << found.error().message;

  // The same from the logits of both, one vector over all inputs.
  ModelOptions reference;
  reference.isa = "reference";
  const auto integer = model_of(quantized->plan, reference);
  ASSERT_TRUE(integer) << integer.error().message;
  auto real = make_classifier(model, 1), whole = make_classifier(*integer, 1);
  ASSERT_TRUE(real && whole);
  std::vector<float> x(5), y(5);
  double xx = 0, yy = 0, xy = 0, sum = 0, lengths = 0, most = 0;
  for (size_t i = 0; i < inputs; ++i) {
    ASSERT_TRUE(real->pixels(noise(i), x) && whole->pixels(noise(i), y));
    double squares = 0;
    for (size_t k = 0; k < 5; ++k) {
      const double d = std::fabs(double{y[k]} - double{x[k]});
      xx += double{x[k]} * x[k], yy += double{y[k]} * y[k], xy += double{x[k]} * y[k];
      sum += d, squares += d * d, most = std::max(most, d);
    }
    lengths += std::sqrt(squares);
  }
  EXPECT_EQ(found->inputs, inputs);
  EXPECT_GT(found->chebyshev, 0);
  EXPECT_NEAR(found->l1, sum / (5 * inputs), 1e-6);
  EXPECT_NEAR(found->l2, lengths / (5 * inputs), 1e-6);
  EXPECT_NEAR(found->chebyshev, most, 1e-6);
  EXPECT_NEAR(found->cosine, xy / std::sqrt(xx * yy), 1e-9);
}

}  // namespace
}  // namespace octavo
