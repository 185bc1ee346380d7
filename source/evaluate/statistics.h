// Statistics of accuracy: intervals, and paired comparison of two models on the same pictures.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace octavo {

struct Interval {
  double low = 0, high = 0;
};

// Wilson score interval of `right` of `n`, 95 %, as fractions.
Interval wilson95(int64_t right, int64_t n);

// Two classifiers on the same n pictures: only the pictures on which exactly one is
// right carry information (McNemar 1947).
struct Paired {
  int64_t n = 0;
  int64_t right_to_wrong = 0;  // first right, second wrong
  int64_t wrong_to_right = 0;
  int64_t agree = 0;           // same Top-1, right or wrong: for the caller to count
  double drop = 0;             // points of Top-1 that the second loses
  Interval drop_ci95;          // Newcombe's (1998, method 10) interval for paired proportions
  double p_mcnemar = 1;        // exact, two-sided
  std::string_view verdict;    // "equivalent" (interval within +-1 point), "worse", "better", "undecided"
};
Paired compare_paired(std::span<const uint8_t> first_right, std::span<const uint8_t> second_right);

}  // namespace octavo
