// Inside the room: Einsum, in a file of its own.
#pragma once

#include "onnx/context.h"

namespace octavo::onnx {

Outputs einstein_sum(NodeContext& node);

}  // namespace octavo::onnx
