#include "quantize/far_pictures.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/text.h"
#include "quantize/build_graph.h"
#include "quantize/calibrate.h"
#include "quantize/small_pictures.h"
#include "quantize/warnings.h"

namespace octavo {
namespace {

std::vector<double> ordinary(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> spread(0.0, 0.5);
  std::vector<double> out(count);
  for (double& value : out) value = spread(random);
  return out;
}

std::vector<size_t> first_indices(size_t count) {
  std::vector<size_t> out(count);
  for (size_t i = 0; i < count; ++i) out[i] = i;
  return out;
}

TEST(FarPictures, LoudnessWeighsChannelsAlike) {
  // Two pixels of three channels; root mean squares 1, 5 and 0 by hand.
  const std::vector<float> values{1, 1, 0, -1, 7, 0};
  EXPECT_DOUBLE_EQ(loudness(ChannelMoments::of(values, 3)), 36.0);
}

TEST(FarPictures, OrdinarySpreadHasNone) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_TRUE(FarPictures({ordinary(300, seed)}, first_indices(300)).empty()) << "seed " << seed;
  }
}

TEST(FarPictures, FewThatAreLoudAreFound) {
  std::vector<double> loud = ordinary(100, 3);
  loud[17] *= 1e4;
  loud[40] *= 2e5;
  std::vector<size_t> indices = first_indices(101);
  indices.erase(indices.begin() + 5);  // picture 5 could not be read
  const FarPictures far({{}, loud, ordinary(100, 4)}, indices);
  EXPECT_TRUE(far.contains(1, 18));
  EXPECT_TRUE(far.contains(1, 41));
  EXPECT_FALSE(far.contains(1, 17));
  EXPECT_FALSE(far.contains(2, 18));
  const FarPictures::Summary summary = far.summary();
  EXPECT_EQ(summary.tensors, 1u);
  EXPECT_EQ(summary.pictures, 2u);
  EXPECT_EQ(summary.tensor, 1u);
  EXPECT_EQ(summary.picture, 41u);
  EXPECT_GT(summary.times, 2e4);
}

TEST(FarPictures, AKindOfPictureIsNotFar) {
  // A tensor that is quiet on three pictures of four and loud on the fourth.
  std::vector<double> two_kinds = ordinary(100, 5);
  for (size_t i = 0; i < 100; i += 4) two_kinds[i] *= 1000;
  EXPECT_TRUE(FarPictures({two_kinds}, first_indices(100)).empty());
}

TEST(FarPictures, SilentTensorsHaveNone) {
  std::vector<double> rare(100, 0.0);
  rare[7] = 1;
  EXPECT_TRUE(FarPictures({rare}, first_indices(100)).empty());
}

// A network with floats as its input, and every `every`-th calibration input `times` as large.
struct Contaminated {
  size_t every = 0;
  float times = 1;
};

CalibrationFeed inputs(size_t count, uint64_t first, Contaminated contaminated) {
  CalibrationFeed feed;
  feed.count = count;
  feed.values = [=](size_t i) -> Result<std::vector<float>> {
    const auto pixels = testing::picture(first + i);
    const bool loud = contaminated.every != 0 && i % contaminated.every == 0;
    std::vector<float> values;
    for (const uint8_t pixel : pixels) {
      values.push_back((pixel / 64.0f - 2) * (loud ? contaminated.times : 1));
    }
    return values;
  };
  return feed;
}

Graph deep_network(uint64_t seed) {
  testing::GraphBuilder b({1, testing::side, testing::side, 3}, seed);
  TensorId x = b.graph.input;
  for (int layer = 0; layer < 6; ++layer) {
    x = b.conv(concat("conv", layer), x, 16, {3, 1, 1});
    x = b.unary(concat("relu", layer), Unary::Kind::relu, x);
  }
  x = b.global_pool("pool", x);
  b.conv("head", x, 10);
  return b.graph;
}

double sqnr_db(const Graph& graph, const Plan& plan) {
  auto session = testing::session_of(plan);
  auto reference = create_float_session(graph);
  EXPECT_TRUE(reference);
  const CalibrationFeed held_out = inputs(40, 700000, {});
  Agreement agreement;
  for (size_t i = 0; i < held_out.count; ++i) {
    const std::vector<float> values = *held_out.values(i);
    std::vector<float> expected(10), logits(10);
    EXPECT_TRUE((*reference)->run(values, expected));
    EXPECT_TRUE(session->run_float(values, logits));
    agreement.add(expected, logits);
  }
  return agreement.sqnr_db();
}

TEST(FarPictures, DoNotDecideHowTheOthersAreQuantized) {
  const uint64_t seed = 11;
  const Graph graph = deep_network(seed);
  const auto clean = quantize(graph, nullptr, inputs(100, 1000, {}), {});
  ASSERT_TRUE(clean) << clean.error().message;
  const double best = sqnr_db(graph, clean->plan);
  for (const Contaminated contaminated :
       {Contaminated{100, 100}, Contaminated{33, 100}, Contaminated{33, 10}, Contaminated{10, 100},
        Contaminated{10, 20}}) {
    const auto other = quantize(graph, nullptr, inputs(100, 1000, contaminated), {});
    ASSERT_TRUE(other) << other.error().message;
    EXPECT_GT(sqnr_db(graph, other->plan), best - 1.5)
        << "seed " << seed << ", one in " << contaminated.every << " times " << contaminated.times;
    const auto said = [](const std::string& warning) {
      return warning.find("far beyond the others") != std::string::npos;
    };
    EXPECT_TRUE(std::any_of(other->warnings.begin(), other->warnings.end(), said));
    EXPECT_TRUE(std::none_of(clean->warnings.begin(), clean->warnings.end(), said));
  }
}

}  // namespace
}  // namespace octavo
