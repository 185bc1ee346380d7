// The integer weights of every convolution, each row rounded on its own with the scale that costs
// its output least, raised where sums of them could leave the accumulator.
#pragma once

#include "quantize/pass.h"

namespace octavo {

std::vector<IntegerConvolution> round_weights(const PassInputs& inputs, const Quantization& q);

// One of them, whatever its sums, where its input is stored as in `tensors`.
IntegerConvolution round_convolution(const PassInputs& inputs,
                                     const std::vector<StoredTensor>& tensors,
                                     const FormedStep& step);

}  // namespace octavo
