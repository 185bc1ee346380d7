// Inside the room: one overload an operator that constants go through.
#pragma once

#include <optional>
#include <span>

#include "onnx/evaluate.h"

namespace octavo::onnx::evaluate_rules {

using Folded = Result<std::optional<Constant>>;

Folded fold(const Reshape& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const Expand& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const Transpose& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const Slice& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const Gather& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const Concat& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const Pad& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const Unary& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const Binary& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const ChannelAffine& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const Reduce& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const MatMul& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const Conv2d& op, std::span<const Constant> inputs, const Shape& out);
// The rest is not folded.
Folded fold(const Pool2d& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const Softmax& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const LayerNorm& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const Resize& op, std::span<const Constant> inputs, const Shape& out);
Folded fold(const FakeQuantize& op, std::span<const Constant> inputs, const Shape& out);

}  // namespace octavo::onnx::evaluate_rules
