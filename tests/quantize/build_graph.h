// Small float graphs for the quantizer's tests, with weights from a seed.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace octavo::testing {

struct Kernel {
  int size = 1, stride = 1, groups = 1;
};

class GraphBuilder {
 public:
  GraphBuilder(Shape input, uint64_t seed) : random_(seed) {
    graph.input = graph.add_tensor("input", std::move(input));
  }

  std::vector<float> noise(int64_t count, float deviation, float mean = 0) {
    std::normal_distribution<float> normal(mean, deviation);
    std::vector<float> out(static_cast<size_t>(count));
    for (float& value : out) value = normal(random_);
    return out;
  }

  TensorId node(const std::string& name, Operator op, std::vector<TensorId> inputs) {
    Node out{name, {}, std::move(op), std::move(inputs), graph.add_tensor(name, {})};
    graph.tensors[out.output].shape = *infer_shape(graph, out);
    graph.nodes.push_back(out);
    graph.output = out.output;
    return out.output;
  }

  TensorId conv(const std::string& name, TensorId x, int64_t outputs, Kernel kernel = Kernel{}) {
    const int64_t channels = graph.tensors[x].shape[3] / kernel.groups;
    const int64_t taps = kernel.size * kernel.size * channels;
    const TensorId weight =
        graph.add_constant(name + ".w", {outputs, kernel.size, kernel.size, channels},
                           noise(outputs * taps, std::sqrt(2.0f / static_cast<float>(taps))));
    const TensorId bias = graph.add_constant(name + ".b", {outputs}, noise(outputs, 0.2f));
    Conv2d op;
    op.stride = {kernel.stride, kernel.stride};
    op.groups = kernel.groups;
    const int pad = kernel.size / 2;
    op.pads = {pad, pad, pad, pad};
    return node(name, op, {x, weight, bias});
  }
  TensorId unary(const std::string& name, Unary::Kind kind, TensorId x, float alpha = 0,
                 float beta = 0) {
    return node(name, Unary{kind, alpha, beta}, {x});
  }
  TensorId binary(const std::string& name, Binary::Kind kind, TensorId a, TensorId b) {
    return node(name, Binary{kind}, {a, b});
  }
  TensorId global_pool(const std::string& name, TensorId x) {
    const Shape& shape = graph.tensors[x].shape;
    Pool2d pool;
    pool.kind = Pool2d::Kind::average;
    pool.kernel = {static_cast<int>(shape[1]), static_cast<int>(shape[2])};
    return node(name, pool, {x});
  }

  Graph graph;

 private:
  std::mt19937_64 random_;
};

}  // namespace octavo::testing
