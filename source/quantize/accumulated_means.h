// The means of what convolutions accumulate in the simulated network, beside the float network's:
// what corrections of biases go by (correct.h, correct_in_order.h).
#pragma once

#include <functional>
#include <vector>

#include "quantize/pass.h"
#include "quantize/simulate.h"

namespace octavo {

// Runs the i-th picture of calibration.repair by a worker of the sweep and shows its tensors to
// `measure`.
using MeasuredRun = std::function<Status(size_t i, size_t worker, const Probe& measure)>;

// That picture, as load_values gives it.
Result<std::vector<float>> repair_values(const PassInputs& inputs, size_t i);

// By tensor: every convolution's accumulated output over the pictures of calibration.repair, but
// those that are far beyond the others in it. Empty where `run` shows none.
Result<std::vector<ChannelMeans>> accumulated_means(const PassInputs& inputs, const Sweep& sweep,
                                                    const MeasuredRun& run);

// What the means of a step's channels are short of the float network's.
std::vector<double> missing_means(const PassInputs& inputs, const FormedStep& step,
                                  const std::vector<ChannelMeans>& means);

}  // namespace octavo
