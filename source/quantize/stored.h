// What a step stores: how a tensor's values are integers, what bounds them, and a convolution's
// integers as the plan will have them. The simulation and the lowering both go by it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "plan/plan.h"
#include "quantize/ranges.h"
#include "quantize/steps.h"
#include "quantize/weights.h"

namespace octavo {

// real = (stored - zero_point) * scale, one entry a channel.
struct StoredTensor {
  ElementType type = ElementType::u8;
  StoredLevels levels;
  std::vector<double> scale;
  std::vector<int32_t> zero_point;

  bool operator==(const StoredTensor&) const = default;
};

// The largest magnitude of a stored value that counts in the proof of a convolution's sums: those
// of u16 are wider than 32 bits, so that only the bias must fit (keeps_u16: not even that).
inline int64_t counted_magnitude(const StoredTensor& input) {
  return input.type == ElementType::u16 ? 0 : input.levels.hi;
}

// Clamp of a step's output in stored values, for one channel.
StoredLevels stored_clamp(const FormedStep& step, const StoredTensor& tensor, size_t channel);

// A convolution's weights, each row rounded on its own, and what its bias is made of.
struct IntegerConvolution {
  IntegerWeights weights;         // [o, kh, kw, c / groups]
  std::vector<double> real_bias;  // the network's
  // Factor of each output's own input that the step adds as a residual (identity.h); the
  // weights are without it. Mostly empty.
  std::vector<double> identity;
  // What a stored input must have subtracted to be zero, exactly: [groups][taps]. Zero
  // points; for a picture its mean.
  std::vector<std::vector<double>> offsets;
  int64_t outputs_per_group = 1;
  bool keeps_u16 = false;  // a quantized file's integers over activations of 16 bits: sums are wide

  size_t outputs() const { return weights.unit.size(); }
  size_t taps() const { return offsets[0].size(); }
  bool operator==(const IntegerConvolution&) const = default;
};

// The same with what later passes found of it: a view.
struct StoredConvolution {
  const IntegerConvolution* integers = nullptr;
  std::span<const int16_t> weights;
  std::span<const double> bias_shift;  // mostly one an output; empty: none
  // The stored bias leaves this much off: the middle of the table that reads the sum (table.h).
  double centre = 0;

  size_t outputs() const { return integers->outputs(); }
  double unit(size_t output) const { return integers->weights.unit[output]; }
  std::span<const int16_t> row(size_t output) const {
    return weights.subspan(output * integers->taps(), integers->taps());
  }
  BiasTerms terms(size_t output) const;
};

// The bias of every output as the plan stores it, in 32 bits wherever `accumulates_wide` is not.
std::vector<int64_t> stored_bias(const StoredConvolution& convolution);

// Whether the plan needs weights of 16 bits and biases of 64: a quantized file's weights are such,
// or zero points of u16 make its biases so.
bool accumulates_wide(const StoredConvolution& convolution);

}  // namespace octavo
