// Statistics of accuracy: intervals, and paired comparison of two models on the same pictures.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace octavo {

struct Interval {
  double low = 0, high = 0;
};

// Wilson score interval of `right` of `n`, 95 %, as fractions.
Interval wilson95(int64_t right, int64_t n);

// A mean with its 95 % interval by the percentile bootstrap (Efron 1979), of a fixed seed.
struct Mean {
  double mean = 0;
  Interval ci95;
};
Mean mean95(std::span<const double> values);

// Kullback-Leibler divergence of `second` from `first`, in nats: both are scores of classes
// that exclude each other, and sum to 1. Scores below 1e-12 count as that.
double score_divergence(std::span<const float> first, std::span<const float> second);

// Points of Top-1 within which two models count as the same, where nothing else is said.
constexpr double default_margin = 1;

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
  double margin = default_margin;
  double p_equivalence = 1;    // that the drop is beyond the margin on one side: two one-sided tests
  std::string_view verdict;    // "equivalent" (p_equivalence < 0.05), "worse", "better", "undecided"
  int64_t more_pictures = 0;   // undecided: about so many more decide, in 4 of 5 cases
};
// margin: in points, above 0.
Paired compare_paired(std::span<const uint8_t> first_right, std::span<const uint8_t> second_right,
                      double margin = default_margin);

// A class of which the second model recognizes fewer pictures than chance explains.
struct HarmedClass {
  int32_t index = 0;
  int64_t n = 0, right_to_wrong = 0, wrong_to_right = 0;
  double p = 1;  // exact, one-sided, corrected for the number of classes
};
// Those with p < 0.05, in order of p. labels: a picture's class.
std::vector<HarmedClass> harmed_classes(std::span<const int32_t> labels,
                                        std::span<const uint8_t> first_right,
                                        std::span<const uint8_t> second_right);

}  // namespace octavo
