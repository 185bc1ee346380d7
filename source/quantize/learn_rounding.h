// Learned rounding: of all roundings of a row's weights, one whose errors cost its output less than
// those it starts from. AdaRound (Nagel et al. 2020) states it as a quadratic problem over the
// choices of a layer; here it is gone down by single weights, the one that gains most first (as
// CDQuant, Nair and Suggala 2024), which is fast, the same everywhere, and never worse than what it
// starts from: weights that make good for each other (compensate.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quantize/pass.h"

namespace octavo {

// e F e for the errors of a row in its units. form: error_form (tap_moments.h), [size, size].
double rounding_cost(std::span<const double> form, std::span<const double> values, double unit,
                     std::span<const int16_t> row);

// Moves single weights of the row by one step, the one that takes most off the cost first, until
// none takes anything off; at most `size` times.
void descend(std::span<const double> form, std::span<const double> values, double unit,
             std::span<int16_t> row);

// By step: the weights of every convolution, as round_by_taps, starting from what they are so far.
Result<std::vector<std::vector<int16_t>>> learn_rounding(const PassInputs& inputs,
                                                         const Quantization& q);

}  // namespace octavo
