// Weights rounded one after the other, each rounding error made good by the weights
// still to come, as far as the inputs allow: neighbouring taps and related channels see much the
// same, so errors can be made to cancel in the output. (OBQ, Frantar and Alistarh 2022, in
// the order and by the Cholesky factor of GPTQ, Frantar et al. 2023.)
#pragma once

#include "quantize/tap_moments.h"

namespace octavo {

// Rounds one row anew. `factor`: from inverse_factor, of the row's block. values and row:
// that block's. unit: real value of one step.
struct InverseFactor {
  std::vector<double> upper;   // [size, size]: U with (C + damping)^-1 = U^T U, in `order`
  std::vector<int32_t> order;  // taps by falling variance
};
// The covariance of block b of a group, drawn to its diagonal as far as the number of
// samples asks for. Empty where nothing varies.
InverseFactor inverse_factor(const TapMoments& moments, int64_t group, int64_t b);
void round_compensated(const InverseFactor& factor, std::span<const double> values, double unit,
                       std::span<int16_t> row);

// By step: the weights of every convolution, in its units. A row that would no longer fit its
// accumulator stays as it is. Empty where a file's own integers stay, and for other steps.
Result<std::vector<std::vector<int16_t>>> compensate_weights(const PassInputs& inputs,
                                                             const Quantization& q);

}  // namespace octavo
