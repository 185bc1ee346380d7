// Inside the room: moves that several operators need.
#pragma once

#include "onnx/context.h"

namespace octavo::onnx {

// x itself where it has the shape already; constants without elements too.
Value reshaped(NodeContext& node, const Value& x, const Shape& shape);

// numpy's slice of one or more axes; x itself where nothing is cut. One entry an axis.
Value sliced(NodeContext& node, std::string_view part, const Value& x, const Slice& slice);

// The slice that keeps everything.
Slice whole(const Shape& shape);

}  // namespace octavo::onnx
