#include "evaluate/statistics.h"

#include <gtest/gtest.h>

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

TEST(ComparePaired, JudgesByTheInterval) {
  EXPECT_EQ(pair_up(4000, 3, 3, 994).verdict, "equivalent");
  EXPECT_EQ(pair_up(343, 8, 5, 144).verdict, "undecided");
  EXPECT_EQ(pair_up(300, 60, 10, 130).verdict, "worse");
  EXPECT_EQ(pair_up(300, 10, 60, 130).verdict, "better");
  EXPECT_EQ(pair_up(0, 0, 0, 0).verdict, "undecided");
}

}  // namespace
}  // namespace octavo
