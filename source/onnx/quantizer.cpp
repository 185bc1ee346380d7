#include "onnx/quantizer.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace octavo::onnx {

namespace {

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

// As a plan stores the values: signed integers are shifted by half of their range, exactly.
Grid grid_of(const Quantizer& q) {
  const Range range = *range_of(q.type);
  Grid out{q.scale, {}, static_cast<int32_t>(range.hi - range.lo)};
  for (const int64_t zero : q.zero_point) {
    out.zero_point.push_back(static_cast<int32_t>(zero - range.lo));
  }
  return out;
}

FakeQuantize rounding_of(const Quantizer& q) {
  FakeQuantize out{grid_of(q), static_cast<int>(q.axis)};
  const auto all_equal = [](const auto& values) {
    return std::equal(values.begin() + 1, values.end(), values.begin());
  };
  if (all_equal(out.grid.scale) && all_equal(out.grid.zero_point)) {
    out.grid.scale.resize(1);
    out.grid.zero_point.resize(1);
    out.axis = 0;
  }
  return out;
}

bool is_stored(DataType type) {
  return type == DataType::uint8 || type == DataType::int8 || type == DataType::uint16 ||
         type == DataType::int16;
}

// Calls f(i, entry of the scale) for every element.
template <class Function>
void for_elements(const Shape& shape, const Quantizer& q, Function f) {
  int64_t inner = 1;
  for (size_t a = static_cast<size_t>(q.axis) + 1; q.by_axis() && a < shape.size(); ++a) {
    inner *= shape[a];
  }
  const auto entries = static_cast<int64_t>(q.scale.size());
  for (int64_t i = 0, count = element_count(shape); i < count; ++i) {
    f(static_cast<size_t>(i), static_cast<size_t>(q.by_axis() ? i / inner % entries : 0));
  }
}

Outputs quantize_constant(NodeContext& node, const Constant& x, const Quantizer& q) {
  if (!x.reals) return node.fail("it quantizes integers");
  if (!is_stored(q.type)) {
    return node.fail(
        concat("it quantizes to ", data_type_name(q.type), "; 8 and 16 bits are known"));
  }
  if (!node.budget().spend(x.size(), x.size())) return node.fail("asks for too much memory");
  const Grid grid = grid_of(q);
  const int64_t lowest = range_of(q.type)->lo;
  std::vector<int64_t> values(x.reals->size());
  for_elements(x.shape, q, [&](size_t i, size_t entry) {
    values[i] = grid.code((*x.reals)[i], entry) + lowest;
  });
  Constant out = make_integers(x.shape, std::move(values));
  out.stored = q.type;
  return node.folded(std::move(out));
}

Outputs dequantize_constant(NodeContext& node, const Constant& x, const Quantizer& q) {
  if (!x.integers) return node.fail("it dequantizes floats");
  if (!node.budget().spend(x.size(), x.size())) return node.fail("asks for too much memory");
  std::vector<float> values(x.integers->size());
  for_elements(x.shape, q, [&](size_t i, size_t entry) {
    const auto difference = static_cast<float>((*x.integers)[i] - q.zero_point[entry]);
    values[i] = difference * q.scale[entry];
  });
  return node.folded(make_reals(x.shape, std::move(values)));
}

Value only(Outputs outputs) {
  return outputs.empty() ? Value() : std::move(outputs[0]);
}

std::string text_of(const Quantizer& q) {
  return q.by_axis() ? concat("its ", q.scale.size(), " scales")
                     : concat("its scale ", q.scale[0], " and zero point ", q.zero_point[0]);
}

std::string_view wrong_type(DataType type) {
  return type == DataType::int4 || type == DataType::uint4
             ? "; fewer than 8 bits are not known: quantize to 8, or build from the float file"
             : "; 8 and 16 bits are known";
}

}  // namespace

