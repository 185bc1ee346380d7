// Smooth activations as 65 knots (docs/numerics.md, "Table").
#pragma once

#include <array>
#include <cstdint>

#include "graph/operator.h"

namespace octavo {

struct ActivationTable {
  std::array<int16_t, 65> knots{};
  double argument_unit = 1;  // real value of one unit of the 16-bit argument
  double result_unit = 1;    // real value of one unit of T
  float argument_factor = 1;

  // What the integer step gives for a real argument, as numerics.md says.
  float operator()(float argument) const;
};

// The exact function, in double precision.
double activation_value(const Unary& unary, double x);

// Whether the epilogue writes the function out instead (HardSwish, HardSigmoid, a clip).
bool is_written_out(const Unary& unary);

// Covers at least the arguments [lo, hi] that calibration saw, with a margin; the ends are
// clamped. Smooth functions are fitted by least squares, those with a corner at zero
// go through it exactly.
ActivationTable make_table(const Unary& unary, double lo, double hi);

}  // namespace octavo
