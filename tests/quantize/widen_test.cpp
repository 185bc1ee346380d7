#include "quantize/widen.h"

#include <gtest/gtest.h>

#include <numeric>

#include "build_graph.h"
#include "quantize/quantize.h"
#include "quantize/quantizer.h"
#include "small_pictures.h"

namespace octavo {
namespace {

using testing::GraphBuilder;
using testing::logits_cosine;
using testing::pictures;
using testing::side;
using testing::small_preprocess;

// A network whose tensor "far" lies at 10000 +- 10, which bytes that hold 0 as well cannot tell
// apart, and whose next convolution takes the 10000 away. `readers` outputs read it.
Graph far_from_zero(int64_t readers) {
  GraphBuilder b({1, side, side, 3}, 21);
  TensorId x = b.unary("relu1", Unary::Kind::relu, b.conv("heavy1", b.graph.input, 64, {3}));
  x = b.unary("relu2", Unary::Kind::relu, b.conv("heavy2", x, 64, {3}));
  constexpr int64_t channels = 8;
  constexpr float offset = 10000;
  x = b.conv("far", x, channels);
  const auto set = [&](const std::string& name, Shape shape, std::vector<float> values) {
    return b.graph.add_constant(name, std::move(shape), std::move(values));
  };
  b.graph.nodes.back().inputs[2] =
      set("far.offset", {channels}, std::vector<float>(channels, offset));
  const auto weights = b.noise(readers * channels, 0.5f);
  std::vector<float> bias;
  for (int64_t o = 0; o < readers; ++o) {
    const auto row = weights.begin() + o * channels;
    bias.push_back(-offset * std::accumulate(row, row + channels, 0.0f));
  }
  x = b.node(
      "near", Conv2d{},
      {x, set("near.w", {readers, 1, 1, channels}, weights), set("near.b", {readers}, bias)});
  x = b.unary("relu3", Unary::Kind::relu, x);
  b.conv("logits", b.global_pool("pool", x), 10);
  return b.graph;
}

ElementType type_of(const Plan& plan, const std::string& step) {
  for (const Step& candidate : plan.steps) {
    if (candidate.name == step) return plan.tensors[candidate.output].type;
  }
  ADD_FAILURE() << "no step " << step;
  return ElementType::f32;
}

double share_that_reads_int16(const Plan& plan) {
  int64_t wide = 0, all = 0;
  for (const Step& step : plan.steps) {
    const int64_t macs = step_macs(plan, step);
    all += macs;
    if (plan.tensors[step.inputs[0]].type == ElementType::i16) wide += macs;
  }
  return static_cast<double>(wide) / static_cast<double>(all);
}

TEST(Widen, TheTensorThatBytesCannotTellApartGetsSixteenBits) {
  const Graph graph = far_from_zero(16);
  const Preprocess how = small_preprocess();
  QuantizeOptions options;
  options.auto_int16 = false;
  const auto bytes = quantize(graph, &how, pictures(40), options);
  const auto widened = quantize(graph, &how, pictures(40), {});
  ASSERT_TRUE(bytes && widened);
  EXPECT_EQ(type_of(bytes->plan, "far"), ElementType::u8);
  EXPECT_LT(logits_cosine(graph, bytes->plan), least_logits_cosine);
  EXPECT_EQ(type_of(widened->plan, "far"), ElementType::i16);
  EXPECT_GT(logits_cosine(graph, widened->plan), 0.99);
  EXPECT_LE(share_that_reads_int16(widened->plan), wide_rungs[0].share);
  const auto told = [](const std::string& text) { return text.find("'far'") != std::string::npos; };
  EXPECT_TRUE(std::any_of(widened->warnings.begin(), widened->warnings.end(), told));
}

// Most of the network's work reads the tensor, and nothing less would do.
TEST(Widen, MoreOfTheWorkReadsSixteenBitsWhereLessWouldNotDo) {
  const Graph graph = far_from_zero(2048);
  const Preprocess how = small_preprocess();
  const auto quantized = quantize(graph, &how, pictures(40), {});
  ASSERT_TRUE(quantized) << quantized.error().message;
  EXPECT_EQ(type_of(quantized->plan, "far"), ElementType::i16);
  EXPECT_GT(share_that_reads_int16(quantized->plan), wide_rungs[0].share);
  EXPECT_GT(logits_cosine(graph, quantized->plan), 0.99);
}

// Ranked by what they disturb for the work that reads them, as the search gives them.
TEST(Widen, CandidatesAreTakenInTheirOrderAsFarAsTheirShareOfTheWorkGoes) {
  const WideCandidates candidates{
      {{{7, 8}, 0.01, 2, 2}, {{3}, 0.2, 30, 30}, {{5}, 0.01, 2, 2}, {{4}, 0.001, 10, 10}},
      100,
      1,
      100};
  const Widening few = widen_further(candidates, {}, 0.9, 0.05);
  EXPECT_EQ(few.tensors, (std::vector<TensorId>{7, 8, 5}));
  EXPECT_EQ(few.macs, 4);
  const Widening more = widen_further(candidates, few, 0.9, 0.5);
  EXPECT_EQ(more.tensors, (std::vector<TensorId>{7, 8, 5, 3}));  // 0.2 is all that was missing
  EXPECT_EQ(widen_further(candidates, more, 0.9, 0.3).tensors, more.tensors);
  EXPECT_EQ(widen_further(candidates, more, 0.996, 1).tensors, more.tensors);
}

TEST(Widen, WhatIsGoodEnoughKeepsItsBytes) {
  GraphBuilder b({1, side, side, 3}, 22);
  const TensorId x = b.unary("relu", Unary::Kind::relu, b.conv("conv", b.graph.input, 16, {3}));
  b.conv("logits", b.global_pool("pool", b.conv("linear", x, 16)), 10);
  const Preprocess how = small_preprocess();
  QuantizeOptions options;
  const auto with = quantize(b.graph, &how, pictures(40), options);
  options.auto_int16 = false;
  const auto without = quantize(b.graph, &how, pictures(40), options);
  ASSERT_TRUE(with && without);
  EXPECT_EQ(type_of(with->plan, "linear"), ElementType::u8);
  EXPECT_EQ(with->warnings, without->warnings);
}

// What each product of words with the map of 48 channels that a convolution in groups reads is
// counted as more than one of bytes, the sums' part included.
double added_by_product(int group_channels) {
  constexpr int channels = 48, elements = side * side * channels;
  GraphBuilder b({1, side, side, 3}, 23);
  const TensorId x = b.unary("map", Unary::Kind::relu, b.conv("stem", b.graph.input, channels));
  const TensorId grouped = b.conv("grouped", x, channels, {3, 1, channels / group_channels});
  b.conv("logits", b.global_pool("pool", grouped), 10);
  const Preprocess how = small_preprocess();
  const CalibrationFeed feed = pictures(4);
  const auto quantizer = Quantizer::create(b.graph, &how, feed, {});
  const auto folded = quantizer->fold();
  const auto candidates = quantizer->wide_candidates(*folded);
  const double macs = double{elements} * 9 * group_channels;
  for (const WideCandidate& c : candidates->ranked) {
    if (c.macs == macs) return (c.work - 8 * double{elements}) / macs;
  }
  ADD_FAILURE() << "nothing is read by " << macs << " multiply-accumulates";
  return 0;
}

// An instruction makes half as many products of words; of other groups its 16 channels are filled in
// part.
TEST(Widen, GroupsThatFillVectorsCostAsMuchMoreAsOneGroupDoes) {
  EXPECT_DOUBLE_EQ(added_by_product(4), 1 + 16.0 / 36);
  EXPECT_DOUBLE_EQ(added_by_product(8), 1 + 16.0 / 72);
  EXPECT_DOUBLE_EQ(added_by_product(16), 1 + 16.0 / 144);
  EXPECT_DOUBLE_EQ(added_by_product(6), 16.0 / 6 + 16.0 / 54);
  EXPECT_DOUBLE_EQ(added_by_product(24), 32.0 / 24 + 16.0 / 216);
}

using Readers = WideCandidate::Readers;

WideCandidate candidate(TensorId tensor, double noise, double work,
                        Readers readers = Readers::all_alike) {
  return {{tensor}, noise, work / 2, work, tensor, readers};
}

TEST(WorthWidening, TakesWhatIsSeveralTimesAsNoisyAsItIsCostly) {
  const WideCandidates all{{candidate(1, 0.5, 40), candidate(2, 0.1, 39), candidate(3, 0.03, 20),
                            candidate(4, 0.37, 900)},
                           500,
                           0,
                           1000};
  const Widening widening = worth_widening(all, worth_rungs[0]);
  EXPECT_EQ(widening.tensors, (std::vector<TensorId>{1, 2}));  // 3 is 1.5 times
  EXPECT_DOUBLE_EQ(widening.macs, 39.5);
}

TEST(WorthWidening, KeepsToItsShareOfTheTime) {
  const WideCandidates all{
      {candidate(1, 0.5, 50), candidate(2, 0.4, 50), candidate(3, 0.1, 20)}, 500, 0, 1000};
  EXPECT_EQ(worth_widening(all, worth_rungs[0]).tensors, (std::vector<TensorId>{1, 3}));
}

TEST(WorthWidening, LeavesBytesWhereNoiseIsEverywhere) {
  WideCandidates all{{}, 1000, 0, 1000};
  for (TensorId t = 0; t < 50; ++t) all.ranked.push_back(candidate(t, 0.02, 20));
  EXPECT_TRUE(worth_widening(all, worth_rungs[0]).tensors.empty());
  EXPECT_TRUE(worth_widening({}, worth_rungs[0]).tensors.empty());
}

TEST(WorthWidening, ACopyGoesOnceItIsWorthIt) {
  WideCandidates all{{candidate(1, 0.5, 20, Readers::copy), candidate(2, 0.3, 20, Readers::copy),
                      candidate(1, 0.2, 30, Readers::no_longer_copy)},
                     500,
                     0,
                     1000};
  const Widening both = worth_widening(all, worth_rungs[0]);
  EXPECT_EQ(both.tensors, (std::vector<TensorId>{1, 2}));
  EXPECT_EQ(both.copied, (std::vector<TensorId>{2}));
  // Without the first there is no copy to go.
  all.ranked[0].work = 90;
  EXPECT_EQ(worth_widening(all, worth_rungs[0]).tensors, (std::vector<TensorId>{2}));
  EXPECT_EQ(worth_widening(all, worth_rungs[0]).copied, (std::vector<TensorId>{2}));
}

// The second rung: what makes no more than its share of the noise, for a fifth of the time.
TEST(WorthWidening, PoorLogitsMayCostMoreAndGainLess) {
  const WideCandidates all{{candidate(1, 0.5, 40), candidate(2, 0.3, 150), candidate(3, 0.1, 90),
                            candidate(4, 0.1, 200)},
                           500,
                           0,
                           1000};
  EXPECT_EQ(worth_widening(all, worth_rungs[0]).tensors, (std::vector<TensorId>{1}));
  EXPECT_EQ(worth_widening(all, worth_rungs[1]).tensors, (std::vector<TensorId>{1, 2}));
}

TEST(FirstToWiden, ACopyIsTakenAndThenGivenUp) {
  const WideCandidates all{{candidate(1, 0.5, 20, Readers::copy), candidate(2, 0.3, 20),
                            candidate(1, 0.2, 30, Readers::no_longer_copy)},
                           500,
                           0,
                           1000};
  EXPECT_EQ(first_to_widen(all, 2).tensors, (std::vector<TensorId>{1, 2}));
  EXPECT_EQ(first_to_widen(all, 2).copied, (std::vector<TensorId>{1}));
  EXPECT_EQ(first_to_widen(all, 9).tensors, (std::vector<TensorId>{1, 2}));
  EXPECT_TRUE(first_to_widen(all, 9).copied.empty());
}

// 1 - cos of a small angle is half of its square.
TEST(ExpectedCosine, IsThatOfTheNoiseWhichIsLeft) {
  const WideCandidates all{{candidate(1, 0.02, 1), candidate(2, 0.01, 1)}, 2, 0, 10};
  EXPECT_DOUBLE_EQ(expected_cosine(all, {}), 0.985);
  EXPECT_DOUBLE_EQ(expected_cosine(all, first_to_widen(all, 1)), 0.995);
}

}  // namespace
}  // namespace octavo
