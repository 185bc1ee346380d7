#include "onnx/context.h"

#include <algorithm>

#include "base/text.h"

namespace octavo::onnx {

namespace {

const Value absent;

// infer_shape begins with the node's name, which the caller of a NodeContext says anyway.
std::string without_node(const Node& node, const std::string& message) {
  const std::string prefix =
      concat("node ", quoted(node.name), " (", operator_name(node.op), "): ");
  return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
}

bool moves_only(std::string_view name) {
  return name == "transpose" || name == "reshape";
}

}  // namespace

Value scalar(float value) {
  return make_reals({}, {value});
}

bool NodeContext::has_input(size_t index) const {
  return index < inputs_.size() && !inputs_[index].is_absent();
}

const Value& NodeContext::input(size_t index) const {
  return index < inputs_.size() ? inputs_[index] : absent;
}

bool NodeContext::all_constant() const {
  return std::all_of(inputs_.begin(), inputs_.end(),
                     [](const Value& value) { return !value.is_tensor(); });
}

const Constant* NodeContext::constant(size_t index, std::string_view what) {
  const Value& value = input(index);
  if (value.is_constant()) return &value.constant;
  fail(concat(what, value.is_absent() ? " is missing" : " is computed, only a constant is known"));
  return nullptr;
}

std::optional<std::vector<int64_t>> NodeContext::integers_input(size_t index,
                                                                std::string_view what) {
  const Constant* value = constant(index, what);
  if (value == nullptr) return std::nullopt;
  if (!value->integers || value->shape.size() > 1) {
    fail(concat(what, " must be a list of integers"));
    return std::nullopt;
  }
  return *value->integers;
}

std::optional<float> NodeContext::scalar_input(size_t index, std::string_view what) {
  const Constant* value = constant(index, what);
  if (value == nullptr) return std::nullopt;
  if (value->size() != 1) {
    fail(concat(what, " has the shape ", list_text(value->shape), ", expected one number"));
    return std::nullopt;
  }
  return static_cast<float>(value->number(0));
}

bool NodeContext::reads_output(size_t index) const {
  return index < node_.outputs.size() && builder_.readers.contains(node_.outputs[index]);
}

bool NodeContext::names_output(size_t index) const {
  return index < node_.outputs.size() && !node_.outputs[index].empty();
}

const AttributeProto* NodeContext::attribute(std::string_view name) {
  read_attributes_.insert(name);
  for (const AttributeProto& attribute : node_.attributes) {
    if (attribute.name != name) continue;
    if (attribute.reference.empty()) return &attribute;
    fail(concat("attribute ", quoted(name), " refers to a function's attribute"));
    return nullptr;
  }
  return nullptr;
}

int64_t NodeContext::integer(std::string_view name, int64_t otherwise) {
  const AttributeProto* found = attribute(name);
  if (found == nullptr) return otherwise;
  if (found->kind == AttributeProto::Kind::integer) return found->integer;
  fail(concat("attribute ", quoted(name), " must be an integer"));
  return otherwise;
}

float NodeContext::real(std::string_view name, float otherwise) {
  const AttributeProto* found = attribute(name);
  if (found == nullptr) return otherwise;
  if (found->kind == AttributeProto::Kind::real) return found->real;
  fail(concat("attribute ", quoted(name), " must be a float"));
  return otherwise;
}

std::string NodeContext::text(std::string_view name, std::string_view otherwise) {
  const AttributeProto* found = attribute(name);
  if (found == nullptr) return std::string(otherwise);
  if (found->kind == AttributeProto::Kind::string) return std::string(found->string);
  fail(concat("attribute ", quoted(name), " must be a string"));
  return std::string(otherwise);
}

std::optional<std::vector<int64_t>> NodeContext::integers(std::string_view name) {
  const AttributeProto* found = attribute(name);
  if (found == nullptr) return std::nullopt;
  if (found->kind == AttributeProto::Kind::integers) return found->integers;
  fail(concat("attribute ", quoted(name), " must be a list of integers"));
  return std::nullopt;
}

std::optional<std::vector<float>> NodeContext::reals(std::string_view name) {
  const AttributeProto* found = attribute(name);
  if (found == nullptr) return std::nullopt;
  if (found->kind == AttributeProto::Kind::reals) return found->reals;
  fail(concat("attribute ", quoted(name), " must be a list of floats"));
  return std::nullopt;
}

int NodeContext::normalized_axis(int64_t axis, size_t rank) {
  const auto axes = static_cast<int64_t>(rank);
  if (axis < -axes || axis >= axes) {
    fail(concat("axis ", axis, " is outside a tensor of ", rank, " axes"));
    return 0;
  }
  return static_cast<int>(axis < 0 ? axis + axes : axis);
}

int NodeContext::axis(int64_t otherwise, size_t rank, std::string_view name) {
  return normalized_axis(integer(name, otherwise), rank);
}

std::optional<std::string_view> NodeContext::unread_attribute() const {
  for (const AttributeProto& attribute : node_.attributes) {
    if (!read_attributes_.contains(attribute.name)) return attribute.name;
  }
  return std::nullopt;
}

NodeContext NodeContext::between_roundings(int version, std::vector<Value> inputs) const {
  return NodeContext(builder_, node_, concat(name_, "/real"), version, std::move(inputs));
}

void NodeContext::take_results_of(const NodeContext& ordinary) {
  read_attributes_.insert(ordinary.read_attributes_.begin(), ordinary.read_attributes_.end());
  emitted_.insert(emitted_.end(), ordinary.emitted_.begin(), ordinary.emitted_.end());
  fail(ordinary.reason_);
}

Outputs NodeContext::fail(std::string reason) {
  if (reason_.empty()) reason_ = std::move(reason);
  return {};
}

Outputs NodeContext::folded(Constant constant) {
  return {Value(std::move(constant))};
}

Value NodeContext::emit(Operator op, const std::vector<Value>& inputs) {
  return emit_named(name_, std::move(op), inputs);
}

Value NodeContext::emit_part(std::string_view part, Operator op, const std::vector<Value>& inputs) {
  return emit_named(concat(name_, "/", part), std::move(op), inputs);
}

std::optional<TensorId> NodeContext::materialize(const Value& value) {
  if (value.is_tensor()) return value.tensor;
  const Constant& constant = value.constant;
  if (!constant.reals) {
    fail(concat("an operand is ", kind_name(constant.kind), ", expected float"));
    return std::nullopt;
  }
  Graph& graph = builder_.graph;
  const auto known = builder_.materialized.find(constant.reals.get());
  if (known != builder_.materialized.end() &&
      graph.tensors[known->second].shape == constant.shape) {
    return known->second;
  }
  const TensorId id = graph.add_tensor(
      constant.name.empty() ? concat(name_, "/constant") : constant.name, constant.shape);
  graph.tensors[id].values = constant.reals;
  builder_.materialized[constant.reals.get()] = id;
  return id;
}

// Where all inputs are constants: their value, if the operator can be folded.
Value NodeContext::fold(const Node& node, const std::vector<Value>& inputs, bool& folded) {
  Graph shapes;
  Node with_ids = node;
  std::vector<Constant> constants;
  for (const Value& value : inputs) {
    constants.push_back(value.constant);
    with_ids.inputs.push_back(shapes.add_tensor("", value.shape()));
  }
  const Result<Shape> shape = infer_shape(shapes, with_ids);
  folded = true;
  if (!shape) {
    fail(without_node(node, shape.error().message));
    return {};
  }
  Result<std::optional<Constant>> constant = evaluate(node.op, constants, *shape, builder_.budget);
  if (!constant) {
    fail(constant.error().message);
    return {};
  }
  folded = constant->has_value();
  return folded ? Value(**std::move(constant)) : Value();
}

Value NodeContext::emit_named(std::string name, Operator op, const std::vector<Value>& inputs) {
  if (failed()) return {};
  Node node;
  node.name = std::move(name);
  node.op = std::move(op);
  bool all_constants = true;
  for (const Value& value : inputs) {
    if (value.is_absent()) {
      fail("an input is missing");
      return {};
    }
    all_constants = all_constants && value.is_constant();
  }
  if (all_constants) {
    bool folded = false;
    Value value = fold(node, inputs, folded);
    if (folded) return value;
  }
  for (const Value& value : inputs) {
    const std::optional<TensorId> id = materialize(value);
    if (!id) return {};
    node.inputs.push_back(*id);
  }
  Result<Shape> shape = infer_shape(builder_.graph, node);
  if (!shape) {
    fail(without_node(node, shape.error().message));
    return {};
  }
  emitted_.emplace_back(operator_name(node.op));
  node.output = builder_.graph.add_tensor(node.name, *shape);
  Value out(node.output, *std::move(shape));
  builder_.graph.nodes.push_back(std::move(node));
  return out;
}

std::string NodeContext::becomes() const {
  const bool only_moves = std::all_of(emitted_.begin(), emitted_.end(), moves_only);
  std::vector<std::string> shown;
  for (const std::string& name : emitted_) {
    if (!only_moves && moves_only(name)) continue;
    if (shown.empty() || shown.back() != name) shown.push_back(name);
  }
  if (shown.empty()) return "folded";
  std::string out;
  for (const std::string& name : shown) out += (out.empty() ? "" : " + ") + name;
  return out;
}

}  // namespace octavo::onnx
