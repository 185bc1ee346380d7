// Writes small ONNX files for tests, byte by byte as the format says, without the
// importer's own structs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "onnx/import.h"

namespace octavo::test {

using Names = std::vector<std::string>;
using Dims = std::vector<std::variant<int64_t, std::string>>;

// A serialized TensorProto.
struct TensorBytes {
  std::string bytes;
};
TensorBytes float_tensor(const Shape& shape, const std::vector<float>& values,
                         const std::string& name = "");
TensorBytes int64_tensor(const Shape& shape, const std::vector<int64_t>& values,
                         const std::string& name = "");
// Any data type, with raw_data as given.
TensorBytes raw_tensor(int type, const Shape& shape, const std::string& raw,
                       const std::string& name = "");
TensorBytes external_tensor(int type, const Shape& shape, const std::string& name,
                            const std::vector<std::pair<std::string, std::string>>& entries);

// A serialized GraphProto, as a branch has it.
struct GraphBytes {
  std::string bytes;
};

// The name of an attribute of the function around.
struct Reference {
  std::string name;
};

struct Attribute {
  std::string name;
  std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>, TensorBytes,
               GraphBytes, Reference>
      value;
};
inline Attribute attribute(std::string name, int value) {
  return {std::move(name), int64_t{value}};
}
inline Attribute attribute(std::string name, float value) {
  return {std::move(name), value};
}
inline Attribute attribute(std::string name, const char* value) {
  return {std::move(name), std::string(value)};
}
inline Attribute attribute(std::string name, std::vector<int64_t> value) {
  return {std::move(name), std::move(value)};
}
inline Attribute attribute(std::string name, std::vector<float> value) {
  return {std::move(name), std::move(value)};
}
inline Attribute attribute(std::string name, TensorBytes value) {
  return {std::move(name), std::move(value)};
}

struct NodeText {
  std::string op_type;
  Names inputs, outputs;
  std::vector<Attribute> attributes = {};
  std::string name = "", domain = "";
  std::vector<std::pair<std::string, std::string>> metadata = {};
};

GraphBytes branch(const std::vector<NodeText>& nodes, const Names& outputs);

struct FunctionText {
  std::string domain, name;
  Names inputs, outputs;
  std::vector<NodeText> nodes;
  int64_t opset = 13;
};

struct ModelText {
  Dims input{int64_t{1}, int64_t{3}, int64_t{8}, int64_t{8}};
  int input_type = 1;
  std::vector<NodeText> nodes = {};
  std::vector<TensorBytes> initializers = {};
  std::vector<std::pair<std::string, Dims>> more_inputs = {};
  Names outputs{"y"};
  int64_t opset = 13;
  std::vector<std::pair<std::string, std::string>> metadata = {};
  std::vector<FunctionText> functions = {};
};

std::string serialize(const ModelText& model);

std::span<const std::byte> bytes_of(const std::string& text);
Result<Import> import_text(const ModelText& model, const ImportOptions& options = {});
// The rows alone, also of a model that cannot be imported.
std::vector<ImportRow> rows_of(const ModelText& model);
// The error's message; fails the test where there is none.
std::string error_of(const ModelText& model, const ImportOptions& options = {});
// The only graph of the model; fails the test (and gives an empty one) on an error.
Graph graph_of(const ModelText& model, const ImportOptions& options = {});

// The only node of the graph that holds an Op, nullptr if there is none or more.
template <class Op>
const Node* only_node(const Graph& graph) {
  const Node* found = nullptr;
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<Op>(node.op)) continue;
    if (found != nullptr) return nullptr;
    found = &node;
  }
  return found;
}

}  // namespace octavo::test
