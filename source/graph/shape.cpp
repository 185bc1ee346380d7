#include "base/text.h"
#include "graph/graph.h"
#include "graph/shape_rules.h"

namespace octavo {

namespace shape_rules {

Error Operands::wrong(const std::string& words) const {
  return rejected(concat("node ", quoted(node.name), " (", operator_name(node.op), "): ", words));
}

std::string check_shape(const Shape& shape) {
  if (shape.size() > most_axes) {
    return concat("has ", shape.size(), " axes, at most ", most_axes, " are possible");
  }
  int64_t elements = 1;
  for (const int64_t size : shape) {
    if (size < 1)
      return concat("has the shape ", list_text(shape), ", every size must be positive");
    if (size > most_elements / elements) {
      return concat("has the shape ", list_text(shape), ", more than ", most_elements, " elements");
    }
    elements *= size;
  }
  return "";
}

std::optional<Shape> broadcast(const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape out = longer;
  const size_t offset = longer.size() - shorter.size();
  for (size_t axis = 0; axis < shorter.size(); ++axis) {
    int64_t& size = out[offset + axis];
    if (size == 1) {
      size = shorter[axis];
    } else if (shorter[axis] != 1 && shorter[axis] != size) {
      return std::nullopt;
    }
  }
  return out;
}

namespace {

struct OperandCount {
  size_t least = 1, most = 1;
};

OperandCount operand_count(const Operator& op) {
  if (std::holds_alternative<Conv2d>(op) || std::holds_alternative<MatMul>(op)) return {2, 3};
  if (std::holds_alternative<Binary>(op)) return {2, 2};
  if (std::holds_alternative<ChannelAffine>(op) || std::holds_alternative<LayerNorm>(op)) {
    return {3, 3};
  }
  if (std::holds_alternative<Concat>(op)) return {1, SIZE_MAX};
  return {1, 1};
}

Status check_operands(const Operands& in) {
  const auto [least, most] = operand_count(in.node.op);
  if (in.count() < least || in.count() > most) {
    return in.wrong(concat("has ", in.count(), " operands, expected ",
                           in.count() < least ? "at least " : "at most ",
                           in.count() < least ? least : most));
  }
  for (size_t i = 0; i < in.count(); ++i) {
    const TensorId id = in.node.inputs[i];
    if (id >= in.graph.tensors.size()) {
      return in.wrong(concat("operand ", i, " is tensor ", id, " of ", in.graph.tensors.size()));
    }
    const std::string bad = check_shape(in.shape(i));
    if (!bad.empty()) return in.wrong(concat("operand ", i, " ", bad));
  }
  return {};
}

}  // namespace

}  // namespace shape_rules

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

Result<Shape> infer_shape(const Graph& graph, const Node& node) {
  const shape_rules::Operands in{graph, node};
  const Status operands = shape_rules::check_operands(in);
  if (!operands) return operands.error();
  Result<Shape> shape =
      std::visit([&](const auto& op) { return shape_rules::output_shape(op, in); }, node.op);
  if (!shape) return shape.error();
  const std::string bad = shape_rules::check_shape(*shape);
  if (!bad.empty()) return in.wrong(concat("the output ", bad));
  return shape;
}

Status infer_shapes(Graph& graph) {
  for (const Node& node : graph.nodes) {
    Result<Shape> shape = infer_shape(graph, node);
    if (!shape) return shape.error();
    if (node.output >= graph.tensors.size()) {
      return shape_rules::Operands{graph, node}.wrong(
          concat("the output is tensor ", node.output, " of ", graph.tensors.size()));
    }
    graph.tensors[node.output].shape = *std::move(shape);
  }
  return {};
}

}  // namespace octavo
