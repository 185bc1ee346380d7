// A stretch of a graph's nodes as a graph of its own, so that what runs over the same inputs again
// and again goes on from where it was instead of beginning at the input.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace octavo {

// Tensors but constants, ascending, that are there before node `node` is run and that this node,
// one behind it or the reader of the graph's output needs.
std::vector<TensorId> live_at(const Graph& graph, size_t node);

// How many values these have together.
int64_t values_of(const Graph& graph, const std::vector<TensorId>& tensors);

// Nodes first .. end - 1. Its input is one row of the values of live_at(first), tensor after
// tensor, and its output one of those of live_at(kept), first <= kept <= end: the input of a part
// that begins there.
struct GraphPart {
  Graph graph;  // tensors of the whole keep their ids, what takes rows apart comes behind them
  std::vector<TensorId> given;  // live_at(first): no node of the stretch makes them
};
GraphPart part_of(const Graph& graph, size_t first, size_t kept, size_t end);

}  // namespace octavo
