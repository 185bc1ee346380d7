// QuantizeLinear and DequantizeLinear. On constants they are computed; around an activation a
// pair of equal parameters is one fake_quantize. What lies between the two halves of a pair is a
// quantized value, which nothing but a DequantizeLinear may read.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "onnx/operators.h"

namespace octavo::onnx {

namespace {

// Scale and zero point: one, or one an entry along `axis`.
struct Quantizer {
  const std::vector<float>* scale = nullptr;
  std::vector<int64_t> zero_point;
  DataType type = DataType::undefined;
  int64_t axis = 0;

  bool by_axis() const { return scale->size() > 1; }
};

struct Range {
  int64_t lo, hi;
};

std::optional<Range> range_of(DataType type) {
  switch (type) {
    case DataType::uint8:
      return Range{0, 255};
    case DataType::int8:
      return Range{-128, 127};
    case DataType::uint16:
      return Range{0, 65535};
    case DataType::int16:
      return Range{-32768, 32767};
    case DataType::int32:
      return Range{-2147483648LL, 2147483647};
    default:
      return std::nullopt;
  }
}

// fallback: the type where there is no zero point to state it.
std::optional<Quantizer> read_quantizer(NodeContext& node, DataType fallback) {
  Quantizer out;
  const auto refuse = [&](std::string why) {
    node.fail(std::move(why));
    return std::nullopt;
  };
  const Constant* scale = node.constant(1, "the scale");
  if (scale == nullptr) return std::nullopt;
  if (!scale->reals) return refuse("its scale is an integer");
  if (scale->reals->empty() || scale->shape.size() > 1) {
    return refuse(concat("its scale has shape ", list_text(scale->shape)));
  }
  for (const float value : *scale->reals) {
    if (!(value >= 1e-30f && value <= 1e10f)) {
      return refuse(concat("its scale ", value, " is not a number from 1e-30 to 1e10"));
    }
  }
  out.scale = scale->reals.get();
  out.type = fallback;
  out.zero_point.assign(out.scale->size(), 0);
  if (node.has_input(2)) {
    const Constant* zero = node.constant(2, "the zero point");
    if (zero == nullptr) return std::nullopt;
    if (!zero->integers || zero->integers->size() != out.scale->size()) {
      return refuse("its zero point does not fit its scale");
    }
    out.zero_point = *zero->integers;
    if (zero->stored != DataType::undefined) out.type = zero->stored;
  }
  const auto range = range_of(out.type);
  if (!range) return refuse(concat("it quantizes to ", data_type_name(out.type)));
  for (const int64_t zero : out.zero_point) {
    if (zero < range->lo || zero > range->hi) {
      return refuse(concat("its zero point ", zero, " is no ", data_type_name(out.type)));
    }
  }
  if (node.integer("block_size", 0) != 0) return refuse("it quantizes in blocks");
  const Shape& x = node.input(0).shape();
  const int64_t axis = node.integer("axis", 1);  // counts only with more than one scale
  if (!out.by_axis()) return out;
  out.axis = node.normalized_axis(axis, x.size());
  if (node.failed()) return std::nullopt;
  if (x[static_cast<size_t>(out.axis)] != static_cast<int64_t>(out.scale->size())) {
    return refuse(concat("it has ", out.scale->size(), " scales along axis ", out.axis, " of ",
                         list_text(x)));
  }
  return out;
}

// Calls f(i, entry of the scale) for every element.
template <class Function>
void for_elements(const Shape& shape, const Quantizer& q, Function f) {
  int64_t inner = 1;
  for (size_t a = static_cast<size_t>(q.axis) + 1; q.by_axis() && a < shape.size(); ++a) {
    inner *= shape[a];
  }
  const auto entries = static_cast<int64_t>(q.scale->size());
  for (int64_t i = 0, count = element_count(shape); i < count; ++i) {
    f(static_cast<size_t>(i), static_cast<size_t>(q.by_axis() ? i / inner % entries : 0));
  }
}

Outputs quantize_constant(NodeContext& node, const Constant& x, const Quantizer& q) {
  if (!x.reals) return node.fail("it quantizes integers");
  if (!node.budget().spend(x.size(), x.size())) return node.fail("asks for too much memory");
  const Range range = *range_of(q.type);
  std::vector<int64_t> values(x.reals->size());
  for_elements(x.shape, q, [&](size_t i, size_t entry) {
    const double level = std::nearbyint((*x.reals)[i] / (*q.scale)[entry]);
    const double bounded = level > -1e10 ? std::min(level, 1e10) : -1e10;  // NaN has no integer
    values[i] = std::clamp(static_cast<int64_t>(bounded) + q.zero_point[entry], range.lo, range.hi);
  });
  Constant out = make_integers(x.shape, std::move(values));
  out.stored = q.type;
  return node.folded(std::move(out));
}

Outputs quantize(NodeContext& node) {
  const int64_t stated = node.version() >= 21 ? node.integer("output_dtype", 0) : 0;
  if (node.version() >= 19) node.integer("saturate", 1);
  if (node.version() >= 23) node.integer("precision", 0);
  const auto fallback = stated == 0 ? DataType::uint8 : static_cast<DataType>(stated);
  const auto q = read_quantizer(node, fallback);
  if (!q) return {};
  const Value& x = node.input(0);
  if (x.is_constant()) return quantize_constant(node, x.constant, *q);
  if (q->by_axis()) return node.fail("it gives an activation a scale a channel");
  if (q->type != DataType::uint8 && q->type != DataType::int8) {
    return node.fail(concat("it quantizes an activation to ", data_type_name(q->type),
                            "; uint8 and int8 are known"));
  }
  // Quotients of such scales stay inside what a plan's multipliers may be.
  if (const float scale = (*q->scale)[0]; !(scale >= 1e-9f && scale <= 1e9f)) {
    return node.fail(concat("its scale ", scale, " is none of an activation, 1e-9 to 1e9"));
  }
  // Signed bytes are shifted by 128, exactly.
  const int64_t zero = q->zero_point[0] + (q->type == DataType::int8 ? 128 : 0);
  Value out =
      node.emit(Unary{Unary::Kind::fake_quantize, (*q->scale)[0], static_cast<float>(zero)}, {x});
  out.quantized = Value::Quantized{(*q->scale)[0], q->zero_point[0], q->type};
  return {std::move(out)};
}

Outputs dequantize_constant(NodeContext& node, const Constant& x, const Quantizer& q) {
  if (!x.integers) return node.fail("it dequantizes floats");
  if (!node.budget().spend(x.size(), x.size())) return node.fail("asks for too much memory");
  std::vector<float> values(x.integers->size());
  for_elements(x.shape, q, [&](size_t i, size_t entry) {
    const auto difference = static_cast<float>((*x.integers)[i] - q.zero_point[entry]);
    values[i] = difference * (*q.scale)[entry];
  });
  return node.folded(make_reals(x.shape, std::move(values)));
}

Outputs dequantize(NodeContext& node) {
  if (node.version() >= 23) node.integer("output_dtype", 0);
  const Value& x = node.input(0);
  const DataType own = x.is_constant() ? x.constant.stored : DataType::undefined;
  const DataType stored = x.quantized ? x.quantized->type : own;
  const auto q = read_quantizer(node, stored == DataType::undefined ? DataType::int8 : stored);
  if (!q) return {};
  if (stored != DataType::undefined && q->type != stored) {
    return node.fail(concat("its zero point is ", data_type_name(q->type), ", its input ",
                            data_type_name(stored)));
  }
  if (x.is_constant()) return dequantize_constant(node, x.constant, *q);
  if (!x.quantized) return node.fail("its input was not quantized by a QuantizeLinear");
  if (q->by_axis() || (*q->scale)[0] != x.quantized->scale ||
      q->zero_point[0] != x.quantized->zero_point) {
    return node.fail(concat("its scale ", (*q->scale)[0], " and zero point ", q->zero_point[0],
                            " are not those of the QuantizeLinear before it, ", x.quantized->scale,
                            " and ", x.quantized->zero_point));
  }
  return {Value(x.tensor, x.tensor_shape)};
}

}  // namespace

std::vector<OperatorRow> quantization_operators() {
  return {
      {"QuantizeLinear", 2, 3, {10, 13, 19, 21, 23, 24}, quantize},
      {"DequantizeLinear", 2, 3, {10, 13, 19, 21, 23, 24}, dequantize},
  };
}

}  // namespace octavo::onnx
