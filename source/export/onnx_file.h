// Inside the room: an ONNX model as it is written, node by node. Bytes come out as onnx.proto
// says; what nodes mean is the caller's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace octavo::onnx_file {

// TensorProto.DataType.
enum class Type : int32_t {
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7
};

using Dims = std::vector<int64_t>;
using Names = std::vector<std::string>;

struct Attribute {
  std::string name;
  std::variant<int64_t, float, std::string, Dims> value;
};
inline Attribute attribute(std::string name, int64_t value) {
  return {std::move(name), value};
}
inline Attribute attribute(std::string name, float value) {
  return {std::move(name), value};
}
inline Attribute attribute(std::string name, const char* value) {
  return {std::move(name), std::string(value)};
}
inline Attribute attribute(std::string name, Dims value) {
  return {std::move(name), std::move(value)};
}

struct ValueInfo {
  std::string name;
  Dims shape;  // of float32
};

class Writer {
 public:
  // A name like `wish` that no other value has yet.
  std::string unique(std::string_view wish);

  // Each gives the name of its result, which begins with `wish`.
  std::string add_node(std::string_view op_type, const Names& inputs, std::string_view wish,
                       const std::vector<Attribute>& attributes = {});
  template <class Value>
  std::string add_constant(Type type, const Dims& shape, std::span<const Value> values,
                           std::string_view wish) {
    return add_raw(type, shape, std::as_bytes(values), wish);
  }
  void add_metadata(std::string_view key, std::string_view value);

  // The last node of a model: its result has exactly that name, which unique() gave.
  void add_last(std::string_view op_type, const Names& inputs, const std::string& output);

  size_t bytes() const { return nodes_.size() + constants_.size(); }
  // The whole model: `input` to `output` by all nodes so far.
  std::string model(const ValueInfo& input, const ValueInfo& output, int64_t opset,
                    std::string_view producer_version) const;

 private:
  std::string add_raw(Type type, const Dims& shape, std::span<const std::byte> raw,
                      std::string_view wish);

  std::set<std::string, std::less<>> names_;
  std::string nodes_, constants_, metadata_;  // as fields of GraphProto and ModelProto
};

}  // namespace octavo::onnx_file
