// Where each tensor lives during a run: buffers are reused as soon as nothing reads
// them any more, views share their input's, and an operator that can work in place does.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace octavo {

struct Placement {
  enum class Where : uint8_t { arena, constant, input } where = Where::arena;
  TensorId constant = 0;  // the tensor whose values are read, for `constant`
  int64_t offset = 0;     // in floats from the start of the arena, for `arena`
};

struct MemoryPlan {
  std::vector<Placement> placements;  // by TensorId
  int64_t arena_floats = 0;
};

// observed: every tensor, the graph's input too, has values of its own in the arena,
// which an observer may change; else the input is the caller's and a Reshape is a view.
// in_place: by node, whether its kernel may overwrite an input of the output's shape.
MemoryPlan plan_memory(const Graph& graph, std::span<const bool> in_place, bool observed);

}  // namespace octavo
