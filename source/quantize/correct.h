// Bias correction (Nagel et al. 2019): rounding shifts the mean of what a convolution
// accumulates; its bias can take that back for nothing.
//
// Each convolution is corrected for what its own weights and its own input's rounding
// do, on the float network's values, so that one sweep serves all of them. (What
// those before it shift is for correct_in_order.h.)
#pragma once

#include "quantize/pass.h"

namespace octavo {

// The proof of the accumulator left a bias of this unit so much room.
constexpr double largest_bias_shift(double unit) {
  return unit * (1 << 24);
}

// By step: what brings the mean of each output channel of a convolution back to the float
// network's, over the pictures of calibration.repair and with rounded float values as input. Empty
// where a file's own integers stay, and for other steps.
Result<std::vector<std::vector<double>>> correct_biases(const PassInputs& inputs,
                                                        const Quantization& q);

}  // namespace octavo
