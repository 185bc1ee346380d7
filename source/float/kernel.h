// One node of a Graph made ready to run: shapes resolved, constants packed. Makers
// take a verified node; oneDNN may throw from them and from `run`, which session.cpp
// turns into an Error. Everything below works on row-major float32.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "graph/graph.h"

namespace octavo {

struct OneDnn;

struct Operands {
  std::span<const float* const> inputs;
  float* output = nullptr;
  std::byte* scratch = nullptr;  // Kernel::scratch_bytes, aligned to a cache line
};

struct Kernel {
  std::function<void(const Operands&)> run;
  size_t scratch_bytes = 0;
  bool in_place = false;  // the output may take the place of an input of its shape
};

Kernel make_conv2d(const std::shared_ptr<OneDnn>& onednn, const Graph& graph, const Node& node);
Kernel make_matmul(const std::shared_ptr<OneDnn>& onednn, const Graph& graph, const Node& node);
Kernel make_binary(const Graph& graph, const Node& node);
Kernel make_unary(const std::shared_ptr<OneDnn>& onednn, const Graph& graph, const Node& node);
// sigmoid, silu, gelu, gelu_tanh, tanh or exp of so many values.
Kernel make_activation(const std::shared_ptr<OneDnn>& onednn, int64_t count, Unary::Kind kind);
Kernel make_fake_quantize(const Graph& graph, const Node& node);
Kernel make_channel_affine(const Graph& graph, const Node& node);
Kernel make_pool2d(const Graph& graph, const Node& node);
Kernel make_reduce(const Graph& graph, const Node& node);
Kernel make_softmax(const Graph& graph, const Node& node);
Kernel make_layer_norm(const Graph& graph, const Node& node);
Kernel make_reshape(const Graph& graph, const Node& node);
Kernel make_transpose(const Graph& graph, const Node& node);
Kernel make_concat(const Graph& graph, const Node& node);
Kernel make_slice(const Graph& graph, const Node& node);
Kernel make_gather(const Graph& graph, const Node& node);
Kernel make_expand(const Graph& graph, const Node& node);
Kernel make_pad(const Graph& graph, const Node& node);
Kernel make_resize(const Graph& graph, const Node& node);

inline const Shape& shape_of(const Graph& graph, TensorId tensor) {
  return graph.tensors[tensor].shape;
}

}  // namespace octavo
