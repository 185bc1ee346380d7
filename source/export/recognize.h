// What a plan has as tables, as the functions that the tables were made from. A plan names none: a
// function is recognized by making its table anew and finding the same integers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "graph/operator.h"
#include "plan/plan.h"

namespace octavo {

struct RecognizedFunction {
  Unary unary;
  double centre = 0;         // the argument of the middle knot
  double argument_unit = 1;  // real value of one unit of the 16-bit argument
};

// knots: 65. result_unit: real value of one unit of T (docs/numerics.md, "Table"). Empty where no
// known function gives them, to within the rounding of a knot.
std::optional<RecognizedFunction> recognize_function(std::span<const int16_t> knots,
                                                     double result_unit);

// The scale of the argument with which a softmax's tables are those of the exponential.
std::optional<double> softmax_scale(const SoftmaxStep& step, double likely_scale);

// The Resize from [.., rows, columns, ..] that has these taps.
std::optional<Resize> recognize_resize(const ResizeStep& step, int64_t rows, int64_t columns);

}  // namespace octavo
