// Runs a Graph in float32: the oracle of tests and the engine of calibration. It
// lives in a library of its own (octavo_float, which brings oneDNN), loaded by
// load_float_engine when the first float graph runs, so that a plan never pays for it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "base/result.h"
#include "graph/graph.h"

namespace octavo {

// One graph made ready to run. A run uses one thread; several FloatSession objects
// of one graph run side by side.
class FloatSession {
 public:
  virtual ~FloatSession() = default;

  // Called after each node with its output, which the observer may change in place
  // before others read it (that is how quantization is simulated), and once with the
  // graph's input first. Tensors that are views are materialised for it.
  using Observer = std::function<void(TensorId tensor, std::span<float> values)>;

  // input: the graph's input in its own shape, row-major. output likewise.
  virtual Status run(std::span<const float> input, std::span<float> output,
                     const Observer* observer = nullptr) = 0;
};

// The graph must have passed verify(). Errors: an operator that the engine lacks
// (there is none of operator.h), memory.
Result<std::unique_ptr<FloatSession>> create_float_session(const Graph& graph);

}  // namespace octavo
