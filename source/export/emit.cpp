#include "export/emit.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace octavo {

namespace {

using onnx_file::Dims;
using onnx_file::Type;

// Factors so near to one came from rounding scales to float.
constexpr double rounding_of_scales = 2e-6;

bool all_equal(const PerChannel& values) {
  return std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; });
}

bool all_near(const PerChannel& values, double to, double within) {
  return std::all_of(values.begin(), values.end(),
                     [&](double v) { return std::fabs(v - to) <= within; });
}

Type type_of(ElementType type) {
  if (type == ElementType::u8) return Type::uint8;
  return type == ElementType::i8 ? Type::int8 : Type::int16;
}

size_t index_of(AxisOrder layout) {
  return layout == AxisOrder::channels_first ? 0 : 1;
}

}  // namespace

std::string Emitter::floats(const Dims& shape, const std::vector<float>& values,
                            std::string_view wish) {
  return writer_.add_constant<float>(Type::float32, shape, values, wish);
}

std::string Emitter::integers(const std::vector<int64_t>& values, std::string_view wish) {
  return writer_.add_constant<int64_t>(Type::int64, {static_cast<int64_t>(values.size())}, values,
                                       wish);
}

Dims Emitter::dims(uint32_t t, AxisOrder layout) const {
  const auto& [n, h, w, c] = tensor(t).shape;
  return layout == AxisOrder::channels_first ? Dims{n, c, h, w} : Dims{n, h, w, c};
}

AxisOrder Emitter::layout(uint32_t t) const {
  return layouts_.at(t);
}

std::string Emitter::value(uint32_t t, AxisOrder layout) {
  std::string& wanted = values_[t][index_of(layout)];
  if (!wanted.empty()) return wanted;
  const std::string& made = values_[t][1 - index_of(layout)];
  const bool last = layout == AxisOrder::channels_last;
  const std::string turned =
      node("Transpose", {made}, concat(tensor(t).name, last ? "/channels_last" : "/channels_first"),
           {onnx_file::attribute("perm", last ? Dims{0, 2, 3, 1} : Dims{0, 3, 1, 2})});
  wanted = through_pair(t, turned, turned);
  return wanted;
}

std::string Emitter::centred_value(uint32_t t, AxisOrder layout, std::string_view wish) {
  const Storage& stored = storage_[t];
  return affine(
      value(t, layout), {1},
      combined(channels(t), [&](size_t c) { return stored.unit_of(c) * stored.offset_of(c); }),
      layout, wish);
}

void Emitter::store(uint32_t t, const std::string& name, AxisOrder layout) {
  layouts_[t] = layout;
  values_[t][index_of(layout)] = through_pair(t, name, tensor(t).name);
}

const Emitter::Pair& Emitter::pair_of(uint32_t t) {
  const Storage& stored = storage_[t];
  Pair& pair = pairs_[t];
  if (!pair.scale.empty()) return pair;
  pair.scale = floats({}, {stored.scale}, concat(tensor(t).name, "/scale"));
  const Type type = type_of(stored.type);
  const std::string wish = concat(tensor(t).name, "/zero_point");
  if (type == Type::int16) {
    uses_int16_ = true;
    const auto value = static_cast<int16_t>(stored.zero_point);
    pair.zero_point = writer_.add_constant<int16_t>(type, {}, std::span(&value, 1), wish);
  } else {
    const auto value = static_cast<uint8_t>(stored.zero_point);  // that of int8 is zero
    pair.zero_point = writer_.add_constant<uint8_t>(type, {}, std::span(&value, 1), wish);
  }
  return pair;
}

std::string Emitter::through_pair(uint32_t t, const std::string& name, std::string_view wish) {
  if (storage_[t].type == ElementType::f32) return name;
  const auto& [scale, zero] = pair_of(t);
  const std::string integers = node("QuantizeLinear", {name, scale, zero}, concat(wish, "/stored"));
  return node("DequantizeLinear", {integers, scale, zero}, concat(wish, "/value"));
}

