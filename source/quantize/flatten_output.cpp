#include <utility>

#include "quantize/step_rewrites.h"
#include "quantize/steps.h"

namespace octavo {

namespace {

bool is_row(const Graph& graph, TensorId t) {
  const auto shape = stored_shape(graph.tensors[t].shape);
  return shape && (*shape)[0] == 1 && (*shape)[1] == 1 && (*shape)[2] == 1;
}

// Whether the output is a row already, up to a name, of what a node computes.
bool is_computed_row(const Graph& graph) {
  if (!is_row(graph, graph.output)) return false;
  const auto makers = producers(graph);
  TensorId t = graph.output;
  while (makers[t] != no_node && std::holds_alternative<Reshape>(graph.nodes[makers[t]].op) &&
         is_row(graph, graph.nodes[makers[t]].inputs[0])) {
    t = graph.nodes[makers[t]].inputs[0];
  }
  if (makers[t] == no_node) return false;
  const Operator& op = graph.nodes[makers[t]].op;
  const auto* pool = std::get_if<Pool2d>(&op);
  return !std::holds_alternative<Reshape>(op) && !std::holds_alternative<Transpose>(op) &&
         !std::holds_alternative<Concat>(op) && !std::holds_alternative<Gather>(op) &&
         !std::holds_alternative<Slice>(op) &&
         (pool == nullptr || pool->kind == Pool2d::Kind::average);
}

}  // namespace

// A plan ends in one row of numbers that a step computes. What only moves values, a map for
// instance, is made a row, and a copy, whose operand has 16 bits, makes numbers of it.
int flatten_output(Graph& graph) {
  if (is_computed_row(graph)) return 0;
  const auto makers = producers(graph);
  TensorId source = graph.output;
  std::vector<std::string> names;
  while (makers[source] != no_node &&
         std::holds_alternative<Reshape>(graph.nodes[makers[source]].op)) {
    const Node& reshape = graph.nodes[makers[source]];
    names.push_back(reshape.name);
    names.insert(names.end(), reshape.merged.begin(), reshape.merged.end());
    source = reshape.inputs[0];
  }
  const TensorId old = std::exchange(graph.output, source);
  if (is_computed_row(graph)) {
    std::vector<std::string>& merged = graph.nodes[makers[source]].merged;
    merged.insert(merged.end(), names.begin(), names.end());
    remove_dead(graph);
    return 1;
  }
  graph.output = old;
  TensorId row = old;
  const std::string name = graph.tensors[old].name;
  if (graph.tensors[row].shape.empty() || !is_row(graph, row)) {
    const Shape flat{1, element_count(graph.tensors[old].shape)};
    row = graph.add_tensor(name + ".row", flat);
    graph.nodes.push_back(Node{name + ".row", {}, Reshape{flat}, {old}, row});
  }
  graph.nodes.push_back(copy_of(graph, row, name + ".values"));
  graph.output = graph.nodes.back().output;
  return 1;
}

}  // namespace octavo
