// Nodes that compute each element of their output from the same element of one operand, and from
// constants: chains of them are functions of one number a channel.
#pragma once

#include <optional>

#include "graph/graph.h"

namespace octavo {

// That operand; nothing where the node does something else.
std::optional<TensorId> pointwise_operand(const Graph& graph, const Node& node);

// For every tensor whether a chain of such nodes (and of others that only move values) makes it of
// the graph's input or of a FakeQuantize's output, and ends in a FakeQuantize that alone reads what
// comes out. Quantized files mean each operator of such a chain to be rounded to float on its own.
std::vector<bool> between_roundings(const Graph& graph);

}  // namespace octavo