void Emitter::store_constant(uint32_t t, const std::vector<int16_t>& values) {
  const Storage& stored = storage_[t];
  const PlanTensor& as_planned = tensor(t);
  const Dims shape = dims(t, AxisOrder::channels_last);
  std::vector<float> real(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t c = i % channels(t);
    real[i] =
        static_cast<float>(stored.unit_of(c) * (values[i] - of_channel(as_planned.zero_point, c) -
                                                stored.offset_of(c)));
  }
  layouts_[t] = AxisOrder::channels_last;
  std::string& value = values_[t][index_of(AxisOrder::channels_last)];
  if (stored.type == ElementType::f32) {
    value = floats(shape, real, as_planned.name);
    return;
  }
  const Grid grid = stored.grid();
  const int32_t lowest = levels_of(stored.type).lo;
  std::vector<int16_t> wide(real.size());
  std::vector<uint8_t> bytes(real.size());
  for (size_t i = 0; i < real.size(); ++i) {
    wide[i] = static_cast<int16_t>(grid.code(real[i], 0) + lowest);
    bytes[i] = static_cast<uint8_t>(wide[i]);
  }
  const Type type = type_of(stored.type);
  const std::string wish = concat(as_planned.name, "/stored");
  const std::string integers = type == Type::int16
                                   ? writer_.add_constant<int16_t>(type, shape, wide, wish)
                                   : writer_.add_constant<uint8_t>(type, shape, bytes, wish);
  const auto& [scale, zero] = pair_of(t);
  value = node("DequantizeLinear", {integers, scale, zero}, concat(as_planned.name, "/value"));
}

std::string Emitter::per_channel(const PerChannel& values, AxisOrder layout,
                                 std::string_view wish) {
  const std::vector<float> rounded(values.begin(), values.end());
  const auto count = static_cast<int64_t>(values.size());
  if (count == 1) return floats({}, rounded, wish);
  return floats(layout == AxisOrder::channels_first ? Dims{1, count, 1, 1} : Dims{count}, rounded,
                wish);
}

std::string Emitter::affine(const std::string& name, PerChannel factor, PerChannel offset,
                            AxisOrder layout, std::string_view wish) {
  std::string out = name;
  if (!all_near(factor, 1, rounding_of_scales)) {
    if (all_equal(factor)) factor.resize(1);
    out = node("Mul", {out, per_channel(factor, layout, concat(wish, "/factor"))},
               concat(wish, "/scaled"));
  }
  if (!all_near(offset, 0, 0)) {
    if (all_equal(offset)) offset.resize(1);
    out = node("Add", {out, per_channel(offset, layout, concat(wish, "/offset"))},
               concat(wish, "/shifted"));
  }
  return out;
}

std::string Emitter::bounded(const std::string& name, PerChannel lo, PerChannel hi,
                             AxisOrder layout, std::string_view wish) {
  if (all_equal(lo)) lo.resize(1);
  if (all_equal(hi)) hi.resize(1);
  const bool below = lo.size() > 1 || std::isfinite(lo[0]);
  const bool above = hi.size() > 1 || std::isfinite(hi[0]);
  if (lo.size() == 1 && hi.size() == 1) {
    if (!below && !above) return name;
    if (!above && std::fabs(lo[0]) < 1e-30) return node("Relu", {name}, concat(wish, "/relu"));
    const auto bound = [&](bool there, double value, const char* what) {
      return there ? floats({}, {static_cast<float>(value)}, concat(wish, what)) : std::string();
    };
    onnx_file::Names inputs{name, bound(below, lo[0], "/least")};
    if (above) inputs.push_back(bound(true, hi[0], "/most"));
    return node("Clip", inputs, concat(wish, "/clipped"));
  }
  constexpr double largest = 3e38;
  const auto finite = [largest](PerChannel values) {
    for (double& value : values) value = std::clamp(value, -largest, largest);
    return values;
  };
  std::string out = name;
  if (below) {
    out = node("Max", {out, per_channel(finite(lo), layout, concat(wish, "/least"))},
               concat(wish, "/at_least"));
  }
  if (above) {
    out = node("Min", {out, per_channel(finite(hi), layout, concat(wish, "/most"))},
               concat(wish, "/at_most"));
  }
  return out;
}

}  // namespace octavo
