// What one node of a graph computes, as the beginning of a step. Which nodes then belong to the
// same step is form_steps.cpp's.
#pragma once

#include <optional>
#include <vector>

#include "quantize/steps.h"

namespace octavo {

// Who makes and who reads the tensors of a graph.
struct Wiring {
  explicit Wiring(const Graph& from);

  // The only node that reads a tensor, if there is one and it is not the output.
  uint32_t sole_reader(TensorId t) const {
    return consumers[t].size() == 1 && t != graph.output ? consumers[t][0] : no_node;
  }

  const Graph& graph;
  std::vector<uint32_t> producers;
  std::vector<std::vector<uint32_t>> consumers;
  bool has_roundings;  // a quantized file's
};

// Sets form and inputs, or says what keeps the node from being integers.
std::optional<Obstacle> begin_step(const Wiring& wiring, uint32_t node, FormedStep& step);

// As the file states it, along the channels.

// Activations that an epilogue can perform: written out, or smooth enough for a table.
bool is_activation(const Unary& unary);
// Of them, those that a step in front does not take: their tables must not reach over zero, so that
// the step needs an offset.
bool stands_alone(const Unary& unary);

}  // namespace octavo
