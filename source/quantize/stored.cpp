#include "quantize/stored.h"

#include <algorithm>
#include <cmath>

namespace octavo {

StoredLevels stored_clamp(const FormedStep& step, const StoredTensor& tensor, size_t channel) {
  const double scale = tensor.scale[channel];
  const int32_t zero = tensor.zero_point[channel];
  const auto stored = [&](double real) {
    const double value = std::clamp(std::rint(real / scale) + zero, -1e9, 1e9);
    return std::clamp(static_cast<int32_t>(value), tensor.levels.lo, tensor.levels.hi);
  };
  StoredLevels clamp = tensor.levels;
  if (std::isfinite(step.lo)) clamp.lo = stored(step.lo);
  if (std::isfinite(step.hi)) clamp.hi = std::max(clamp.lo, stored(step.hi));
  return clamp;
}

BiasTerms StoredConvolution::terms(size_t output) const {
  const double shift = bias_shift.empty() ? 0.0 : bias_shift[output];
  const size_t group = output / static_cast<size_t>(integers->outputs_per_group);
  return {integers->real_bias[output] + shift - centre, integers->offsets[group]};
}

namespace {

constexpr int64_t largest_bias = 2147483647;  // of 32 bits

}  // namespace

std::vector<int64_t> stored_bias(const StoredConvolution& convolution) {
  std::vector<int64_t> out(convolution.outputs());
  for (size_t o = 0; o < out.size(); ++o) {
    out[o] = fold_bias(convolution.row(o), convolution.unit(o), convolution.terms(o));
    if (!convolution.integers->keeps_u16) out[o] = std::clamp(out[o], -largest_bias, largest_bias);
  }
  return out;
}

bool accumulates_wide(const StoredConvolution& convolution) {
  if (!convolution.integers->keeps_u16) return false;
  const auto& weights = convolution.weights;
  const std::vector<int64_t> bias = stored_bias(convolution);
  return std::any_of(weights.begin(), weights.end(), [](int w) { return w < -128 || w > 127; }) ||
         std::any_of(bias.begin(), bias.end(),
                     [](int64_t b) { return std::abs(b) > largest_bias; });
}

}  // namespace octavo