std::optional<Quantizer> read_quantizer(NodeContext& node, const Shape& x,
                                        const QuantizerInputs& where) {
  Quantizer out;
  const auto refuse = [&](std::string why) {
    node.fail(std::move(why));
    return std::nullopt;
  };
  const Constant* scale = node.constant(where.scale, "the scale");
  if (scale == nullptr) return std::nullopt;
  if (!scale->reals) return refuse("its scale is an integer");
  // Ones beside the one axis, as some tools write to have it broadcast, change nothing.
  const auto is_not_one = [](int64_t size) { return size != 1; };
  if (scale->reals->empty() ||
      std::count_if(scale->shape.begin(), scale->shape.end(), is_not_one) > 1) {
    return refuse(concat("its scale has shape ", list_text(scale->shape)));
  }
  for (const float value : *scale->reals) {
    // Negative ones, which some tools write for weights, multiply like others.
    if (!(std::fabs(value) >= 1e-30f && std::fabs(value) <= 1e10f)) {
      return refuse(concat("its scale ", value, " has no magnitude from 1e-30 to 1e10"));
    }
  }
  out.scale = *scale->reals;
  out.type = where.fallback;
  out.zero_point.assign(out.scale.size(), 0);
  if (node.has_input(where.zero_point)) {
    const Constant* zero = node.constant(where.zero_point, "the zero point");
    if (zero == nullptr) return std::nullopt;
    if (!zero->integers || zero->integers->size() != out.scale.size()) {
      return refuse("its zero point does not fit its scale");
    }
    out.zero_point = *zero->integers;
    if (zero->stored != DataType::undefined) out.type = zero->stored;
  }
  const auto range = range_of(out.type);
  if (!range) {
    return refuse(concat("it quantizes to ", data_type_name(out.type), wrong_type(out.type)));
  }
  for (const int64_t zero : out.zero_point) {
    if (zero < range->lo || zero > range->hi) {
      return refuse(concat("its zero point ", zero, " is no ", data_type_name(out.type)));
    }
  }
  if (!out.by_axis()) return out;
  out.axis = node.normalized_axis(where.axis, x.size());
  if (node.failed()) return std::nullopt;
  if (x[static_cast<size_t>(out.axis)] != static_cast<int64_t>(out.scale.size())) {
    return refuse(
        concat("it has ", out.scale.size(), " scales along axis ", out.axis, " of ", list_text(x)));
  }
  return out;
}

Value quantized(NodeContext& node, const Value& x, const Quantizer& q, std::string_view part) {
  if (node.failed()) return {};
  if (x.is_constant()) return only(quantize_constant(node, x.constant, q));
  const auto refuse = [&](std::string why) {
    node.fail(std::move(why));
    return Value();
  };
  if (!is_stored(q.type)) {
    return refuse(concat("it quantizes an activation to ", data_type_name(q.type),
                         "; 8 and 16 bits are known"));
  }
  // Quotients of such scales stay inside what a plan's multipliers may be.
  for (const float scale : q.scale) {
    if (scale >= 1e-9f && scale <= 1e9f) continue;
    return refuse(concat("its scale ", scale, " is none of an activation, 1e-9 to 1e9"));
  }
  const FakeQuantize op = rounding_of(q);
  Value out = part.empty() ? node.emit(op, {x}) : node.emit_part(part, op, {x});
  out.quantized = std::make_shared<const Quantizer>(q);
  if (x.is_tensor()) out.before_rounding = x.tensor;
  return out;
}

Value dequantized(NodeContext& node, const Value& x, const Quantizer& q) {
  const auto refuse = [&](std::string why) {
    node.fail(std::move(why));
    return Value();
  };
  const DataType stored = x.quantized       ? x.quantized->type
                          : x.is_constant() ? x.constant.stored
                                            : DataType::undefined;
  if (stored != DataType::undefined && q.type != stored) {
    return refuse(concat("its zero point is ", data_type_name(q.type), ", its input ",
                         data_type_name(stored)));
  }
  if (x.is_constant()) return only(dequantize_constant(node, x.constant, q));
  if (!x.quantized) return refuse("its input was not quantized by a QuantizeLinear");
  if (q != *x.quantized) {
    return refuse(concat(text_of(q), " are not those of the QuantizeLinear before it, ",
                         text_of(*x.quantized).substr(4)));
  }
  return Value(x.tensor, x.tensor_shape);
}

}  // namespace octavo::onnx
