// Golden inputs, digests and scores against values from elsewhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/tile_emulator.h"
#include "plan/random_plan.h"
#include "runtime/interpreter.h"
#include "runtime/program.h"

namespace octavo {
namespace {

Plan input_of(std::array<int32_t, 4> shape, ElementType type) {
  Plan plan;
  plan.tensors.resize(1);
  plan.tensors[0].shape = shape;
  plan.tensors[0].type = type;
  return plan;
}

TEST(Golden, NoiseIsSplitmix64) {
  // The first outputs of the published splitmix64.c from seed 1234567.
  const uint64_t published[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u};
  const std::vector<std::byte> noise =
      golden_input(input_of({1, 1, 7, 3}, ElementType::u8), 1234567);
  ASSERT_EQ(noise.size(), 21u);
  for (size_t i = 0; i < noise.size(); ++i) {
    EXPECT_EQ(noise[i], std::byte(published[i / 8] >> (i % 8 * 8) & 255)) << i;
  }
}

TEST(Golden, TwoByteNoiseAvoidsTheOneValueThatIsNotStored) {
  const auto plan = input_of({1, 400, 400, 2}, ElementType::i16);
  const std::vector<std::byte> noise = golden_input(plan, 3);
  ASSERT_EQ(noise.size(), 640000u);
  int least = 0;
  for (size_t i = 0; i < noise.size(); i += 2) {
    int16_t value = 0;
    std::memcpy(&value, &noise[i], 2);
    least = std::min(least, int(value));
  }
  EXPECT_EQ(least, -32767);
}

TEST(Golden, DigestIsXxh3) {
  EXPECT_EQ(logits_digest({}), 0x2d06800538d394c2u) << "XXH3-64 of nothing, as published";
}

// Worked out once by the interpreter. Every compiler, ISA and architecture must agree.
void expect_digest_everywhere(const Plan& plan, uint64_t expected) {
  const std::vector<std::byte> input = golden_input(plan, 42);
  EXPECT_EQ(logits_digest(testing::interpret(plan, input).logits), expected);
  for (const std::string& isa : tested_isas()) {
    for (const int threads : {1, 2, 5}) {
      auto program = Program::prepare(plan, isa);
      ASSERT_TRUE(program);
      auto session = Session::create(*program, threads);
      ASSERT_TRUE(session);
      std::vector<float> logits(11);
      ASSERT_TRUE((*session)->run(input, logits));
      EXPECT_EQ(logits_digest(logits), expected) << isa << ", " << threads << " threads";
    }
  }
}

TEST(Golden, DigestOfAFixedPlanIsTheSameEverywhere) {
  const Plan plan = testing::random_plan(
      20, {.steps = 40, .largest_side = 24, .attention = false, .given_codes = false});
  expect_digest_everywhere(plan, 15788054756142511917u);
}

TEST(Golden, DigestOfAFixedPlanWithAttentionIsTheSameEverywhere) {
  const Plan plan = testing::random_plan(
      21, {.steps = 60, .largest_side = 24, .quotients = false, .given_codes = false});
  expect_digest_everywhere(plan, 8043330357971220486u);
}

TEST(Golden, DigestOfAFixedPlanWithGivenCodesIsTheSameEverywhere) {
  const Plan plan = testing::random_plan(
      22, {.steps = 60, .largest_side = 24, .quotients = false, .long_exponentials = false});
  expect_digest_everywhere(plan, 16752321989304662601u);
}

TEST(Golden, DigestOfAFixedPlanWithLongExponentialsIsTheSameEverywhere) {
  const Plan plan = testing::random_plan(22, {.steps = 60, .largest_side = 24, .quotients = false});
  const auto is_long = [](const Step& step) {
    const auto* softmax = std::get_if<SoftmaxStep>(&step.op);
    return softmax != nullptr && has_long_exponentials(*softmax);
  };
  EXPECT_TRUE(std::any_of(plan.steps.begin(), plan.steps.end(), is_long));
  expect_digest_everywhere(plan, 16017659872494006004u);
}

TEST(Golden, DigestOfAFixedPlanWithQuotientsIsTheSameEverywhere) {
  const Plan plan =
      testing::random_plan(21, {.steps = 60, .largest_side = 24, .given_codes = false});
  expect_digest_everywhere(plan, 6026071925985273231u);
}

TEST(Scores, OneNumberIsTwoClasses) {
  const float logit = std::log(3.0f);
  for (const OutputKind kind : {OutputKind::logits, OutputKind::sigmoids}) {
    const std::vector<Score> top = top_scores(kind, std::vector<float>{logit}, 5);
    ASSERT_EQ(top.size(), 2u);
    EXPECT_EQ(top[0].index, 1);
    EXPECT_NEAR(top[0].score, 0.75f, 1e-6f);
    EXPECT_EQ(top[1].index, 0);
    EXPECT_NEAR(top[1].score, 0.25f, 1e-6f);
  }
  const std::vector<Score> p = top_scores(OutputKind::independent, std::vector<float>{0.25f}, 5);
  ASSERT_EQ(p.size(), 2u);
  EXPECT_EQ(p[0].index, 0);
  EXPECT_EQ(p[0].score, 0.75f);
  EXPECT_EQ(p[1].score, 0.25f);
}

TEST(Scores, AreEqualWhereNothingIsSaidAndTheLowerIndexIsFirst) {
  const std::vector<Score> top = top_scores(OutputKind::logits, std::vector<float>{0}, 2);
  EXPECT_EQ(top[0].index, 0);
  EXPECT_EQ(top[0].score, 0.5f);
  EXPECT_EQ(top[1].score, 0.5f);
}

TEST(Scores, FarLogitsOfOneNumberStayFinite) {
  for (const float logit : {-3e38f, -800.0f, 800.0f, 3e38f}) {
    const float score = sigmoid_score(logit);
    EXPECT_EQ(score, logit > 0 ? 1.0f : 0.0f);
  }
}

TEST(Scores, SigmoidsAreEachTheirOwn) {
  const std::vector<float> logits{2, -1, 0, 4};
  const std::vector<Score> all = all_scores(OutputKind::sigmoids, logits);
  ASSERT_EQ(all.size(), 4u);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_NEAR(all[i].score, 1 / (1 + std::exp(-logits[i])), 1e-6f);
  }
  const std::vector<Score> top = top_scores(OutputKind::sigmoids, logits, 2);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].index, 3);
  EXPECT_EQ(top[1].index, 0);
}

