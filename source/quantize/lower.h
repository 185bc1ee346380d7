// The chosen integers as a Plan: multipliers, clamps, folded biases, tables.
#pragma once

#include "quantize/pass.h"

namespace octavo {

// Steps and tensors only; a verified plan, or what is wrong with it.
Result<Plan> lower(const PassInputs& inputs, const Quantization& q);

}  // namespace octavo
