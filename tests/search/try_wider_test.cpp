// 16 bits on trial, with judges whose figures follow from how much is 16-bit.
#include "search/try_wider.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "search/chain.h"

namespace octavo {
namespace {

using testing::chain;
using testing::pictures;
using testing::small_preprocess;

std::set<std::string> wide_steps(const Plan& plan) {
  std::set<std::string> out;
  for (const Step& step : plan.steps) {
    if (plan.tensors[step.output].type == ElementType::i16) out.insert(step.name);
  }
  return out;
}

class TryWider : public ::testing::Test {
 protected:
  Quantizer quantizer(const std::vector<std::string>& int16 = {}) const {
    QuantizeOptions options;
    options.int16_nodes = int16;
    auto made = Quantizer::create(graph_, &how_, feed_, options);
    EXPECT_TRUE(made) << made.error().message;
    return *std::move(made);
  }

  const Graph graph_ = chain();
  const Preprocess how_ = small_preprocess();
  CalibrationFeed feed_ = pictures(24);
};

TEST_F(TryWider, TakesTheFewestOfThoseThatAgreeMost) {
  const Quantizer bytes = quantizer();
  std::vector<std::set<std::string>> judged;
  const auto trials = try_wider(bytes, {}, [&](const Plan& plan) -> Result<Judgement> {
    judged.push_back(wide_steps(plan));
    return Judgement{200, judged.size() >= 3 ? 97.0 : 90.0, {}, double(judged.size())};
  });
  ASSERT_TRUE(trials) << trials.error().message;
  ASSERT_GE(trials->tried.size(), 3u);
  EXPECT_EQ(trials->best, 2u);
  EXPECT_EQ(trials->tried[0].point.tensors, 0u);
  EXPECT_EQ(trials->tried[2].point.slowdown, 3);
  for (size_t i = 1; i < trials->tried.size(); ++i) {
    EXPECT_GT(trials->tried[i].point.tensors, trials->tried[i - 1].point.tensors);
    EXPECT_LE(trials->tried[i].point.macs_share, 0.25);
  }
}

TEST_F(TryWider, ItsNamesGiveThePlanThatWasTried) {
  std::vector<Plan> judged;
  const auto trials = try_wider(quantizer(), {}, [&](const Plan& plan) -> Result<Judgement> {
    judged.push_back(plan);
    return Judgement{200, 90.0 + double(judged.size()), {}, 1};
  });
  ASSERT_TRUE(trials) << trials.error().message;
  ASSERT_GT(trials->best, 0u);
  const auto named = quantizer(trials->tried[trials->best].nodes).fold();
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(serialize(named->plan), serialize(judged[trials->best]));
}

TEST_F(TryWider, BeginsWithWhatThePlanHasAlready) {
  const auto present = quantizer({"relu3"}).fold();
  ASSERT_TRUE(present) << present.error().message;
  const Quantizer bytes = quantizer();
  const Widened widened = bytes.widened_in(present->plan);
  EXPECT_EQ(widened.nodes, std::vector<std::string>{"relu3"});
  std::vector<Plan> judged;
  const auto trials = try_wider(bytes, widened, [&](const Plan& plan) -> Result<Judgement> {
    judged.push_back(plan);
    return Judgement{200, 90, {}, 1};
  });
  ASSERT_TRUE(trials) << trials.error().message;
  EXPECT_EQ(trials->best, 0u);
  EXPECT_EQ(serialize(judged.front()), serialize(present->plan));
  for (const WideTrial& trial : trials->tried) EXPECT_EQ(trial.nodes.front(), "relu3");
}

// Few pictures, whose ranges are judged by halves.
TEST_F(TryWider, WhatThePlanHasAlreadyIsNotTakenAgain) {
  feed_.views = 2;
  const Quantizer bytes = quantizer();
  const auto folded = bytes.fold();
  ASSERT_TRUE(folded) << folded.error().message;
  const auto ranked = bytes.wide_candidates(*folded);
  ASSERT_TRUE(ranked) << ranked.error().message;
  EXPECT_TRUE(ranked->of_other_pictures);
  const std::vector<TensorId> first = ranked->ranked.front().tensors;
  const auto wider = bytes.fold(first);
  ASSERT_TRUE(wider) << wider.error().message;
  const auto rest = bytes.wide_candidates(*wider);
  ASSERT_TRUE(rest) << rest.error().message;
  EXPECT_EQ(rest->ranked.size(), ranked->ranked.size() - 1);
  for (const WideCandidate& c : rest->ranked) EXPECT_NE(c.tensors, first);
}

TEST_F(TryWider, AJudgesErrorEndsIt) {
  const auto trials =
      try_wider(quantizer(), {}, [](const Plan&) -> Result<Judgement> { return failed("asleep"); });
  ASSERT_FALSE(trials);
  EXPECT_EQ(trials.error().message, "asleep");
}

}  // namespace
}  // namespace octavo
