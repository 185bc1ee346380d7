// QuantizeLinear and DequantizeLinear, of ONNX and of com.microsoft. On constants they are
// computed; around an activation a pair of equal parameters is one rounding. What lies between
// the two halves of a pair is a quantized value, which only what moves values may read.
#include "base/text.h"
#include "onnx/operators.h"
#include "onnx/quantizer.h"

namespace octavo::onnx {

namespace {

std::optional<Quantizer> quantizer_of(NodeContext& node, DataType fallback) {
  const bool blocks = node.integer("block_size", 0) != 0;
  QuantizerInputs where{1, 2, fallback, node.integer("axis", 1)};
  if (blocks) {
    node.fail("it quantizes in blocks; a scale a tensor or a channel is known");
    return std::nullopt;
  }
  return read_quantizer(node, node.input(0).shape(), where);
}

Outputs quantize(NodeContext& node) {
  const int64_t stated = node.version() >= 21 ? node.integer("output_dtype", 0) : 0;
  if (node.version() >= 19) node.integer("saturate", 1);
  if (node.version() >= 23) node.integer("precision", 0);
  const auto q = quantizer_of(node, stated == 0 ? DataType::uint8 : static_cast<DataType>(stated));
  if (!q) return {};
  return {quantized(node, node.input(0), *q, "")};
}

Outputs dequantize(NodeContext& node) {
  if (node.version() >= 23) node.integer("output_dtype", 0);
  const Value& x = node.input(0);
  const DataType own = x.is_constant() ? x.constant.stored : DataType::undefined;
  const DataType stored = x.quantized ? x.quantized->type : own;
  const auto q = quantizer_of(node, stored == DataType::undefined ? DataType::int8 : stored);
  if (!q) return {};
  return {dequantized(node, x, *q)};
}

}  // namespace

std::vector<OperatorRow> quantization_operators() {
  constexpr StoredInputs read = StoredInputs::read;
  return {
      {"QuantizeLinear", 2, 3, {10, 13, 19, 21, 23, 24}, quantize},
      {"DequantizeLinear", 2, 3, {10, 13, 19, 21, 23, 24}, dequantize, {}, "", read},
      {"QuantizeLinear", 2, 3, {1}, quantize, {}, microsoft_domain},
      {"DequantizeLinear", 2, 3, {1}, dequantize, {}, microsoft_domain, read},
  };
}

}  // namespace octavo::onnx
