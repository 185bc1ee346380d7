// A float tensor in place of a picture: how it enters (docs/numerics.md, "Borders and the
// first tensor").
#pragma once

#include <cstddef>
#include <span>

#include "plan/plan.h"
#include "runtime/layout.h"

namespace octavo::runtime {

// Writes row-major [1, h, w, c] to the input's place in the arena. Infinite values are
// clamped, NaN becomes the smallest stored value.
void quantize_input(const Plan& plan, std::span<const float> input, const TensorLayout& layout,
                    std::byte* pixels);

}  // namespace octavo::runtime
