// Inside the room: the rewrites that pipeline.cpp puts in order, one file each. Each
// returns how many places it changed; all keep the float result.
#pragma once

#include "graph/graph.h"

namespace octavo {

int input_layout(Graph& graph);
int fold_constants(Graph& graph);
int remove_identity(Graph& graph);
int drop_expand(Graph& graph);
int remove_softmax(Graph& graph);

int recognise_clip(Graph& graph);
int recognise_hard_sigmoid(Graph& graph);
int recognise_self_gate(Graph& graph);
int recognise_gelu(Graph& graph);
int recognise_layer_norm(Graph& graph);
int recognise_channel_shuffle(Graph& graph);

int order_operands(Graph& graph);
int affine_to_products(Graph& graph);
int make_affine(Graph& graph);
int merge_affine(Graph& graph);
int affine_below_pool(Graph& graph);
int affine_into_previous(Graph& graph);
int affine_into_next(Graph& graph);
int merge_parallel(Graph& graph);
int fold_pad(Graph& graph);
int pad_to_gather(Graph& graph);
int pad_to_conv(Graph& graph);

int transpose_below(Graph& graph);
int transpose_below_join(Graph& graph);
int transpose_below_reshape(Graph& graph);
int transpose_above_reshape(Graph& graph);
int transpose_into_matmul(Graph& graph);
int transpose_product(Graph& graph);
int transpose_to_reshape(Graph& graph);
int reshape_below(Graph& graph);
int merge_reshapes(Graph& graph);

int pool_whole_map(Graph& graph);
int linear_to_conv(Graph& graph);
int reshape_into_conv(Graph& graph);
int slice_to_gather(Graph& graph);
int gather_before_reshape(Graph& graph);
int gather_into_conv(Graph& graph);
int merge_gathers(Graph& graph);
int merge_concat(Graph& graph);

int weighted_sum(Graph& graph);

int absorb_input_affine(Graph& graph);

}  // namespace octavo
