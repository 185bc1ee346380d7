// The part of ONNX's protobuf messages that the importer reads, as views into the
// file's bytes: nothing is copied, nothing is interpreted. Every count is bounded
// while it is read, so that a small file cannot ask for much memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace octavo::onnx {

// TensorProto.DataType.
enum class DataType : int32_t {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  string = 8,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  bfloat16 = 16,
  float8e4m3fn = 17,
  float8e4m3fnuz = 18,
  float8e5m2 = 19,
  float8e5m2fnuz = 20,
  uint4 = 21,
  int4 = 22,
  float4e2m1 = 23,
  float8e8m0 = 24,
  uint2 = 25,
  int2 = 26,
};
std::string_view data_type_name(DataType type);

using KeyValue = std::pair<std::string_view, std::string_view>;

struct TensorProto {
  std::string_view name;
  std::vector<int64_t> dims;
  DataType data_type = DataType::undefined;
  std::optional<std::string_view> raw_data;
  std::vector<float> float_data;
  std::vector<double> double_data;
  std::vector<int64_t> integer_data;  // int32_data, int64_data or uint64_data
  bool has_string_data = false, segmented = false, external = false;
  std::vector<KeyValue> external_data;
};

struct GraphProto;

struct AttributeProto {
  enum class Kind { real, integer, string, tensor, graph, reals, integers, strings, other };

  std::string_view name;
  Kind kind = Kind::other;
  float real = 0;
  int64_t integer = 0;
  std::string_view string;
  std::optional<TensorProto> tensor;
  std::shared_ptr<const GraphProto> graph;
  std::vector<float> reals;
  std::vector<int64_t> integers;
  std::string_view reference;  // inside a function: the name of the caller's attribute
};

struct NodeProto {
  std::string_view name, op_type, domain, overload;
  std::vector<std::string_view> inputs, outputs;
  std::vector<AttributeProto> attributes;
  std::vector<KeyValue> metadata;
};

struct Dimension {
  std::optional<int64_t> value;  // none: symbolic
  std::string_view symbol;
};

struct ValueInfoProto {
  std::string_view name;
  bool is_tensor = false;
  DataType data_type = DataType::undefined;
  std::optional<std::vector<Dimension>> shape;  // none: not even the rank is known
};

struct GraphProto {
  std::vector<NodeProto> nodes;
  std::vector<TensorProto> initializers;
  std::vector<ValueInfoProto> inputs, outputs;
  bool has_sparse_initializers = false;
};

using Opsets = std::vector<std::pair<std::string_view, int64_t>>;  // domain, version

// A node that names it stands for its nodes.
struct FunctionProto {
  std::string_view name, domain, overload;
  std::vector<std::string_view> inputs, outputs;
  std::vector<AttributeProto> defaults;  // of attributes that the caller may leave out
  std::vector<NodeProto> nodes;
  Opsets opsets;
};

struct ModelProto {
  std::optional<int64_t> ir_version;
  std::string_view producer;
  GraphProto graph;
  Opsets opsets;
  std::vector<FunctionProto> functions;
  std::vector<KeyValue> metadata;
  std::deque<std::string> made_names;  // what inlining named; the views above may point here
};

// The version of ONNX's own operators; 0 if none is named.
int64_t own_opset(const Opsets& opsets);

// "Conv", safe to show on one line whatever the file says; without quotes.
std::string operator_text(std::string_view op_type);
// "node 3 'stem' (Conv)".
std::string node_text(const NodeProto& node, size_t index);

// The views live as long as `bytes`. An Error gives the offset of the field that
// could not be read.
Result<ModelProto> parse_model(std::span<const std::byte> bytes);

}  // namespace octavo::onnx
