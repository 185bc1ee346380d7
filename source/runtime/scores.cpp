// Logits to scores without libm: docs/numerics.md, "Logits and scores".
#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/float_mode.h"
#include "runtime/program.h"

namespace octavo {

namespace {

// exp2(y) for y <= 0.
double power_of_two(double y) {
  constexpr double ln_2 = 0.6931471805599453;
  constexpr double inverse_factorial[12] = {
      1.0,       1.0,        1.0 / 2,     1.0 / 6,      1.0 / 24,      1.0 / 120,
      1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800};
  if (!(y >= -1022)) return 0;
  const double n = std::rint(y);
  const double g = (y - n) * ln_2;
  double p = inverse_factorial[11];
  for (int i = 10; i >= 0; --i) p = p * g + inverse_factorial[i];
  return std::ldexp(p, static_cast<int>(n));
}

// What ranks by: a NaN, which no plan gives, comes last.
float rank(float logit) {
  return std::isnan(logit) ? -std::numeric_limits<float>::infinity() : logit;
}

}  // namespace

std::vector<Score> top_scores(std::span<const float> logits, int k) {
  constexpr double log2_e = 1.4426950408889634;
  const runtime::FloatMode mode;
  if (logits.empty() || k <= 0) return {};
  float most = rank(logits[0]);
  for (const float logit : logits) most = std::max(most, rank(logit));

  std::vector<double> powers(logits.size());
  double sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double below = static_cast<double>(logits[i]) - static_cast<double>(most);
    powers[i] = power_of_two(below * log2_e);
    sum += powers[i];
  }
  std::vector<Score> scores(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    scores[i] = {static_cast<int32_t>(i), logits[i], static_cast<float>(powers[i] / sum)};
  }
  const auto count = static_cast<ptrdiff_t>(std::min(scores.size(), static_cast<size_t>(k)));
  std::partial_sort(scores.begin(), scores.begin() + count, scores.end(),
                    [](const Score& a, const Score& b) {
                      const float left = rank(a.logit), right = rank(b.logit);
                      return left > right || (left == right && a.index < b.index);
                    });
  scores.resize(static_cast<size_t>(count));
  return scores;
}

}  // namespace octavo
