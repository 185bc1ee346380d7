// What is known of a tensor's values without running the graph.
#pragma once

#include <limits>
#include <optional>

#include "graph/graph.h"

namespace octavo {

// Every value lies in [lo, hi]; infinite where nothing is known.
struct ValueBounds {
  double lo = -std::numeric_limits<double>::infinity();
  double hi = std::numeric_limits<double>::infinity();
};

// One entry a tensor; `sum` is that of all its elements, where every input gives the same.
struct KnownValues {
  ValueBounds bounds;
  std::optional<double> sum;
};
std::vector<KnownValues> known_values(const Graph& graph);

// What the outputs of a graph mean whose ends were taken off: its `output_kind`.
OutputKind kind_of_output(const Graph& graph);

}  // namespace octavo
