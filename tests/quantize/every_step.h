// A network that holds every kind of step that a picture's convolutions know.
#pragma once

#include "quantize/build_graph.h"
#include "quantize/small_pictures.h"

namespace octavo::testing {

// Adds 2 x to what a convolution of equal inputs and outputs gives, as merging branches does.
inline void add_identity(Graph& graph, size_t node) {
  Tensor& weight = graph.tensors[graph.nodes[node].inputs[1]];
  auto values = *weight.values;
  const auto channels = static_cast<size_t>(weight.shape[0]);
  for (size_t o = 0; o < channels; ++o) values[(o * 9 + 4) * channels + o] += 2;
  weight.values = std::make_shared<const std::vector<float>>(std::move(values));
}

// Every kind of step: a stem, a depthwise block with a residual, squeeze-and-excite, a
// split, shuffle and join, a maximum, a table, a merged identity, a head.
inline Graph every_step(uint64_t seed) {
  GraphBuilder b({1, side, side, 3}, seed);
  const TensorId stem =
      b.unary("stem_act", Unary::Kind::hard_swish, b.conv("stem", b.graph.input, 16, {3, 2}));
  const TensorId wide = b.unary("expand_act", Unary::Kind::clip, b.conv("expand", stem, 32), 0, 6);
  const TensorId deep =
      b.unary("deep_act", Unary::Kind::relu, b.conv("deep", wide, 32, {3, 1, 32}));
  const TensorId squeezed =
      b.unary("fc1_act", Unary::Kind::relu, b.conv("fc1", b.global_pool("squeeze", deep), 8));
  const TensorId gate =
      b.unary("gate_act", Unary::Kind::hard_sigmoid, b.conv("fc2", squeezed, 32), 1.0f / 6, 0.5f);
  const TensorId gated = b.binary("gate", Binary::Kind::multiply, deep, gate);
  const TensorId block =
      b.binary("residual", Binary::Kind::add, b.conv("project", gated, 16), stem);
  Slice half{{0, 0, 0, 0}, {1, 8, 8, 8}, {1, 1, 1, 1}};
  const TensorId left = b.node("left", half, {block});
  half.starts[3] = 8;
  const TensorId right = b.unary("silu", Unary::Kind::silu,
                                 b.conv("branch", b.node("right", half, {block}), 8, {3, 1, 2}));
  const TensorId joined = b.node("join", Concat{3}, {left, right});
  std::vector<int64_t> shuffle(16);
  for (size_t c = 0; c < 16; ++c) shuffle[c] = static_cast<int64_t>(c % 2 * 8 + c / 2);
  const TensorId shuffled = b.node("shuffle", Gather{3, shuffle}, {joined});
  Pool2d pool{Pool2d::Kind::maximum, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}};
  const TensorId pooled = b.node("maximum", pool, {shuffled});
  const TensorId merged =
      b.unary("merged_act", Unary::Kind::relu, b.conv("merged", pooled, 16, {3, 1, 1}));
  add_identity(b.graph, b.graph.nodes.size() - 2);
  const TensorId last = b.unary("last_act", Unary::Kind::relu, b.conv("last", merged, 32));
  b.node("flatten", Reshape{{1, 10}}, {b.conv("head", b.global_pool("mean", last), 10)});
  return b.graph;
}

}  // namespace octavo::testing
