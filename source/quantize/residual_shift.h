// A fraction of an accumulator's unit where a step has no place for one of its own: if it adds a
// residual, whole units of the two together make it.
#pragma once

#include <cstdint>

namespace octavo {

struct ResidualShift {
  int32_t residual = 0;  // units of the residual
  int64_t bias = 0;      // of the accumulator
};

// The pair that comes nearest to `rest` units of the accumulator, residual being within `most`;
// multiplier and residual_multiplier: what a unit of each is in the step's output.
ResidualShift residual_shift(double rest, double multiplier, double residual_multiplier,
                             int32_t most);

}  // namespace octavo
