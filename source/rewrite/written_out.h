// The rewrites that write an operator out as others that steps perform, one file each, and what
// they share. Most run once, when all others are done.
#pragma once

#include "rewrite/pattern.h"

namespace octavo {

int constant_products(Graph& graph);
int cubic_resize(Graph& graph);
int make_quotients(Graph& graph);
int power_to_product(Graph& graph);
int reduce_by_pools(Graph& graph);
int write_out_broadcasts(Graph& graph);
int extremes_by_pool(Graph& graph);
int softmax_over_last(Graph& graph);
int concat_as_channels(Graph& graph);
int gather_as_channels(Graph& graph);

// A new node: x times one number.
TensorId insert_scaled(Editor& editor, NodeId near, TensorId x, double factor);

// Whether the node is x / max(norm of x, floor) over the last axis, which is a step of its own.
bool is_l2_normalization(const Editor& editor, NodeId id);

}  // namespace octavo