TEST(Scores, ProbabilitiesAreShownAsTheyAre) {
  const std::vector<float> p{0.125f, 0.5f, 0.375f};
  for (const OutputKind kind : {OutputKind::probabilities, OutputKind::independent}) {
    const std::vector<Score> top = top_scores(kind, p, 2);
    EXPECT_EQ(top[0].index, 1);
    EXPECT_EQ(top[0].score, 0.5f);
    EXPECT_EQ(top[1].score, 0.375f);
  }
}

TEST(Scores, AreSoftmax) {
  const std::vector<float> logits = {1.0f, 3.0f, -2.0f, 2.5f, 0.0f};
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double(logit));
  const std::vector<Score> top = top_scores(logits, 5);
  const int order[] = {1, 3, 0, 4, 2};
  ASSERT_EQ(top.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(top[i].index, order[i]);
    EXPECT_EQ(top[i].logit, logits[size_t(order[i])]);
    EXPECT_NEAR(top[i].score, std::exp(double(top[i].logit)) / sum, 1e-7);
  }
}

TEST(Scores, EqualLogitsRankByIndex) {
  const std::vector<Score> top = top_scores(std::vector<float>(6, 2.0f), 3);
  ASSERT_EQ(top.size(), 3u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(top[size_t(i)].index, i);
    EXPECT_EQ(top[size_t(i)].score, float(1.0 / 6));
  }
}

TEST(Scores, HugeDifferencesGiveZeroAndOne) {
  const std::vector<Score> top = top_scores(std::vector<float>{-3e38f, 3e38f}, 9);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].index, 1);
  EXPECT_EQ(top[0].score, 1.0f);
  EXPECT_EQ(top[1].score, 0.0f);
}

TEST(Scores, ANanRanksLast) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<Score> top = top_scores(std::vector<float>{nan, 1.0f, nan, 4.0f}, 4);
  ASSERT_EQ(top.size(), 4u);
  EXPECT_EQ(top[0].index, 3);
  EXPECT_EQ(top[1].index, 1);
}

TEST(Scores, DoNotDependOnTheCallersRounding) {
  const std::vector<float> logits = {0.1f, 0.7f, -1.3f, 5.9f, 5.8f, 2.2f};
  const std::vector<Score> nearest = top_scores(logits, 6);
  std::fesetround(FE_UPWARD);
  const std::vector<Score> upward = top_scores(logits, 6);
  std::fesetround(FE_TONEAREST);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(nearest[i].score, upward[i].score);
}

TEST(Scores, NothingAskedNothingGiven) {
  EXPECT_TRUE(top_scores({}, 5).empty());
  EXPECT_TRUE(top_scores(std::vector<float>{1, 2}, 0).empty());
  EXPECT_TRUE(top_scores(std::vector<float>{1, 2}, -3).empty());
}

}  // namespace
}  // namespace octavo
