// Constant folding: an operator of the intermediate representation on constants. The
// same functions that import an operator thereby fold it, so that its meaning is
// written once.
#pragma once

#include <optional>
#include <span>

#include "onnx/value.h"

namespace octavo::onnx {

// The operator's value, its shape being `out` (as infer_shape gave it); nothing for an
// operator that is not folded (pools, resizes, normalizations), which then stays in
// the graph. An Error when the budget is spent or integers meet an operator for floats.
Result<std::optional<Constant>> evaluate(const Operator& op, std::span<const Constant> inputs,
                                         const Shape& out, Budget& budget);

// numpy's broadcast of a constant to a shape that infer_shape has accepted.
Constant broadcast_to(const Constant& constant, const Shape& shape);

}  // namespace octavo::onnx
