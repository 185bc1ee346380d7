#include "export/onnx_file.h"

#include <bit>
#include <protozero/pbf_writer.hpp>

#include "base/text.h"
#include "base/utf8.h"

namespace octavo::onnx_file {

namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

using Pbf = protozero::pbf_writer;

// Fields of the messages of onnx.proto, by message.
namespace model {
constexpr uint32_t ir_version = 1, producer_name = 2, producer_version = 3, graph = 7,
                   opset_import = 8, metadata_props = 14;
}
namespace opset_id {
constexpr uint32_t version = 2;  // of the default domain
}
namespace graph {
constexpr uint32_t node = 1, name = 2, initializer = 5, input = 11, output = 12;
}
namespace node {
constexpr uint32_t input = 1, output = 2, name = 3, op_type = 4, attribute = 5;
}
namespace attribute_field {
constexpr uint32_t name = 1, f = 2, i = 3, s = 4, ints = 8, type = 20;
constexpr int32_t type_float = 1, type_int = 2, type_string = 3, type_ints = 7;
}  // namespace attribute_field
namespace tensor {
constexpr uint32_t dims = 1, data_type = 2, name = 8, raw_data = 9;
}
namespace value_info {
constexpr uint32_t name = 1, type = 2, tensor_type = 1, elem_type = 1, shape = 2, dim = 1,
                   dim_value = 1;
}

std::string attribute_message(const Attribute& attribute) {
  std::string out;
  Pbf pbf(out);
  pbf.add_string(attribute_field::name, attribute.name);
  if (const auto* integer = std::get_if<int64_t>(&attribute.value)) {
    pbf.add_int64(attribute_field::i, *integer);
    pbf.add_int32(attribute_field::type, attribute_field::type_int);
  } else if (const auto* real = std::get_if<float>(&attribute.value)) {
    pbf.add_float(attribute_field::f, *real);
    pbf.add_int32(attribute_field::type, attribute_field::type_float);
  } else if (const auto* text = std::get_if<std::string>(&attribute.value)) {
    pbf.add_bytes(attribute_field::s, *text);
    pbf.add_int32(attribute_field::type, attribute_field::type_string);
  } else {
    for (const int64_t value : std::get<Dims>(attribute.value)) {
      pbf.add_int64(attribute_field::ints, value);
    }
    pbf.add_int32(attribute_field::type, attribute_field::type_ints);
  }
  return out;
}

std::string value_message(const ValueInfo& value) {
  std::string out, type, tensor_type, shape;
  for (const int64_t size : value.shape) {
    std::string dim;
    Pbf(dim).add_int64(value_info::dim_value, size);
    Pbf(shape).add_message(value_info::dim, dim);
  }
  Pbf of_tensor(tensor_type);
  of_tensor.add_int32(value_info::elem_type, static_cast<int32_t>(Type::float32));
  of_tensor.add_message(value_info::shape, shape);
  Pbf(type).add_message(value_info::tensor_type, tensor_type);
  Pbf pbf(out);
  pbf.add_string(value_info::name, value.name);
  pbf.add_message(value_info::type, type);
  return out;
}

std::string node_message(std::string_view op_type, const Names& inputs, const std::string& output,
                         const std::vector<Attribute>& attributes) {
  std::string out;
  Pbf pbf(out);
  for (const std::string& input : inputs) pbf.add_string(node::input, input);
  pbf.add_string(node::output, output);
  pbf.add_string(node::name, output);
  pbf.add_string(node::op_type, op_type.data(), op_type.size());
  for (const Attribute& one : attributes) pbf.add_message(node::attribute, attribute_message(one));
  return out;
}

// Strings of a protobuf are UTF-8; names of a plan may be anything.
std::string valid_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Utf8Character at = first_character(text);
    if (at.valid) {
      out += text.substr(0, at.bytes);
    } else {
      out += '?';
    }
    text.remove_prefix(at.bytes);
  }
  return out;
}

}  // namespace

std::string Writer::unique(std::string_view wish) {
  std::string base = valid_text(wish);
  if (base.empty()) base = "value";
  std::string name = base;
  for (int i = 2; !names_.insert(name).second; ++i) name = concat(base, "_", i);
  return name;
}

std::string Writer::add_node(std::string_view op_type, const Names& inputs, std::string_view wish,
                             const std::vector<Attribute>& attributes) {
  std::string output = unique(wish);
  Pbf(nodes_).add_message(graph::node, node_message(op_type, inputs, output, attributes));
  return output;
}

void Writer::add_last(std::string_view op_type, const Names& inputs, const std::string& output) {
  Pbf(nodes_).add_message(graph::node, node_message(op_type, inputs, output, {}));
}

std::string Writer::add_raw(Type type, const Dims& shape, std::span<const std::byte> raw,
                            std::string_view wish) {
  std::string name = unique(wish), out;
  Pbf pbf(out);
  pbf.add_packed_int64(tensor::dims, shape.begin(), shape.end());
  pbf.add_int32(tensor::data_type, static_cast<int32_t>(type));
  pbf.add_string(tensor::name, name);
  pbf.add_bytes(tensor::raw_data, reinterpret_cast<const char*>(raw.data()), raw.size());
  Pbf(constants_).add_message(graph::initializer, out);
  return name;
}

void Writer::add_metadata(std::string_view key, std::string_view value) {
  std::string entry;
  Pbf pbf(entry);
  pbf.add_string(1, valid_text(key));
  pbf.add_string(2, valid_text(value));
  Pbf(metadata_).add_message(model::metadata_props, entry);
}

std::string Writer::model(const ValueInfo& input, const ValueInfo& output, int64_t opset,
                          std::string_view producer_version) const {
  std::string body = nodes_ + constants_;
  Pbf of_graph(body);
  of_graph.add_string(graph::name, "octavo");
  of_graph.add_message(graph::input, value_message(input));
  of_graph.add_message(graph::output, value_message(output));
  std::string opset_message;
  Pbf(opset_message).add_int64(opset_id::version, opset);
  std::string out;
  Pbf pbf(out);
  // The first version of the format that knows the operators' set.
  pbf.add_int64(model::ir_version, opset >= 21 ? 10 : 8);
  pbf.add_string(model::producer_name, "octavo");
  pbf.add_string(model::producer_version, producer_version.data(), producer_version.size());
  pbf.add_message(model::graph, body);
  pbf.add_message(model::opset_import, opset_message);
  out += metadata_;
  return out;
}

}  // namespace octavo::onnx_file
