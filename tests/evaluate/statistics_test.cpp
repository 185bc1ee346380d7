#include "evaluate/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace octavo {
namespace {

// Pictures of a fourfold table: both right, first only, second only, neither.
Paired pair_up(int both, int first_only, int second_only, int neither) {
  std::vector<uint8_t> first, second;
  const auto add = [&](int count, uint8_t f, uint8_t s) {
    first.insert(first.end(), static_cast<size_t>(count), f);
    second.insert(second.end(), static_cast<size_t>(count), s);
  };
  add(both, 1, 1);
  add(first_only, 1, 0);
  add(second_only, 0, 1);
  add(neither, 0, 0);
  return compare_paired(first, second);
}

// scipy 1.17.1: binomtest(right, n).proportion_ci(method="wilson").
TEST(Wilson95, EqualsScipy) {
  const Interval some = wilson95(3, 10);
  EXPECT_NEAR(some.low, 0.10779126740630102, 1e-12);
  EXPECT_NEAR(some.high, 0.6032218525388546, 1e-12);
  const Interval many = wilson95(351, 500);
  EXPECT_NEAR(many.low, 0.6604929783319653, 1e-12);
  EXPECT_NEAR(many.high, 0.7404267881215676, 1e-12);
}

TEST(Wilson95, ReachesTheEndsExactly) {
  EXPECT_EQ(wilson95(0, 10).low, 0);
  EXPECT_NEAR(wilson95(0, 10).high, 0.27753279986288926, 1e-12);
  EXPECT_EQ(wilson95(10, 10).high, 1);
  EXPECT_NEAR(wilson95(10, 10).low, 0.7224672001371109, 1e-12);
}

TEST(Wilson95, KnowsNothingFromNoPictures) {
  EXPECT_EQ(wilson95(0, 0).low, 0);
  EXPECT_EQ(wilson95(0, 0).high, 1);
}

struct Row {
  int e, f, g, h;
  double low, high;
};

// Newcombe, Statistics in Medicine 17 (1998) 2635-2650, table III, method 10; within one
// of the last digit printed there.
TEST(ComparePaired, GivesNewcombesPublishedIntervals) {
  const std::vector<Row> rows = {{36, 12, 2, 0, 0.0569, 0.3404},  {20, 12, 2, 16, 0.0562, 0.3292},
                                 {18, 12, 2, 18, 0.0562, 0.3290}, {36, 14, 0, 0, 0.1528, 0.4167},
                                 {35, 14, 0, 1, 0.1461, 0.4175},  {18, 14, 0, 18, 0.1441, 0.3963},
                                 {2, 97, 1, 0, 0.8721, 0.9854},   {1, 97, 1, 1, 0.8736, 0.9850},
                                 {0, 29, 1, 0, 0.6666, 0.9882},   {2, 98, 0, 0, 0.9178, 0.9945},
                                 {1, 98, 0, 1, 0.9171, 0.9916},   {0, 30, 0, 0, 0.8395, 1.0000},
                                 {54, 0, 0, 0, -0.0664, 0.0664},  {53, 0, 0, 1, -0.0729, 0.0729},
                                 {30, 0, 0, 24, -0.0358, 0.0358}, {27, 0, 0, 27, -0.0351, 0.0351}};
  for (const Row& row : rows) {
    const Paired paired = pair_up(row.e, row.f, row.g, row.h);
    EXPECT_NEAR(paired.drop_ci95.low, 100 * row.low, 0.01) << row.e << " " << row.f;
    EXPECT_NEAR(paired.drop_ci95.high, 100 * row.high, 0.01) << row.e << " " << row.f;
  }
}

TEST(ComparePaired, CountsInPoints) {
  const Paired paired = pair_up(343, 8, 5, 144);
  EXPECT_EQ(paired.n, 500);
  EXPECT_EQ(paired.right_to_wrong, 8);
  EXPECT_EQ(paired.wrong_to_right, 5);
  EXPECT_NEAR(paired.drop, 0.6, 1e-12);
}

// scipy 1.17.1: binomtest(min(b, c), b + c).pvalue.
TEST(ComparePaired, TestsExactly) {
  EXPECT_NEAR(pair_up(36, 12, 2, 0).p_mcnemar, 0.012939453125, 1e-13);
  EXPECT_NEAR(pair_up(18, 4, 14, 14).p_mcnemar, 0.0308837890625, 1e-13);
  EXPECT_NEAR(pair_up(0, 30, 20, 0).p_mcnemar, 0.20263875106454066, 1e-13);
  EXPECT_NEAR(pair_up(2050, 40, 25, 385).p_mcnemar, 0.08168153394154003, 1e-13);
  EXPECT_NEAR(pair_up(2, 97, 1, 0).p_mcnemar / 6.2477783693504135e-28, 1, 1e-9);
  EXPECT_EQ(pair_up(10, 0, 0, 10).p_mcnemar, 1);
  EXPECT_EQ(pair_up(10, 3, 3, 10).p_mcnemar, 1);
}

TEST(ComparePaired, Judges) {
  EXPECT_EQ(pair_up(4000, 3, 3, 994).verdict, "equivalent");
  EXPECT_EQ(pair_up(343, 8, 5, 144).verdict, "undecided");
  EXPECT_EQ(pair_up(300, 60, 10, 130).verdict, "worse");
  EXPECT_EQ(pair_up(300, 10, 60, 130).verdict, "better");
  EXPECT_EQ(pair_up(0, 0, 0, 0).verdict, "undecided");
}

// Tango's score, with the nuisance rate found by a search of the likelihood instead of its
// closed form.
double tango_by_search(double n, double lost, double won, double delta) {
  const auto likelihood = [&](double q) {
    const double same = 1 - 2 * q - delta;
    const auto term = [](double count, double p) {
      if (count == 0) return 0.0;
      return p > 0 ? count * std::log(p) : -HUGE_VAL;
    };
    return term(lost, q + delta) + term(won, q) + term(n - lost - won, same);
  };
  double low = std::max(0.0, -delta), high = (1 - delta) / 2;
  for (int i = 0; i < 200; ++i) {
    const double a = low + (high - low) / 3, b = high - (high - low) / 3;
    (likelihood(a) < likelihood(b) ? low : high) = likelihood(a) < likelihood(b) ? a : b;
  }
  return (lost - won - n * delta) / std::sqrt(n * (2 * low + delta * (1 - delta)));
}

TEST(Equivalence, IsTangosScoreOnBothSides) {
  struct Case {
    int lost, won;
  };
  for (const Case c : {Case{0, 0}, {8, 5}, {5, 8}, {1, 0}, {0, 20}, {40, 38}, {100, 3}}) {
    for (const double margin : {0.5, 1.0, 2.0, 5.0}) {
      const int n = 1000;
      std::vector<uint8_t> first(n, 1), second(n, 1);
      for (int i = 0; i < c.lost; ++i) second[size_t(i)] = 0;
      for (int i = 0; i < c.won; ++i) first[size_t(n - 1 - i)] = 0;
      const auto below = [](double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); };
      const double expected =
          std::max(below(tango_by_search(n, c.lost, c.won, margin / 100)),
                   1 - below(tango_by_search(n, c.lost, c.won, -margin / 100)));
      const Paired paired = compare_paired(first, second, margin);
      EXPECT_NEAR(paired.p_equivalence, expected, 1e-6) << c.lost << " " << c.won << " " << margin;
      EXPECT_EQ(paired.verdict == "equivalent", expected < 0.05);
    }
  }
}

