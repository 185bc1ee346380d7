// Inside the room: scales and zero points as files state them, and the two halves of a pair.
#pragma once

#include "onnx/context.h"

namespace octavo::onnx {

// One scale and zero point, or one an entry along `axis`.
struct Quantizer {
  std::vector<float> scale;
  std::vector<int64_t> zero_point;
  DataType type = DataType::undefined;
  int64_t axis = 0;

  bool by_axis() const { return scale.size() > 1; }
  bool operator==(const Quantizer&) const = default;
};

// Where a node has its scale and its zero point, and what holds where it leaves these out.
struct QuantizerInputs {
  size_t scale = 1, zero_point = 2;
  DataType fallback = DataType::undefined;  // the type where there is no zero point to state it
  int64_t axis = 1;                         // counts only with more than one scale
};

// For a tensor of shape `x`. Fails where the file's numbers make no sense.
std::optional<Quantizer> read_quantizer(NodeContext& node, const Shape& x,
                                        const QuantizerInputs& where);

// A rounding point, and a constant's integers. `part` names the helper; none: the node itself.
Value quantized(NodeContext& node, const Value& x, const Quantizer& q, std::string_view part);
Value dequantized(NodeContext& node, const Value& x, const Quantizer& q);

}  // namespace octavo::onnx
