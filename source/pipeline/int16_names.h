// Which nodes become 16-bit, where that is said in the names of a board's tool: of outputs, of
// inputs, by operator, and with the suffixes that its optimizer puts behind a name.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "graph/graph.h"

namespace octavo {

struct NodePrecision {
  std::string node;
  bool output = false;
  bool all_inputs = false;
  std::vector<int> inputs;   // these ones, counted without constants
  bool may_be_gone = false;  // no error where a rewrite left the node out
  std::string where;         // of the request, for messages; may be empty
};

struct Int16Nodes {
  std::vector<std::string> names;  // for QuantizeOptions::int16_nodes, each once
  std::vector<std::string> notes;
};

// `graph` has been through prepare_for_steps. An unknown name is `rejected` with the nearest.
Result<Int16Nodes> resolve_int16(const Graph& graph, std::span<const NodePrecision> requests);
// A node of every step whose output can be 16-bit.
std::vector<std::string> all_step_nodes(const Graph& graph);

// "/a/Div_mul", "/a/Div_mul_reshape_0", "UNIT_CONV_FOR_/a/Div": what is left after each suffix,
// the nearest to the whole name first. Never the name itself.
std::vector<std::string> without_suffixes(const std::string& name);

}  // namespace octavo
