// Bias correction (Nagel et al. 2019): rounding shifts the mean of what a convolution
// accumulates; its bias can take that back for nothing.
//
// Each convolution is corrected for what its own weights and its own input's rounding
// do, on the float network's values, so that one sweep serves all of them. (Corrections for the
// whole simulated shift at once overshoot: every layer would answer for those before it.)
#pragma once

#include "quantize/pass.h"

namespace octavo {

// By step: what brings the mean of each output channel of a convolution back to the float
// network's, over the pictures of calibration.repair and with rounded float values as input. Empty
// where a file's own integers stay, and for other steps.
Result<std::vector<std::vector<double>>> correct_biases(const PassInputs& inputs,
                                                        const Quantization& q);

}  // namespace octavo
