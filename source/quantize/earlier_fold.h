// What a fold of the same calibration came to with other tensors in 16 bits. Most convolutions read
// and hold the same as there, and what is made of that alone need not be made again.
#pragma once

#include <optional>
#include <vector>

#include "quantize/pass.h"

namespace octavo {

struct EarlierFold {
  // Of the same tensors, maybe without the copies that this one has.
  const StepNetwork& network;
  const Quantization& quantization;
};

// By step: the convolution of inputs.earlier with the same real weights, stored input and integers
// as they are rounded each on its own; none where there is none.
std::vector<std::optional<size_t>> same_convolutions(const PassInputs& inputs,
                                                     const Quantization& q);

}  // namespace octavo
