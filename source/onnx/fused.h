// Inside the room: operators that ONNX Runtime's optimizer joins with the activation behind them.
#pragma once

#include "onnx/context.h"

namespace octavo::onnx {

// What the node's attribute "activation" makes of y; y itself where it has none.
Value with_activation(NodeContext& node, const Value& y, const std::vector<float>& parameters);

}  // namespace octavo::onnx
