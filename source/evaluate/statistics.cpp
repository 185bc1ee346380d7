#include "evaluate/statistics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

namespace octavo {

namespace {

// Points of the normal distribution.
constexpr double z95 = 1.959963984540054;        // 97.5 %
constexpr double z95_one = 1.6448536269514722;   // 95 %, of one side
constexpr double z80_power = 0.8416212335729143;  // 80 %
constexpr double significance = 0.05;

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

// The chance of at most k heads of n fair coins.
double at_most_heads(int64_t k, int64_t n) {
  const auto coins = static_cast<double>(n);
  double log_term = -coins * std::log(2.0);  // of 0 heads
  double sum = std::exp(log_term);
  for (int64_t heads = 1; heads <= k; ++heads) {
    const auto h = static_cast<double>(heads);
    log_term += std::log((coins - h + 1) / h);
    sum += std::exp(log_term);
  }
  return std::min(1.0, sum);
}

// Two-sided: twice the chance of a split at least as uneven as this one on its side.
double exact_mcnemar(int64_t a, int64_t b) {
  return std::min(1.0, 2 * at_most_heads(std::min(a, b), a + b));
}

double normal_below(double z) {
  return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

// How far the drop that was seen is from one of `delta` (a fraction), in the standard errors
// that such a drop would have. T. Tango, Equivalence test and confidence interval for the
// difference in proportions for the paired-sample design, Statistics in Medicine 17 (1998),
// 891-908.
double tango_score(double n, double lost, double won, double delta) {
  const double b = (2 * n - lost + won) * delta - lost - won;
  const double c = -won * delta * (1 - delta);
  const double rate_won = (std::sqrt(b * b - 8 * n * c) - b) / (4 * n);
  return (lost - won - n * delta) / std::sqrt(n * (2 * rate_won + delta * (1 - delta)));
}

// The larger p of the two one-sided tests (D. J. Schuirmann, Journal of Pharmacokinetics and
// Biopharmaceutics 15 (1987), 657-680).
double equivalence_p(const Paired& paired) {
  const double delta = paired.margin / 100;
  if (delta >= 1) return 0;
  const auto n = static_cast<double>(paired.n);
  const auto lost = static_cast<double>(paired.right_to_wrong);
  const auto won = static_cast<double>(paired.wrong_to_right);
  return std::max(normal_below(tango_score(n, lost, won, delta)),
                  normal_below(-tango_score(n, lost, won, -delta)));
}

std::string_view verdict(const Paired& paired) {
  if (paired.p_equivalence < significance) return "equivalent";
  if (paired.drop_ci95.low > 0) return "worse";
  return paired.drop_ci95.high < 0 ? "better" : "undecided";
}

// If pictures go on to differ as often as so far, with the drop that was seen: how many it
// takes to show equivalence, or that the drop is one.
int64_t pictures_to_decide(const Paired& paired) {
  const auto n = static_cast<double>(paired.n);
  const auto lost = static_cast<double>(paired.right_to_wrong);
  const auto won = static_cast<double>(paired.wrong_to_right);
  // One more of them: that none was seen does not say that there are none.
  const double differ = (lost + won + 1) / (n + 1), drop = (lost - won) / n;
  const double variance = differ - drop * drop;
  const auto needed = [&](double z, double gap) {
    const double errors = (z + z80_power) / gap;
    return errors * errors * variance;
  };
  double most = 1e12;
  const double room = paired.margin / 100 - std::fabs(drop);
  if (room > 0) most = std::min(most, needed(z95_one, room));
  if (drop != 0) most = std::min(most, needed(z95, std::fabs(drop)));
  // Short of luck so far: a tenth more at least.
  return static_cast<int64_t>(std::ceil(std::max(most - n, n / 10)));
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

Mean mean95(std::span<const double> values) {
  if (values.empty()) return {};
  constexpr size_t resamples = 1000;
  const auto mean_of = [&](const auto& pick) {
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += values[pick(i)];
    return sum / static_cast<double>(values.size());
  };
  std::mt19937_64 random(1);
  std::vector<double> means(resamples);
  for (double& mean : means) {
    mean = mean_of([&](size_t) { return static_cast<size_t>(random() % values.size()); });
  }
  std::sort(means.begin(), means.end());
  return {mean_of([](size_t i) { return i; }),
          {means[resamples / 40], means[resamples - 1 - resamples / 40]}};
}

double score_divergence(std::span<const float> first, std::span<const float> second) {
  constexpr double least = 1e-12;
  double sum = 0;
  for (size_t i = 0; i < std::min(first.size(), second.size()); ++i) {
    const double p = std::max<double>(first[i], least), q = std::max<double>(second[i], least);
    sum += p * std::log(p / q) - p + q;  // no term is below 0, also where scores are rounded
  }
  return sum;
}

Paired compare_paired(std::span<const uint8_t> first_right, std::span<const uint8_t> second_right,
                      double margin) {
  Paired paired;
  paired.margin = margin;
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
  paired.p_equivalence = equivalence_p(paired);
  paired.verdict = verdict(paired);
  if (paired.verdict == "undecided") paired.more_pictures = pictures_to_decide(paired);
  return paired;
}

// Classes with so few pictures that differ that they could never be significant are not
// counted among the tests (R. E. Tarone, A modified Bonferroni method for discrete data,
// Biometrics 46 (1990), 515-522).
std::vector<HarmedClass> harmed_classes(std::span<const int32_t> labels,
                                        std::span<const uint8_t> first_right,
                                        std::span<const uint8_t> second_right) {
  std::map<int32_t, HarmedClass> classes;
  for (size_t i = 0; i < labels.size(); ++i) {
    HarmedClass& c = classes[labels[i]];
    c.index = labels[i];
    ++c.n;
    c.right_to_wrong += first_right[i] && !second_right[i];
    c.wrong_to_right += !first_right[i] && second_right[i];
  }
  const auto can_be_significant = [&](const HarmedClass& c, size_t tests) {
    const auto differ = static_cast<double>(c.right_to_wrong + c.wrong_to_right);
    return std::exp2(-differ) * static_cast<double>(tests) < significance;
  };
  size_t tests = 1;
  while (static_cast<size_t>(std::count_if(classes.begin(), classes.end(), [&](const auto& entry) {
           return can_be_significant(entry.second, tests);
         })) > tests) {
    ++tests;
  }
  std::vector<HarmedClass> harmed;
  for (auto& [index, c] : classes) {
    const double p = at_most_heads(c.wrong_to_right, c.right_to_wrong + c.wrong_to_right);
    c.p = std::min(1.0, p * static_cast<double>(tests));
    if (c.p < significance) harmed.push_back(c);
  }
  std::stable_sort(harmed.begin(), harmed.end(),
                   [](const HarmedClass& a, const HarmedClass& b) { return a.p < b.p; });
  return harmed;
}

}  // namespace octavo
