#include "graph/part.h"

#include <algorithm>
#include <string>
#include <utility>

namespace octavo {

namespace {

// Makes each of the tensors of a row.
void take_apart(Graph& graph, TensorId row, const std::vector<TensorId>& tensors) {
  int64_t start = 0;
  for (const TensorId t : tensors) {
    const Shape shape = graph.tensors[t].shape;
    const std::string name = graph.tensors[t].name;
    const Shape size{1, element_count(shape)};
    const TensorId own = graph.add_tensor(name + ".given", size);
    graph.nodes.push_back({name, {}, Slice{{0, start}, size, {1, 1}}, {row}, own});
    graph.nodes.push_back({name, {}, Reshape{shape}, {own}, t});
    start += size[1];
  }
}

TensorId put_together(Graph& graph, const std::vector<TensorId>& tensors) {
  Node together{"kept", {}, Concat{1}, {}, 0};
  for (const TensorId t : tensors) {
    const Shape size{1, element_count(graph.tensors[t].shape)};
    const std::string name = graph.tensors[t].name + ".kept";
    const TensorId own = graph.add_tensor(name, size);
    graph.nodes.push_back({name, {}, Reshape{size}, {t}, own});
    together.inputs.push_back(own);
  }
  together.output = graph.add_tensor("kept", {1, values_of(graph, tensors)});
  graph.nodes.push_back(std::move(together));
  return graph.nodes.back().output;
}

}  // namespace

std::vector<TensorId> live_at(const Graph& graph, size_t node) {
  std::vector<bool> there(graph.tensors.size(), false), needed = there;
  there[graph.input] = true;
  for (size_t i = 0; i < node; ++i) there[graph.nodes[i].output] = true;
  for (size_t i = node; i < graph.nodes.size(); ++i) {
    for (const TensorId t : graph.nodes[i].inputs) needed[t] = true;
  }
  needed[graph.output] = true;
  std::vector<TensorId> out;
  for (TensorId t = 0; t < there.size(); ++t) {
    if (there[t] && needed[t]) out.push_back(t);
  }
  return out;
}

int64_t values_of(const Graph& graph, const std::vector<TensorId>& tensors) {
  int64_t out = 0;
  for (const TensorId t : tensors) out += element_count(graph.tensors[t].shape);
  return out;
}

GraphPart part_of(const Graph& graph, size_t first, size_t kept, size_t end) {
  GraphPart out;
  out.graph.tensors = graph.tensors;
  out.given = live_at(graph, first);
  const TensorId row = out.graph.add_tensor("given", {1, values_of(graph, out.given)});
  take_apart(out.graph, row, out.given);
  const auto take = [&](size_t from, size_t to) {
    const auto nodes = graph.nodes.begin();
    out.graph.nodes.insert(out.graph.nodes.end(), nodes + static_cast<ptrdiff_t>(from),
                           nodes + static_cast<ptrdiff_t>(to));
  };
  take(first, kept);
  // Here, so that no buffer has to hold until the end what nothing else reads.
  const TensorId left = put_together(out.graph, live_at(graph, kept));
  take(kept, end);
  out.graph.input = row;
  out.graph.output = left;
  return out;
}

}  // namespace octavo
