// Weights rounded one after the other, each rounding error made good by the weights
// still to come, as far as the inputs allow: neighbouring taps and related channels see much the
// same, so errors can be made to cancel in the output. (OBQ, Frantar and Alistarh 2022, in
// the order and by the Cholesky factor of GPTQ, Frantar et al. 2023.)
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quantize/pass.h"

namespace octavo {

// Of an error form (tap_moments.h). Empty where it is not positive definite.
struct InverseFactor {
  std::vector<double> upper;   // [size, size]: U with F^-1 = U^T U, in `order`
  std::vector<int32_t> order;  // taps by falling variance
};
InverseFactor inverse_factor(std::span<const double> form);
// Rounds one row anew. `factor`: of the row's block. values and row: that block's. unit: real value
// of one step.
void round_compensated(const InverseFactor& factor, std::span<const double> values, double unit,
                       std::span<int16_t> row);

// By step: the weights of every convolution, as round_by_taps.
Result<std::vector<std::vector<int16_t>>> compensate_weights(const PassInputs& inputs,
                                                             const Quantization& q);

}  // namespace octavo
