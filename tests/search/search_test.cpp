// The search over plans, with judges whose figures follow from how much is 16-bit.
#include "search/search.h"

#include <gtest/gtest.h>

#include <string>

#include "search/chain.h"

namespace octavo {
namespace {

using testing::chain;
using testing::pictures;
using testing::small_preprocess;

int int16_tensors(const Plan& plan) {
  int count = 0;
  for (const PlanTensor& tensor : plan.tensors) count += tensor.type == ElementType::i16;
  return count;
}

class SearchBounds : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = Quantizer::create(graph_, &how_, feed_, options_);
    ASSERT_TRUE(made) << made.error().message;
    quantizer_ = std::make_unique<Quantizer>(*std::move(made));
    const auto bytes = quantizer_->fold();
    ASSERT_TRUE(bytes) << bytes.error().message;
    usual_ = int16_tensors(bytes->plan);
    const auto candidates = quantizer_->wide_candidates(*bytes);
    ASSERT_TRUE(candidates) << candidates.error().message;
    all_ = static_cast<int>(candidates->ranked.size());
    ASSERT_GE(all_, 6);
  }

  int more(const Plan& plan) const { return int16_tensors(plan) - usual_; }

  // A point of agreement, a tenth of a point of drop and a tenth of a millisecond a tensor.
  Judge linear() const {
    return [this](const Plan& plan) -> Result<Judgement> {
      const int wide = more(plan);
      return Judgement{200, 90.0 + wide, 1 - 0.1 * wide, 1 + 0.1 * wide};
    };
  }
  Found found(const Bounds& bounds) const {
    auto out = search_bounds(*quantizer_, bounds, linear());
    EXPECT_TRUE(out) << out.error().message;
    return *std::move(out);
  }

  const Graph graph_ = chain();
  const Preprocess how_ = small_preprocess();
  const CalibrationFeed feed_ = pictures(24);
  const QuantizeOptions options_{};
  std::unique_ptr<Quantizer> quantizer_;
  int usual_ = 0, all_ = 0;
};

TEST_F(SearchBounds, TakesNothingWhereBytesKeepThem) {
  const Found out = found({.min_agreement = 90, .max_drop = 1});
  EXPECT_EQ(more(out.folded.plan), 0);
  EXPECT_TRUE(out.wide.empty());
  EXPECT_EQ(out.frontier.size(), 1u);
  EXPECT_EQ(out.missed, "");
}

TEST_F(SearchBounds, TakesTheFewestThatKeepAccuracy) {
  for (const int wanted : {1, 2, 5, all_}) {
    const Found by_agreement = found({.min_agreement = 90 + wanted - 0.5});
    EXPECT_EQ(more(by_agreement.folded.plan), wanted);
    EXPECT_EQ(by_agreement.frontier[by_agreement.chosen].tensors, size_t(wanted));
    EXPECT_EQ(by_agreement.missed, "");
    EXPECT_EQ(more(found({.max_drop = 1 - 0.1 * wanted + 0.05}).folded.plan), wanted);
  }
}

TEST_F(SearchBounds, TakesTheMostThatKeepTime) {
  EXPECT_EQ(more(found({.max_slowdown = 1.25}).folded.plan), 2);
  EXPECT_EQ(more(found({.max_ms = 1.45}).folded.plan), 4);
  EXPECT_EQ(more(found({.max_slowdown = 1}).folded.plan), 0);
  EXPECT_EQ(more(found({.max_slowdown = 100}).folded.plan), all_);
}

TEST_F(SearchBounds, TheFrontierRisesInOrder) {
  const Found out = found({.min_agreement = 93.5});
  for (size_t i = 1; i < out.frontier.size(); ++i) {
    EXPECT_LT(out.frontier[i - 1].taken, out.frontier[i].taken);
    EXPECT_LE(out.frontier[i - 1].macs_share, out.frontier[i].macs_share);
  }
  EXPECT_LE(out.frontier.back().macs_share, 1);
}

TEST_F(SearchBounds, WhatCannotBeReachedGivesTheNearestAndSaysWhy) {
  const Found out = found({.min_agreement = 100});
  EXPECT_EQ(more(out.folded.plan), all_);
  EXPECT_NE(out.missed.find("an agreement of at least 100.00 %"), std::string::npos) << out.missed;
  EXPECT_NE(out.missed.find("200 pictures"), std::string::npos) << out.missed;
  EXPECT_NE(out.missed.find("weights"), std::string::npos) << out.missed;
}

TEST_F(SearchBounds, TimeGoesBeforeAccuracy) {
  const Found out = found({.min_agreement = 95, .max_slowdown = 1.25});
  EXPECT_LE(more(out.folded.plan), 2);
  EXPECT_LE(out.frontier[out.chosen].slowdown, 1.25);
  EXPECT_NE(out.missed.find("at most 1.25 times"), std::string::npos) << out.missed;
  const Found slow = found({.max_ms = 0.5});
  EXPECT_EQ(more(slow.folded.plan), 0);
  EXPECT_NE(slow.missed.find("bytes alone are too slow"), std::string::npos) << slow.missed;
}

TEST_F(SearchBounds, GivesTheSamePlanAtAnyThreadCount) {
  QuantizeOptions two = options_;
  two.threads = 2;
  const auto other = Quantizer::create(graph_, &how_, feed_, two);
  ASSERT_TRUE(other);
  const Bounds bounds{.min_agreement = 92.5};
  const auto out = search_bounds(*other, bounds, linear());
  ASSERT_TRUE(out);
  EXPECT_EQ(serialize(out->folded.plan), serialize(found(bounds).folded.plan));
}

TEST_F(SearchBounds, AJudgesErrorEndsIt) {
  const auto out = search_bounds(*quantizer_, {.min_agreement = 95},
                                 [](const Plan&) -> Result<Judgement> { return failed("asleep"); });
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().message, "asleep");
}

}  // namespace
}  // namespace octavo
