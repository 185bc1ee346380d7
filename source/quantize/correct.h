// Bias correction (Nagel et al. 2019): rounding shifts the mean of what a convolution
// accumulates; its bias can take that back for nothing.
//
// Each convolution is corrected for what its own weights and its own input's rounding
// do, on the float network's values, so that one sweep serves all of them. (Corrections for the
// whole simulated shift at once overshoot: every layer would answer for those before it.)
#pragma once

#include "quantize/simulate.h"

namespace octavo {

// Moves real_bias of every convolution so that, over the pictures of calibration.repair and
// with rounded float values as input, the mean of each output channel is the float network's.
Status correct_biases(const Graph& graph, const FormedSteps& formed, const Calibration& calibration,
                      const StepTables& tables, const InputMapping& mapping,
                      const CalibrationFeed& feed, const Sweep& sweep, Choice& choice);

}  // namespace octavo
