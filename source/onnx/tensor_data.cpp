#include "onnx/tensor_data.h"

#include <bit>
#include <cstring>

#include "base/text.h"

namespace octavo::onnx {

namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

constexpr size_t most_axes = 8;
constexpr int64_t most_elements = int64_t{1} << 31;

float half_to_float(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16;
  const uint32_t exponent = (half >> 10) & 0x1f;
  const uint32_t fraction = half & 0x3ff;
  if (exponent == 0) {  // zero and subnormals: fraction * 2^-24, exact
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 31 ? 0xff : exponent + 112;
  return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
}

float bfloat16_to_float(uint16_t bits) {
  return std::bit_cast<float>(uint32_t{bits} << 16);
}

size_t element_bytes(DataType type) {
  switch (type) {
    case DataType::uint8:
    case DataType::int8:
    case DataType::boolean:
      return 1;
    case DataType::uint16:
    case DataType::int16:
    case DataType::float16:
    case DataType::bfloat16:
      return 2;
    case DataType::float32:
    case DataType::int32:
    case DataType::uint32:
      return 4;
    case DataType::int64:
    case DataType::uint64:
    case DataType::float64:
      return 8;
    default:
      return 0;
  }
}

template <class Stored, class Out, class Convert>
std::vector<Out> unpack(std::string_view bytes, Convert convert) {
  std::vector<Out> out(bytes.size() / sizeof(Stored));
  for (size_t i = 0; i < out.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    out[i] = convert(stored);
  }
  return out;
}

template <class Stored>
Constant unpack_integers(std::string_view bytes, Shape shape) {
  return make_integers(std::move(shape), unpack<Stored, int64_t>(bytes, [](Stored value) {
                         return static_cast<int64_t>(value);
                       }));
}

Constant from_bytes(DataType type, std::string_view bytes, Shape shape) {
  switch (type) {
    case DataType::float32: {
      std::vector<float> values(bytes.size() / sizeof(float));
      if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
      return make_reals(std::move(shape), std::move(values));
    }
    case DataType::float64:
      return make_reals(std::move(shape), unpack<double, float>(bytes, [](double value) {
                          return static_cast<float>(value);
                        }));
    case DataType::float16:
      return make_reals(std::move(shape), unpack<uint16_t, float>(bytes, half_to_float));
    case DataType::bfloat16:
      return make_reals(std::move(shape), unpack<uint16_t, float>(bytes, bfloat16_to_float));
    case DataType::boolean:
      return make_integers(
          std::move(shape),
          unpack<uint8_t, int64_t>(bytes, [](uint8_t value) { return int64_t{value != 0}; }),
          ElementKind::boolean);
    case DataType::uint8:
      return unpack_integers<uint8_t>(bytes, std::move(shape));
    case DataType::int8:
      return unpack_integers<int8_t>(bytes, std::move(shape));
    case DataType::uint16:
      return unpack_integers<uint16_t>(bytes, std::move(shape));
    case DataType::int16:
      return unpack_integers<int16_t>(bytes, std::move(shape));
    case DataType::int32:
      return unpack_integers<int32_t>(bytes, std::move(shape));
    case DataType::uint32:
      return unpack_integers<uint32_t>(bytes, std::move(shape));
    case DataType::uint64:
      return unpack_integers<uint64_t>(bytes, std::move(shape));
    default:
      return unpack_integers<int64_t>(bytes, std::move(shape));
  }
}

// The typed lists: float_data, double_data, and int32_data for all that is narrow
// (float16 and bfloat16 stand there as bit patterns).
Constant from_lists(const TensorProto& tensor) {
  const auto reals_of_bits = [&](auto convert) {
    std::vector<float> values;
    values.reserve(tensor.integer_data.size());
    for (const int64_t bits : tensor.integer_data) {
      values.push_back(convert(static_cast<uint16_t>(bits & 0xffff)));
    }
    return make_reals(tensor.dims, std::move(values));
  };
  switch (tensor.data_type) {
    case DataType::float32:
      return make_reals(tensor.dims, tensor.float_data);
    case DataType::float64: {
      std::vector<float> values;
      values.reserve(tensor.double_data.size());
      for (const double value : tensor.double_data) values.push_back(static_cast<float>(value));
      return make_reals(tensor.dims, std::move(values));
    }
    case DataType::float16:
      return reals_of_bits(half_to_float);
    case DataType::bfloat16:
      return reals_of_bits(bfloat16_to_float);
    case DataType::boolean: {
      std::vector<int64_t> values;
      values.reserve(tensor.integer_data.size());
      for (const int64_t value : tensor.integer_data) values.push_back(value != 0);
      return make_integers(tensor.dims, std::move(values), ElementKind::boolean);
    }
    default:
      return make_integers(tensor.dims, tensor.integer_data);
  }
}

Result<int64_t> checked_count(const Shape& dims) {
  if (dims.size() > most_axes) {
    return rejected(concat("has ", dims.size(), " axes, at most ", most_axes, " are possible"));
  }
  int64_t count = 1;
  for (const int64_t dim : dims) {
    if (dim < 0 || (dim > 0 && count > most_elements / dim)) {
      return rejected(concat("has the impossible shape ", list_text(dims)));
    }
    count *= dim;
  }
  return count;
}

// Why elements of a type that quantizers write cannot be read; "" where they can be.
std::string_view unreadable(DataType type) {
  switch (type) {
    case DataType::uint2:
    case DataType::int2:
    case DataType::uint4:
    case DataType::int4:
    case DataType::float4e2m1:
      return "; fewer than 8 bits are not known: quantize to 8, or build from the float file";
    case DataType::float8e4m3fn:
    case DataType::float8e4m3fnuz:
    case DataType::float8e5m2:
    case DataType::float8e5m2fnuz:
    case DataType::float8e8m0:
      return "; floats of 8 bits are not known: quantize to INT8, or build from the float file";
    default:
      return "";
  }
}

Result<Constant> decode(const TensorProto& tensor, ExternalData& external) {
  if (const std::string_view why = unreadable(tensor.data_type); !why.empty()) {
    return rejected(concat("has elements of type ", data_type_name(tensor.data_type), why));
  }
  const size_t width = element_bytes(tensor.data_type);
  if (width == 0) {
    return rejected(concat("has elements of type ", data_type_name(tensor.data_type), " (",
                           static_cast<int32_t>(tensor.data_type),
                           "), expected floats, integers or bools"));
  }
  if (tensor.segmented) return rejected("is stored in segments, which no exporter writes");
  const Result<int64_t> count = checked_count(tensor.dims);
  if (!count) return count.error();
  const auto expected_bytes = static_cast<uint64_t>(*count) * width;
  if (tensor.external) {
    const Result<std::string_view> bytes = external.read(tensor, expected_bytes);
    if (!bytes) return bytes.error();
    return from_bytes(tensor.data_type, *bytes, tensor.dims);
  }
  if (tensor.raw_data && (!tensor.raw_data->empty() || expected_bytes == 0)) {
    if (tensor.raw_data->size() != expected_bytes) {
      return rejected(concat("has ", tensor.raw_data->size(), " bytes of data, its shape ",
                             list_text(tensor.dims), " needs ", expected_bytes));
    }
    return from_bytes(tensor.data_type, *tensor.raw_data, tensor.dims);
  }
  Constant constant = from_lists(tensor);
  const size_t found = constant.reals ? constant.reals->size() : constant.integers->size();
  if (found != static_cast<uint64_t>(*count)) {
    return rejected(
        concat("has ", found, " values, its shape ", list_text(tensor.dims), " needs ", *count));
  }
  return constant;
}

}  // namespace

Result<Constant> decode_tensor(const TensorProto& tensor, ExternalData& external) {
  Result<Constant> constant = decode(tensor, external);
  if (!constant) {
    return rejected(concat("tensor ", quoted(tensor.name), " ", constant.error().message));
  }
  constant->name = tensor.name;
  constant->stored = tensor.data_type;
  return constant;
}

}  // namespace octavo::onnx
