// What the function of one ONNX operator sees: the node's inputs and attributes, and
// the graph that it adds to.
//
// The first thing that goes wrong is kept (fail) and everything after it does
// nothing, so that an operator's function reads like its definition. A value that
// could not be made is absent.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "onnx/evaluate.h"
#include "onnx/model.h"
#include "onnx/tensor_data.h"
#include "onnx/value.h"

namespace octavo::onnx {

// The graph under construction, shared by all nodes of a file.
struct Builder {
  Graph graph;
  Budget budget;
  ExternalData external;
  std::unordered_map<const void*, TensorId> materialized;  // constants by their data
  std::unordered_map<std::string_view, size_t> readers;    // of values, still to come
};

using Outputs = std::vector<Value>;

class NodeContext {
 public:
  NodeContext(Builder& builder, const NodeProto& node, std::string name, int version,
              std::vector<Value> inputs)
      : builder_(builder),
        node_(node),
        name_(std::move(name)),
        version_(version),
        inputs_(std::move(inputs)) {}

  // The operator's version: the newest that the file's opset has.
  int version() const { return version_; }
  const NodeProto& node() const { return node_; }
  std::string_view domain() const { return node_.domain; }

  // Inputs. The number of required ones has been checked against the operator's row.
  size_t input_count() const { return inputs_.size(); }
  bool has_input(size_t index) const;
  const Value& input(size_t index) const;
  bool all_constant() const;
  // The constant of an input that must be one; fails saying that `what` is computed.
  const Constant* constant(size_t index, std::string_view what);
  std::optional<std::vector<int64_t>> integers_input(size_t index, std::string_view what);
  // One float in a tensor of rank 0, or of shape [1] as some exporters write it.
  std::optional<float> scalar_input(size_t index, std::string_view what);
  // Whether anything reads it: exporters also name the outputs that nothing does.
  bool reads_output(size_t index) const;
  // Whether the node names it, which may change what the node means.
  bool names_output(size_t index) const;

  // Attributes; `otherwise` where the node has none of that name.
  int64_t integer(std::string_view name, int64_t otherwise);
  float real(std::string_view name, float otherwise);
  std::string text(std::string_view name, std::string_view otherwise);
  std::optional<std::vector<int64_t>> integers(std::string_view name);
  std::optional<std::vector<float>> reals(std::string_view name);
  const AttributeProto* attribute(std::string_view name);
  // An integer attribute that is an axis of `rank` axes, counted from the end if negative.
  int axis(int64_t otherwise, size_t rank, std::string_view name = "axis");
  // Any number made an axis in 0..rank - 1; fails outside.
  int normalized_axis(int64_t axis, size_t rank);
  // An attribute that no function asked for: its meaning would be lost.
  std::optional<std::string_view> unread_attribute() const;

  // Adds a node named like the file's (emit), or one of the helpers around it, named
  // "<name>/<part>" (emit_part). Constants in, constant out, where it can be folded.
  Value emit(Operator op, const std::vector<Value>& inputs);
  Value emit_part(std::string_view part, Operator op, const std::vector<Value>& inputs);
  // Folded values.
  Outputs folded(Constant constant);
  ExternalData& external() { return builder_.external; }
  Budget& budget() { return builder_.budget; }
  const Graph& graph() const { return builder_.graph; }

  // This node as the ordinary operator that it is between roundings, on real inputs; what that
  // emits is named "<name>/real". Afterwards its results are this node's.
  NodeContext between_roundings(int version, std::vector<Value> inputs) const;
  void take_results_of(const NodeContext& ordinary);

  // Keeps the reason, if it is the first, and returns no outputs.
  Outputs fail(std::string reason);
  bool failed() const { return !reason_.empty(); }
  const std::string& reason() const { return reason_; }
  // Names of the operators that this node became, Transposes and Reshapes around others
  // left out.
  std::string becomes() const;

 private:
  Value emit_named(std::string name, Operator op, const std::vector<Value>& inputs);
  std::optional<TensorId> materialize(const Value& value);
  Value fold(const Node& node, const std::vector<Value>& inputs, bool& folded);

  Builder& builder_;
  const NodeProto& node_;
  std::string name_;
  int version_;
  std::vector<Value> inputs_;
  std::set<std::string_view> read_attributes_;
  std::vector<std::string> emitted_;
  std::string reason_;
};

// A constant of one float, broadcast like any other.
Value scalar(float value);

}  // namespace octavo::onnx