// The rule of three: that none of n pictures differs keeps the drop below 3 / n.
TEST(Equivalence, NeedsAboutThreeHundredAlikePicturesForAPoint) {
  EXPECT_EQ(pair_up(240, 0, 0, 10).verdict, "undecided");
  EXPECT_EQ(pair_up(290, 0, 0, 10).verdict, "equivalent");
}

// A made-up data set that goes on as it began is decided by the pictures that were asked for.
TEST(Equivalence, TheMorePicturesDecide) {
  for (const auto& [lost, won] : {std::pair{8, 5}, {9, 9}, {12, 4}}) {
    const Paired few = pair_up(343, lost, won, 157 - lost - won);
    ASSERT_EQ(few.verdict, "undecided");
    ASSERT_GT(few.more_pictures, 0);
    const double times = 1 + double(few.more_pictures) / 500;
    const auto more = [&](int count) { return int(std::lround(count * times)); };
    EXPECT_NE(pair_up(more(343), more(lost), more(won), more(157 - lost - won)).verdict,
              "undecided");
  }
}

TEST(Mean95, CoversTheMean) {
  std::mt19937_64 random(7);
  std::exponential_distribution<double> skewed(2);
  int covered = 0;
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<double> values(200);
    for (double& v : values) v = skewed(random);
    const Mean mean = mean95(values);
    covered += mean.ci95.low <= 0.5 && 0.5 <= mean.ci95.high;
  }
  EXPECT_GE(covered, 180);  // seed 7; 95 % of 200 are 190
  EXPECT_LE(covered, 199);
  EXPECT_EQ(mean95({}).mean, 0);
}

TEST(ScoreDivergence, IsKullbackAndLeiblers) {
  const std::vector<float> first{0.5f, 0.25f, 0.25f}, second{0.25f, 0.5f, 0.25f};
  EXPECT_NEAR(score_divergence(first, second), 0.25 * std::log(2), 1e-12);
  EXPECT_NEAR(score_divergence(first, first), 0, 1e-15);
  EXPECT_TRUE(std::isfinite(score_divergence(first, std::vector<float>{1, 0, 0})));
}

// Class 3 loses ten of its pictures and wins none: one chance in 1024. Nineteen other classes
// differ on one picture each, which could never be significant and does not count.
TEST(HarmedClasses, AreThoseBeyondChanceAmongAll) {
  std::vector<int32_t> labels;
  std::vector<uint8_t> first, second;
  for (int32_t c = 0; c < 20; ++c) {
    for (int i = 0; i < 50; ++i) {
      labels.push_back(c);
      first.push_back(1);
      second.push_back(i >= (c == 3 ? 10 : 1));
    }
  }
  const std::vector<HarmedClass> harmed = harmed_classes(labels, first, second);
  ASSERT_EQ(harmed.size(), 1u);
  EXPECT_EQ(harmed[0].index, 3);
  EXPECT_EQ(harmed[0].n, 50);
  EXPECT_EQ(harmed[0].right_to_wrong, 10);
  EXPECT_NEAR(harmed[0].p, std::exp2(-10), 1e-15);
  EXPECT_TRUE(harmed_classes(labels, second, first).empty());  // a gain is no harm
}

// Of a thousand fair classes, one in twenty such data sets may name a class.
TEST(HarmedClasses, AreSeldomFoundWhereThereIsNoHarm) {
  std::mt19937_64 random(11);
  int named = 0;
  for (int trial = 0; trial < 40; ++trial) {
    std::vector<int32_t> labels;
    std::vector<uint8_t> first, second;
    for (int32_t i = 0; i < 20000; ++i) {
      labels.push_back(i % 1000);
      first.push_back(random() % 4 != 0);
      second.push_back(random() % 4 != 0);
    }
    named += harmed_classes(labels, first, second).empty() ? 0 : 1;
  }
  EXPECT_LE(named, 6);  // seed 11; 2 are expected at most
}

}  // namespace
}  // namespace octavo
