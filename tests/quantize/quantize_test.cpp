// The stages together, against the float network and against the integer runtime.
#include "quantize/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "quantize/build_graph.h"
#include "quantize/every_step.h"
#include "quantize/passes.h"
#include "quantize/simulate.h"
#include "quantize/small_pictures.h"
#include "quantize/types.h"
#include "quantize/warnings.h"

namespace octavo {
namespace {

using testing::Calibrated;
using testing::every_step;
using testing::float_logits;
using testing::GraphBuilder;
using testing::integer_logits;
using testing::logits_cosine;
using testing::picture;
using testing::pictures;
using testing::session_of;
using testing::side;
using testing::small_preprocess;
using Kind = Unary::Kind;

float sqnr_alone(const Plan& plan, const std::string& name) {
  for (const auto& row : plan.report) {
    if (plan.steps[row.step].name == name) return row.sqnr_alone_db;
  }
  ADD_FAILURE() << "no step " << name;
  return 0;
}

TEST(Quantize, IntegersFollowTheFloatNetworkThroughEveryKindOfStep) {
  for (const uint64_t seed : {1, 2, 3}) {
    const Graph graph = every_step(seed);
    const Preprocess how = small_preprocess();
    const auto quantized = quantize(graph, &how, pictures(100), {});
    ASSERT_TRUE(quantized) << "seed " << seed << ": " << quantized.error().message;
    EXPECT_TRUE(verify(quantized->plan));
    EXPECT_GT(logits_cosine(graph, quantized->plan), 0.998) << "seed " << seed;
  }
}

TEST(Quantize, EveryRangeMethodGivesAWorkingPlan) {
  const Graph graph = every_step(4);
  const Preprocess how = small_preprocess();
  for (const RangeMethod method : {RangeMethod::automatic, RangeMethod::maximum,
                                   RangeMethod::percentile, RangeMethod::mse, RangeMethod::kl}) {
    QuantizeOptions options;
    options.method = method;
    const auto quantized = quantize(graph, &how, pictures(60), options);
    ASSERT_TRUE(quantized) << quantized.error().message;
    EXPECT_GT(logits_cosine(graph, quantized->plan), 0.99) << static_cast<int>(method);
  }
}

TEST(Quantize, OneScaleForAllWeightsOnRequest) {
  const Graph graph = every_step(13);
  const Preprocess how = small_preprocess();
  QuantizeOptions options;
  const auto by_channel = quantize(graph, &how, pictures(40), options);
  options.per_channel_weights = false;
  const auto by_tensor = quantize(graph, &how, pictures(40), options);
  ASSERT_TRUE(by_channel && by_tensor);
  const double fine = logits_cosine(graph, by_channel->plan);
  const double coarse = logits_cosine(graph, by_tensor->plan);
  EXPECT_GT(coarse, 0.98);
  EXPECT_GT(fine, coarse);
}

// The simulation is what corrections and the report are made from: it has to be the plan.
TEST(Quantize, TheSimulationStoresWhatTheIntegersStore) {
  const auto made = Calibrated::make(every_step(5), pictures(40));
  const std::vector<FormedStep>& steps = made.formed().steps;
  PassInputs inputs = made.inputs();
  inputs.types.assign(inputs.types.size(), ElementType::u8);
  const auto q = run_passes(inputs, {}, {});
  ASSERT_TRUE(q) << q.error().message;
  auto session = session_of(q->plan);
  const Simulation simulation = make_simulation(made.network, *q);
  auto float_session = create_float_session(simulation.graph);
  ASSERT_TRUE(float_session) << float_session.error().message;

  size_t total = 0, different = 0;
  for (size_t i = 0; i < 10; ++i) {
    const auto pixels = picture(700 + i);
    std::vector<float> logits(10);
    std::vector<std::vector<std::byte>> stored(steps.size());
    ASSERT_TRUE(session->run_observed(std::as_bytes(std::span(pixels)), logits,
                                      [&](size_t step, std::span<const std::byte> bytes) {
                                        stored[step].assign(bytes.begin(), bytes.end());
                                      }));
    CalibrationFeed one;
    one.count = 1;
    one.pixels = [&](size_t) -> Result<std::vector<uint8_t>> { return pixels; };
    std::vector<std::vector<float>> simulated(made.network.graph.tensors.size());
    const Probe keep = [&](TensorId t, std::span<float> values) {
      simulated[t].assign(values.begin(), values.end());
    };
    ASSERT_TRUE(simulate(simulation, **float_session,
                         *load_values(one, 0, made.network.mapping, pixels.size()), logits, {},
                         keep));
    for (size_t s = 0; s + 1 < steps.size(); ++s) {
      const TensorId t = steps[s].output;
      const StoredTensor& tensor = q->tensors[t];
      ASSERT_EQ(stored[s].size(), simulated[t].size());
      for (size_t k = 0; k < simulated[t].size(); ++k) {
        const size_t c = k % tensor.scale.size();
        const auto expected = std::lround(simulated[t][k] / tensor.scale[c]) + tensor.zero_point[c];
        const auto actual = std::to_integer<int>(stored[s][k]);
        EXPECT_NEAR(static_cast<double>(actual), static_cast<double>(expected), 2) << "step " << s;
        different += actual != expected ? 1 : 0;
        ++total;
      }
    }
  }
  EXPECT_LT(static_cast<double>(different), 0.002 * static_cast<double>(total))
      << different << " of " << total;
}

TEST(Quantize, ThePlanDoesNotDependOnThreads) {
  const Graph graph = every_step(6);
  const Preprocess how = small_preprocess();
  std::vector<std::vector<std::byte>> bytes;
  for (const int threads : {1, 2, 5}) {
    QuantizeOptions options;
    options.threads = threads;
    const auto quantized = quantize(graph, &how, pictures(37), options);
    ASSERT_TRUE(quantized) << quantized.error().message;
    bytes.push_back(serialize(quantized->plan));
  }
  EXPECT_EQ(bytes[0], bytes[1]);
  EXPECT_EQ(bytes[0], bytes[2]);
}

TEST(Quantize, EightPicturesDoNotGiveNonsense) {
  const Graph graph = every_step(7);
  const Preprocess how = small_preprocess();
  const auto quantized = quantize(graph, &how, pictures(8), {});
  ASSERT_TRUE(quantized) << quantized.error().message;
  EXPECT_GT(logits_cosine(graph, quantized->plan), 0.97);
  ASSERT_FALSE(quantized->warnings.empty());
  EXPECT_NE(quantized->warnings[0].find("only 8 pictures"), std::string::npos);
}

ElementType type_of(const Plan& plan, const std::string& step) {
  for (const auto& s : plan.steps) {
    if (s.name == step) return plan.tensors[s.output].type;
  }
  ADD_FAILURE() << "no step " << step;
  return ElementType::f32;
}

TEST(Quantize, AMergedIdentityIsTheStepsResidual) {
  const Graph graph = every_step(11);
  const Preprocess how = small_preprocess();
  const auto quantized = quantize(graph, &how, pictures(40), {});
  ASSERT_TRUE(quantized) << quantized.error().message;
  for (const auto& step : quantized->plan.steps) {
    if (step.name != "merged_act") continue;
    ASSERT_EQ(step.inputs.size(), 2u);
    EXPECT_EQ(step.inputs[0], step.inputs[1]);
  }
  EXPECT_GT(sqnr_alone(quantized->plan, "merged_act"), 38);
}

TEST(Quantize, ANamedNodeIsStoredWithSixteenBits) {
  const Graph graph = every_step(8);
  const Preprocess how = small_preprocess();
  QuantizeOptions options;
  const auto narrow = quantize(graph, &how, pictures(40), options);
  options.int16_nodes = {"stem"};
  const auto wide = quantize(graph, &how, pictures(40), options);
  ASSERT_TRUE(narrow && wide) << wide.error().message;
  EXPECT_GT(sqnr_alone(wide->plan, "stem_act"), sqnr_alone(narrow->plan, "stem_act") + 3);
  EXPECT_EQ(type_of(narrow->plan, "stem_act"), ElementType::u8);
  EXPECT_EQ(type_of(wide->plan, "stem_act"), ElementType::i16);
  EXPECT_GT(logits_cosine(graph, wide->plan), 0.99);
}

TEST(Quantize, SixteenBitsSpreadOverEverythingThatMovesTogether) {
  const Graph graph = every_step(9);
  const auto formed = form_steps(graph);
  ASSERT_TRUE(formed);
  // "silu" is joined with a part of "residual", shuffled and pooled.
  const auto types = stored_types(graph, *formed, {"silu"});
  ASSERT_TRUE(types) << types.error().message;
  EXPECT_EQ(types->named.size(), 7u);  // silu, join, shuffle, maximum, left, right, residual
}

TEST(Quantize, AnUnknownSixteenBitNodeNamesTheNearest) {
  const Graph graph = every_step(1);
  const Preprocess how = small_preprocess();
  QuantizeOptions options;
  options.int16_nodes = {"stem_atc"};
  const auto quantized = quantize(graph, &how, pictures(2), options);
  ASSERT_FALSE(quantized);
  EXPECT_EQ(quantized.error().kind, ErrorKind::usage);
  EXPECT_NE(quantized.error().message.find("'stem_act'"), std::string::npos)
      << quantized.error().message;
}

TEST(Quantize, UnreadablePicturesAreToldAndNoneIsAnError) {
  const Graph graph = every_step(1);
  const Preprocess how = small_preprocess();
  auto feed = pictures(10);
  feed.pixels = [](size_t i) -> Result<std::vector<uint8_t>> {
    if (i == 3) return rejected("three.jpg is no picture");
    return picture(i);
  };
  const auto some = quantize(graph, &how, feed, {});
  ASSERT_TRUE(some) << some.error().message;
  EXPECT_NE(some->warnings[0].find("three.jpg"), std::string::npos);
  feed.pixels = [](size_t) -> Result<std::vector<uint8_t>> { return rejected("no picture"); };
  const auto none = quantize(graph, &how, feed, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::rejected);
}

TEST(Quantize, AnInterruptEndsIt) {
  const Graph graph = every_step(1);
  const Preprocess how = small_preprocess();
  const std::atomic<bool> stop{true};
  QuantizeOptions options;
  options.stop = &stop;
  const auto quantized = quantize(graph, &how, pictures(10), options);
  ASSERT_FALSE(quantized);
  EXPECT_EQ(quantized.error().kind, ErrorKind::interrupted);
}

TEST(Quantize, AFloatInputIsQuantizedLikeAnyTensor) {
  GraphBuilder b({1, side, side, 3}, 12);
  const TensorId conv = b.unary("act", Kind::relu, b.conv("conv", b.graph.input, 16, {3, 2}));
  b.conv("head", b.global_pool("pool", conv), 5);
  CalibrationFeed feed;
  feed.count = 50;
  feed.values = [](size_t i) -> Result<std::vector<float>> {
    std::mt19937_64 random(i);
    std::normal_distribution<float> normal(0, 1);
    std::vector<float> out(side * side * 3);
    for (float& value : out) value = normal(random);
    return out;
  };
  const auto quantized = quantize(b.graph, nullptr, feed, {});
  ASSERT_TRUE(quantized) << quantized.error().message;
  EXPECT_FALSE(quantized->plan.picture_input);
  auto session = session_of(quantized->plan);
  auto float_session = create_float_session(b.graph);
  Agreement agreement;
  for (size_t i = 100; i < 110; ++i) {
    std::vector<float> expected(5), logits(5);
    const auto values = *feed.values(i);
    ASSERT_TRUE((*float_session)->run(values, expected));
    ASSERT_TRUE(session->run_float(values, logits));
    agreement.add(expected, logits);
  }
  EXPECT_GT(agreement.cosine(), 0.999);
}

}  // namespace
}  // namespace octavo
