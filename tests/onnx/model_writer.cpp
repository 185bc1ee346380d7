#include "onnx/model_writer.h"

#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

namespace octavo::test {

namespace {

using Writer = protozero::pbf_writer;

std::string key_value(const std::string& key, const std::string& value) {
  std::string out;
  Writer writer(out);
  writer.add_string(1, key);
  writer.add_string(2, value);
  return out;
}

std::string tensor_head(int type, const Shape& shape, const std::string& name) {
  std::string out;
  Writer writer(out);
  writer.add_packed_int64(1, shape.begin(), shape.end());
  writer.add_int32(2, type);
  if (!name.empty()) writer.add_string(8, name);
  return out;
}

std::string serialize(const Attribute& attribute) {
  std::string out;
  Writer writer(out);
  writer.add_string(1, attribute.name);
  const auto& value = attribute.value;
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    writer.add_int64(3, *integer);
    writer.add_int32(20, 2);
  } else if (const auto* real = std::get_if<float>(&value)) {
    writer.add_float(2, *real);
    writer.add_int32(20, 1);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    writer.add_string(4, *text);
    writer.add_int32(20, 3);
  } else if (const auto* integers = std::get_if<std::vector<int64_t>>(&value)) {
    for (const int64_t one : *integers) writer.add_int64(8, one);  // unpacked, as onnx.proto says
    writer.add_int32(20, 7);
  } else if (const auto* reals = std::get_if<std::vector<float>>(&value)) {
    writer.add_packed_float(7, reals->begin(), reals->end());
    writer.add_int32(20, 6);
  } else if (const auto* graph = std::get_if<GraphBytes>(&value)) {
    writer.add_message(6, graph->bytes);
    writer.add_int32(20, 5);
  } else if (const auto* reference = std::get_if<Reference>(&value)) {
    writer.add_string(21, reference->name);
    writer.add_int32(20, 1);
  } else {
    writer.add_message(5, std::get<TensorBytes>(value).bytes);
    writer.add_int32(20, 4);
  }
  return out;
}

std::string serialize(const NodeText& node) {
  std::string out;
  Writer writer(out);
  for (const std::string& input : node.inputs) writer.add_string(1, input);
  for (const std::string& output : node.outputs) writer.add_string(2, output);
  if (!node.name.empty()) writer.add_string(3, node.name);
  writer.add_string(4, node.op_type);
  for (const Attribute& attribute : node.attributes) writer.add_message(5, serialize(attribute));
  if (!node.domain.empty()) writer.add_string(7, node.domain);
  for (const auto& [key, value] : node.metadata) writer.add_message(9, key_value(key, value));
  return out;
}

std::string opset_import(int64_t version) {
  std::string out;
  Writer writer(out);
  writer.add_string(1, "");
  writer.add_int64(2, version);
  return out;
}

std::string serialize(const FunctionText& function) {
  std::string out;
  Writer writer(out);
  writer.add_string(1, function.name);
  for (const std::string& input : function.inputs) writer.add_string(4, input);
  for (const std::string& output : function.outputs) writer.add_string(5, output);
  for (const NodeText& node : function.nodes) writer.add_message(7, serialize(node));
  writer.add_message(9, opset_import(function.opset));
  writer.add_string(10, function.domain);
  return out;
}

std::string value_info(const std::string& name, int type, const Dims* dims) {
  std::string shape;
  Writer shape_writer(shape);
  for (const auto& dim : dims != nullptr ? *dims : Dims{}) {
    std::string one;
    Writer writer(one);
    if (const auto* size = std::get_if<int64_t>(&dim)) {
      writer.add_int64(1, *size);
    } else {
      writer.add_string(2, std::get<std::string>(dim));
    }
    shape_writer.add_message(1, one);
  }
  std::string tensor, wrapped, out;
  Writer tensor_writer(tensor), type_writer(wrapped), writer(out);
  tensor_writer.add_int32(1, type);
  if (dims != nullptr) tensor_writer.add_message(2, shape);
  type_writer.add_message(1, tensor);
  writer.add_string(1, name);
  writer.add_message(2, wrapped);
  return out;
}

}  // namespace

TensorBytes float_tensor(const Shape& shape, const std::vector<float>& values,
                         const std::string& name) {
  std::string out = tensor_head(1, shape, name);
  Writer(out).add_packed_float(4, values.begin(), values.end());
  return {out};
}

TensorBytes int64_tensor(const Shape& shape, const std::vector<int64_t>& values,
                         const std::string& name) {
  std::string out = tensor_head(7, shape, name);
  Writer(out).add_packed_int64(7, values.begin(), values.end());
  return {out};
}

TensorBytes raw_tensor(int type, const Shape& shape, const std::string& raw,
                       const std::string& name) {
  std::string out = tensor_head(type, shape, name);
  Writer(out).add_bytes(9, raw);
  return {out};
}

TensorBytes external_tensor(int type, const Shape& shape, const std::string& name,
                            const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string out = tensor_head(type, shape, name);
  Writer writer(out);
  for (const auto& [key, value] : entries) writer.add_message(13, key_value(key, value));
  writer.add_int32(14, 1);
  return {out};
}

GraphBytes branch(const std::vector<NodeText>& nodes, const Names& outputs) {
  std::string out;
  Writer writer(out);
  for (const NodeText& node : nodes) writer.add_message(1, serialize(node));
  for (const std::string& name : outputs) writer.add_message(12, value_info(name, 1, nullptr));
  return {out};
}

std::string serialize(const ModelText& model) {
  std::string graph, out;
  Writer graph_writer(graph), writer(out);
  for (const NodeText& node : model.nodes) graph_writer.add_message(1, serialize(node));
  graph_writer.add_string(2, "test");
  for (const TensorBytes& tensor : model.initializers) graph_writer.add_message(5, tensor.bytes);
  graph_writer.add_message(11, value_info("x", model.input_type, &model.input));
  for (const auto& [name, dims] : model.more_inputs) {
    graph_writer.add_message(11, value_info(name, 1, &dims));
  }
  for (const std::string& name : model.outputs) {
    graph_writer.add_message(12, value_info(name, 1, nullptr));
  }
  writer.add_int64(1, 8);
  writer.add_message(8, opset_import(model.opset));
  writer.add_message(7, graph);
  for (const auto& [key, value] : model.metadata) writer.add_message(14, key_value(key, value));
  for (const FunctionText& function : model.functions) {
    writer.add_message(25, serialize(function));
  }
  return out;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

Result<Import> import_text(const ModelText& model, const ImportOptions& options) {
  const std::string bytes = serialize(model);
  return import_onnx(bytes_of(bytes), "", options);
}

std::vector<ImportRow> rows_of(const ModelText& model) {
  const std::string bytes = serialize(model);
  auto checked = check_onnx(bytes_of(bytes), "");
  EXPECT_TRUE(checked) << (checked ? "" : checked.error().message);
  return checked ? std::move(checked->rows) : std::vector<ImportRow>{};
}

std::string error_of(const ModelText& model, const ImportOptions& options) {
  const Result<Import> import = import_text(model, options);
  EXPECT_FALSE(import);
  if (import) return "";
  EXPECT_EQ(import.error().kind, ErrorKind::rejected);
  EXPECT_EQ(import.error().message.find('\n'), std::string::npos);
  return import.error().message;
}

Graph graph_of(const ModelText& model, const ImportOptions& options) {
  Result<Import> import = import_text(model, options);
  EXPECT_TRUE(import) << (import ? "" : import.error().message);
  return import ? std::move(import->graph) : Graph{};
}

}  // namespace octavo::test
