// The intermediate representation: a directed acyclic graph of float tensors.
//
// source/onnx makes a Graph, source/rewrite transforms it, source/float runs it,
// source/quantize reads it. A Graph knows nothing of files, ISAs or quantization.
// Tensors and nodes live in two vectors; nodes stand in an order in which every
// input is made before it is read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/output_kind.h"
#include "base/result.h"
#include "graph/operator.h"

namespace octavo {

using TensorId = uint32_t;

struct Tensor {
  std::string name;
  Shape shape;
  // Set for constants only; shared, since rewrites copy graphs. Row-major float32.
  std::shared_ptr<const std::vector<float>> values;

  bool is_constant() const { return values != nullptr; }
};

struct Node {
  std::string name;                 // as in the file; for --int16 NODE and every table
  std::vector<std::string> merged;  // names of nodes that rewrites folded into this one
  Operator op;
  std::vector<TensorId> inputs;
  TensorId output = 0;
};

// What pixels become before they enter, by channel: (pixel - mean) / std.
struct Normalization {
  std::array<float, 3> mean{0, 0, 0}, std{1, 1, 1};

  bool operator==(const Normalization&) const = default;
};

struct Graph {
  std::vector<Tensor> tensors;
  std::vector<Node> nodes;
  TensorId input = 0;            // the one activation that is fed: rank 4, batch 1 (or rank 2)
  TensorId output = 0;           // logits; [1, classes] for a classifier
  bool softmax_removed = false;  // the file ended in Softmax; scores are softmax(logits) anyway
  OutputKind output_kind = OutputKind::logits;  // known once the rewrites have run
  // How the input was made where that is a picture, once it is known; else nothing.
  std::optional<Normalization> normalization;
  // Preprocessing and other key/value pairs that the file carries.
  std::vector<std::pair<std::string, std::string>> metadata;

  TensorId add_tensor(std::string name, Shape shape) {
    tensors.push_back({std::move(name), std::move(shape), nullptr});
    return static_cast<TensorId>(tensors.size() - 1);
  }
  TensorId add_constant(std::string name, Shape shape, std::vector<float> values) {
    tensors.push_back({std::move(name), std::move(shape),
                       std::make_shared<const std::vector<float>>(std::move(values))});
    return static_cast<TensorId>(tensors.size() - 1);
  }
};

constexpr uint32_t no_node = UINT32_MAX;

// Number of elements; shapes in a verified graph never overflow.
int64_t element_count(const Shape& shape);

// For every tensor, the index of the node that makes it (no_node for inputs and constants).
std::vector<uint32_t> producers(const Graph& graph);
// For every tensor, the indices of the nodes that read it, ascending, once per reading operand.
std::vector<std::vector<uint32_t>> consumers(const Graph& graph);

// The output shape of one node from its input shapes; an Error names the node,
// the operator and the two things that contradict each other.
Result<Shape> infer_shape(const Graph& graph, const Node& node);
// infer_shape over all nodes in order, stored into their output tensors.
Status infer_shapes(Graph& graph);

// Everything that later rooms take for granted: ids in range, one maker a tensor,
// order, operand counts and ranks, constants' sizes, shapes as infer_shape gives
// them, sizes bounded (2^31 elements a tensor), finite constants, an output that
// depends on the input.
Status verify(const Graph& graph);

// Drops nodes that do not reach the output, constants and tensors that nothing
// reads, and renumbers the rest.
void remove_dead(Graph& graph);

// Multiply-accumulates of Conv2d and MatMul nodes, and elements of their constants.
struct Cost {
  int64_t macs = 0, parameters = 0;
};
Cost cost(const Graph& graph);
Cost cost(const Graph& graph, const Node& node);

// One line a node, for people and for tests.
std::string to_text(const Graph& graph);

}  // namespace octavo
