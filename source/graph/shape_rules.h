// Inside the room: the shape rule of each operator, one overload each. A rule may
// trust that its operands' shapes are bounded (check_shape), and nothing else.
#pragma once

#include <optional>
#include <string>

#include "graph/graph.h"

namespace octavo::shape_rules {

constexpr int64_t most_elements = int64_t{1} << 31;
constexpr size_t most_axes = 8;

// What a rule sees of its node.
struct Operands {
  const Graph& graph;
  const Node& node;

  size_t count() const { return node.inputs.size(); }
  const Shape& shape(size_t operand) const { return graph.tensors[node.inputs[operand]].shape; }
  // "node 'conv1' (conv2d): " and the words.
  Error wrong(const std::string& words) const;
};

// Sizes of at least 1, at most most_axes of them, at most most_elements in all; "" or
// what is wrong.
std::string check_shape(const Shape& shape);

// numpy's broadcast, or nothing where two sizes contradict each other.
std::optional<Shape> broadcast(const Shape& a, const Shape& b);

Result<Shape> output_shape(const Conv2d& op, const Operands& in);
Result<Shape> output_shape(const MatMul& op, const Operands& in);
Result<Shape> output_shape(const Binary& op, const Operands& in);
Result<Shape> output_shape(const Unary& op, const Operands& in);
Result<Shape> output_shape(const FakeQuantize& op, const Operands& in);
Result<Shape> output_shape(const ChannelAffine& op, const Operands& in);
Result<Shape> output_shape(const Pool2d& op, const Operands& in);
Result<Shape> output_shape(const Reduce& op, const Operands& in);
Result<Shape> output_shape(const Softmax& op, const Operands& in);
Result<Shape> output_shape(const LayerNorm& op, const Operands& in);
Result<Shape> output_shape(const Reshape& op, const Operands& in);
Result<Shape> output_shape(const Transpose& op, const Operands& in);
Result<Shape> output_shape(const Concat& op, const Operands& in);
Result<Shape> output_shape(const Slice& op, const Operands& in);
Result<Shape> output_shape(const Gather& op, const Operands& in);
Result<Shape> output_shape(const Expand& op, const Operands& in);
Result<Shape> output_shape(const Pad& op, const Operands& in);
Result<Shape> output_shape(const Resize& op, const Operands& in);

}  // namespace octavo::shape_rules
