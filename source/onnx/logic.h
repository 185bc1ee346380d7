// Inside the room: comparisons of computed numbers, which are numbers too: one where they hold,
// zero elsewhere (exact but within 6e-8 of the border).
#pragma once

#include <string_view>

#include "onnx/context.h"

namespace octavo::onnx {

// One where a > b; the nodes are named after `part`.
Value is_above(NodeContext& node, std::string_view part, const Value& a, const Value& b);
// -1, 0 or 1.
Value sign_of(NodeContext& node, const Value& x);
// One where x is not zero.
Value is_not_zero(NodeContext& node, const Value& x);

}  // namespace octavo::onnx
