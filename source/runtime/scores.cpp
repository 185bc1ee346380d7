// Logits to scores without libm: docs/numerics.md, "Logits and scores".
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/float_mode.h"
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

constexpr double log2_e = 1.4426950408889634;

std::vector<Score> softmax_scores(std::span<const float> logits) {
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
  return scores;
}

// One number: what it says of the second class, and the rest.
std::vector<Score> two_classes(OutputKind kind, float output) {
  if (kind == OutputKind::logits || kind == OutputKind::sigmoids) {
    const double e = power_of_two(-std::fabs(static_cast<double>(output)) * log2_e);
    const auto likely = static_cast<float>(1 / (1 + e)), other = static_cast<float>(e / (1 + e));
    const bool second = output > 0;
    return {{0, -output, second ? other : likely}, {1, output, second ? likely : other}};
  }
  return {{0, 1 - output, 1 - output}, {1, output, output}};
}

std::vector<Score> best(std::vector<Score> scores, int k) {
  const auto count = static_cast<ptrdiff_t>(std::min(scores.size(), static_cast<size_t>(k)));
  std::partial_sort(scores.begin(), scores.begin() + count, scores.end(),
                    [](const Score& a, const Score& b) {
                      const float left = rank(a.logit), right = rank(b.logit);
                      return left > right || (left == right && a.index < b.index);
                    });
  scores.resize(static_cast<size_t>(count));
  return scores;
}

}  // namespace

float sigmoid_score(float logit) {
  const FloatMode mode;
  return two_classes(OutputKind::sigmoids, logit)[1].score;
}

std::vector<Score> top_scores(std::span<const float> logits, int k) {
  const FloatMode mode;
  if (logits.empty() || k <= 0) return {};
  return best(softmax_scores(logits), k);
}

std::vector<Score> all_scores(OutputKind kind, std::span<const float> outputs) {
  const FloatMode mode;
  if (outputs.empty()) return {};
  if (outputs.size() == 1) return two_classes(kind, outputs[0]);
  if (kind == OutputKind::logits) return softmax_scores(outputs);
  std::vector<Score> scores;
  for (const float output : outputs) {
    const float score = kind == OutputKind::sigmoids ? two_classes(kind, output)[1].score : output;
    scores.push_back({static_cast<int32_t>(scores.size()), output, score});
  }
  return scores;
}

std::vector<Score> top_scores(OutputKind kind, std::span<const float> outputs, int k) {
  if (outputs.empty() || k <= 0) return {};
  return best(all_scores(kind, outputs), k);
}

}  // namespace octavo
