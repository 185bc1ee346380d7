// The means of what convolutions accumulate in the simulated network, beside the float network's:
// what corrections of biases go by (correct.h, correct_in_order.h).
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "quantize/pass.h"
#include "quantize/simulate.h"

namespace octavo {

// Runs one picture, fed as `values`, by a worker of the sweep, and shows its tensors to `measure`.
using MeasuredRun =
    std::function<Status(size_t worker, std::vector<float> values, const Probe& measure)>;

// By tensor: moments of every convolution's accumulated output over the pictures of
// calibration.repair, but those that are far beyond the others in it.
Result<std::vector<ChannelMoments>> accumulated_means(const PassInputs& inputs, const Sweep& sweep,
                                                      const MeasuredRun& run);

// What the means of a step's channels are short of the float network's.
std::vector<double> missing_means(const PassInputs& inputs, const FormedStep& step,
                                  const std::vector<ChannelMoments>& means);

}  // namespace octavo
