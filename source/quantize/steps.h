// Which nodes of a float graph make one integer step. A step ends in the one rounding
// that its output gets (docs/numerics.md, "The epilogue"): bias, activation, residual
// and clamp belong to it, so the outputs of the steps are the rounding points.
//
// The decision is made here and nowhere else, alike on every machine.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "graph/graph.h"

namespace octavo {

enum class StepKind : uint8_t {
  convolution,
  pool,
  add,
  multiply,
  rescale,
  gather,
  concat,
  reshape
};

struct FormedStep {
  StepKind kind = StepKind::rescale;
  uint32_t node = 0;                // the node that gives the step its arithmetic
  std::vector<uint32_t> nodes;      // all of its nodes, ascending; the last makes `output`
  std::vector<TensorId> inputs;     // stored tensors as the plan's step wants them, residual last
  TensorId accumulated = 0;         // what the activation reads; the output where there is none
  std::optional<Unary> activation;  // inside the step; relu and clip only where a residual follows
  TensorId activated = 0;           // output of the activation
  bool has_residual = false;
  float lo = -std::numeric_limits<float>::infinity();  // clamp of the output, real values
  float hi = std::numeric_limits<float>::infinity();
  TensorId output = 0;

  Pool2d pool;                         // pool: with the kernel of a global one written out
  bool subtract = false;               // add: a - b
  std::vector<double> factor, offset;  // rescale: x * factor[c] + offset[c], one entry a channel
  std::vector<int32_t> channels;       // gather: which channels of the input
};

// A maximum, a selection, a joining, another shape: stored values move unchanged, so
// their scales move along.
bool moves_only(const FormedStep& step);

struct FormedSteps {
  std::vector<FormedStep> steps;  // in an order in which inputs are made before they are read
  // For every tensor of the graph the stored tensor that holds its values: itself, or
  // what a change of shape without effect ([1, 1, 1, c] to [1, c]) read.
  std::vector<TensorId> stored_as;
};

// A node that cannot be integers yet.
struct Refusal {
  std::optional<uint32_t> node;  // none: the graph as a whole
  std::string why;               // "there is no integer matmul", ...
};

struct Formation {
  FormedSteps formed;  // of the nodes that can, where others are refused
  std::vector<Refusal> refused;
};

// Partitions a verified graph that has been through the rewrites.
Formation form_what_can(const Graph& graph);
// The same; where a node is refused the Error, `rejected`, names all that are.
Result<FormedSteps> form_steps(const Graph& graph);

// The four dimensions [n, h, w, c] under which a tensor is stored; rank 2 is [n, 1, 1, c].
// Empty if its rank or size does not fit.
std::optional<std::array<int32_t, 4>> stored_shape(const Shape& shape);

inline int64_t channel_count(const Tensor& tensor) {
  return tensor.shape.empty() ? 1 : tensor.shape.back();
}

// The bounds that an activation's result keeps to whatever its argument.
struct RealRange {
  float lo = -std::numeric_limits<float>::infinity();
  float hi = std::numeric_limits<float>::infinity();
};
RealRange activation_bounds(const Unary& unary);

}  // namespace octavo
