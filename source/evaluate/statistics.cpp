#include "evaluate/statistics.h"

#include <algorithm>
#include <cmath>

namespace octavo {

namespace {

constexpr double z95 = 1.959963984540054;  // the 97.5 % point of the normal distribution

// A fourfold table of pairs.
struct Table {
  double both = 0, first_only = 0, second_only = 0, neither = 0;
};

// Correlation of the two with Newcombe's continuity correction; 0 where it is not defined.
double corrected_phi(const Table& t) {
  const double n = t.both + t.first_only + t.second_only + t.neither;
  const double product = (t.both + t.first_only) * (t.second_only + t.neither) *
                         (t.both + t.second_only) * (t.first_only + t.neither);
  if (product == 0) return 0;
  const double raw = t.both * t.neither - t.first_only * t.second_only;
  return (raw > 0 ? std::max(raw - n / 2, 0.0) : raw) / std::sqrt(product);
}

double square_and_add(double a, double b, double phi) {
  return std::sqrt(std::max(0.0, a * a - 2 * phi * a * b + b * b));
}

// R. G. Newcombe, Improved confidence intervals for the difference between binomial
// proportions based on paired data, Statistics in Medicine 17 (1998), 2635-2650, method
// 10: of first minus second, as fractions.
Interval newcombe95(int64_t both, int64_t first_only, int64_t second_only, int64_t neither) {
  const int64_t n = both + first_only + second_only + neither;
  const double p1 = static_cast<double>(both + first_only) / static_cast<double>(n);
  const double p2 = static_cast<double>(both + second_only) / static_cast<double>(n);
  const Interval one = wilson95(both + first_only, n), two = wilson95(both + second_only, n);
  const double phi =
      corrected_phi({static_cast<double>(both), static_cast<double>(first_only),
                     static_cast<double>(second_only), static_cast<double>(neither)});
  return {p1 - p2 - square_and_add(p1 - one.low, two.high - p2, phi),
          p1 - p2 + square_and_add(one.high - p1, p2 - two.low, phi)};
}

// Two-sided: twice the chance of a split of a + b fair coins at least as uneven as this
// one on its side, at most 1.
double exact_mcnemar(int64_t a, int64_t b) {
  const auto n = static_cast<double>(a + b);
  double log_term = -n * std::log(2.0);  // of 0 heads
  double sum = std::exp(log_term);
  for (int64_t heads = 1; heads <= std::min(a, b); ++heads) {
    const auto k = static_cast<double>(heads);
    log_term += std::log((n - k + 1) / k);
    sum += std::exp(log_term);
  }
  return std::min(1.0, 2 * sum);
}

std::string_view verdict(const Interval& points) {
  if (points.low >= -1 && points.high <= 1) return "equivalent";
  if (points.low > 0) return "worse";
  return points.high < 0 ? "better" : "undecided";
}

}  // namespace

// E. B. Wilson, Probable inference, the law of succession, and statistical inference,
// Journal of the American Statistical Association 22 (1927), 209-212.
Interval wilson95(int64_t right, int64_t n) {
  if (n <= 0) return {0, 1};
  const auto count = static_cast<double>(n);
  const double p = static_cast<double>(right) / count;
  const double z2 = z95 * z95;
  const double centre = p + z2 / (2 * count);
  const double half = z95 * std::sqrt(p * (1 - p) / count + z2 / (4 * count * count));
  const double scale = 1 + z2 / count;
  return {right == 0 ? 0 : (centre - half) / scale, right == n ? 1 : (centre + half) / scale};
}

Paired compare_paired(std::span<const uint8_t> first_right, std::span<const uint8_t> second_right) {
  Paired paired;
  const size_t n = std::min(first_right.size(), second_right.size());
  paired.n = static_cast<int64_t>(n);
  if (n == 0) {
    paired.drop_ci95 = {-100, 100};
    paired.verdict = "undecided";
    return paired;
  }
  int64_t both = 0, neither = 0;
  for (size_t i = 0; i < n; ++i) {
    const bool first = first_right[i] != 0, second = second_right[i] != 0;
    both += first && second;
    neither += !first && !second;
    paired.right_to_wrong += first && !second;
    paired.wrong_to_right += !first && second;
  }
  const Interval drop = newcombe95(both, paired.right_to_wrong, paired.wrong_to_right, neither);
  paired.drop_ci95 = {100 * drop.low, 100 * drop.high};
  paired.drop = 100 * static_cast<double>(paired.right_to_wrong - paired.wrong_to_right) /
                static_cast<double>(n);
  paired.p_mcnemar = exact_mcnemar(paired.right_to_wrong, paired.wrong_to_right);
  paired.verdict = verdict(paired.drop_ci95);
  return paired;
}

}  // namespace octavo
