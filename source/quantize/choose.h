// Types, scales, zero points and integer weights for the steps of a network.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quantize/calibrate.h"
#include "quantize/flow.h"
#include "quantize/ranges.h"
#include "quantize/weights.h"

namespace octavo {

// real = (stored - zero_point) * scale, one entry a channel.
struct StoredTensor {
  ElementType type = ElementType::u8;
  StoredLevels levels;
  std::vector<double> scale;
  std::vector<int32_t> zero_point;
};

// The largest magnitude of a stored value that counts in the proof of a convolution's sums: those
// of u16 are wider than 32 bits, so that only the bias must fit.
inline int64_t counted_magnitude(const StoredTensor& input) {
  return input.type == ElementType::u16 ? 0 : input.levels.hi;
}

struct IntegerConvolution {
  IntegerWeights weights;         // [o, kh, kw, c / groups]
  std::vector<double> real_bias;  // with the correction
  // Factor of each output's own input that the step adds as a residual (identity.h); the
  // weights are without it. Mostly empty.
  std::vector<double> identity;
  // What a stored input must have subtracted to be zero, exactly: [groups][taps]. Zero
  // points; for a picture its mean.
  std::vector<std::vector<double>> offsets;
  int64_t outputs_per_group = 1;
  // The stored bias leaves this much off: the middle of the table that reads the sum (table.h).
  double centre = 0;

  BiasTerms terms(int64_t output) const {
    return {real_bias[static_cast<size_t>(output)] - centre,
            offsets[static_cast<size_t>(output / outputs_per_group)]};
  }
};

struct Choice {
  std::vector<StoredTensor> tensors;             // by tensor; no scale where nothing is stored
  std::vector<IntegerConvolution> convolutions;  // by step; empty for other kinds
  TensorId logits = 0;                           // the one f32 tensor
};

struct ChooseOptions {
  RangeMethod method = RangeMethod::automatic;
  double percentile = 99.999;
  bool per_channel_weights = true;
  std::vector<ElementType> types;  // by tensor (types.h); empty: u8
};

Choice choose(const Graph& graph, const FormedSteps& formed, const Calibration& calibration,
              const InputMapping& mapping, const ChooseOptions& options);

}  // namespace octavo
