// Smooth activations as 65 knots (docs/numerics.md, "Table").
#pragma once

#include <array>
#include <cstdint>

#include "graph/operator.h"

namespace octavo {

struct ActivationTable {
  std::array<int16_t, 65> knots{};
  double centre = 0;         // the argument of the middle knot; the step takes it off
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

// Which arguments a table covers.
struct TableSpan {
  double lo = 0, hi = 0;  // what calibration saw
  bool centred = true;    // the middle knot must be at 0: the step has nothing to shift it with
};

// Covers the span with a margin, but not where the function has arrived at its end; the ends are
// clamped. Smooth functions are fitted by least squares, those with a corner at zero go through
// it exactly and are centred.
ActivationTable make_table(const Unary& unary, TableSpan span);
// The same with the arguments of the first and the last knot given; the function is finite between
// them.
ActivationTable make_table_between(const Unary& unary, double lo, double hi);

}  // namespace octavo
