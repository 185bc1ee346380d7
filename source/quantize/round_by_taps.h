// Weights rounded anew by what the taps of a convolution see together (tap_moments.h): what such
// passes have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "quantize/pass.h"

namespace octavo {

// Rounds the weights of one block of one row. values: real, times the scale of their inputs; row:
// what they are rounded to so far; unit: real value of one step.
using RowRounder =
    std::function<void(std::span<const double> values, double unit, std::span<int16_t> row)>;
// That of a block of taps by its error form; empty: the block's rows stay as they are.
using BlockRounder = std::function<RowRounder(std::span<const double> form)>;

using RoundedWeights = std::vector<std::vector<int16_t>>;  // by step

// By step: whose weights are not those of inputs.earlier anyway.
std::vector<bool> steps_to_round(const PassInputs& inputs, const Quantization& q);

// By step: the weights of every convolution, in its units; those of inputs.earlier, in its `field`,
// where they would be the same. A row that would no longer fit its
// accumulator stays as it is. Empty where a file's own integers stay, and for other steps.
Result<RoundedWeights> round_by_taps(const PassInputs& inputs, const Quantization& q,
                                     RoundedWeights Quantization::* field,
                                     const BlockRounder& rounder);

}  // namespace octavo
