// The rewrites of prepare.cpp's table, one file each, and what several of them need. Each returns
// how many places it changed; none changes what the graph computes.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace octavo {

int share_roundings(Graph& graph);
int store_picture(Graph& graph);
int even_out_scales(Graph& graph);
int split_wide_weights(Graph& graph);
int keep_float_weights(Graph& graph);
int write_out_constants(Graph& graph);
int store_right_operands(Graph& graph);
int flatten_output(Graph& graph);

// x * 1 + 0, to be stored as `name` in its own way; to be put in front of a node that reads it.
Node copy_of(Graph& graph, TensorId x, const std::string& name);

inline bool is_rounding(const Node& node) {
  return std::holds_alternative<FakeQuantize>(node.op);
}

inline bool changes_arrangement(const Node& node) {
  return std::holds_alternative<Reshape>(node.op) || std::holds_alternative<Transpose>(node.op);
}

// How the channels of a tensor are stored by a quantized file: alike, differently, or as the
// quantizer will choose.
struct GivenStorage {
  const FakeQuantize* rounding = nullptr;  // of one of the channels; null: the quantizer's
  bool is_uneven = false;                  // others have another scale or zero point
};

// Of what the node makes; `storage`, by tensor, has its operands'.
GivenStorage made_storage(const Node& node, const std::vector<GivenStorage>& storage);

}  // namespace octavo
