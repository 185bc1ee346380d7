#include "onnx/order.h"

#include <functional>
#include <queue>

#include "base/text.h"

namespace octavo::onnx {

namespace {

constexpr size_t no_maker = SIZE_MAX;  // an initializer or a graph input

using Makers = std::unordered_map<std::string_view, size_t>;

Result<Makers> find_makers(const GraphProto& graph) {
  Makers makers;
  for (const TensorProto& initializer : graph.initializers) {
    if (!makers.emplace(initializer.name, no_maker).second) {
      return rejected(concat("two initializers are called ", quoted(initializer.name)));
    }
  }
  for (const ValueInfoProto& input : graph.inputs) makers.emplace(input.name, no_maker);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string_view output : graph.nodes[i].outputs) {
      if (output.empty() || makers.emplace(output, i).second) continue;
      return rejected(concat(node_text(graph.nodes[i], i), " makes ", quoted(output),
                             ", which something else makes already"));
    }
  }
  return makers;
}

// The nodes from which the output can be reached, each once.
Result<std::vector<size_t>> needed_nodes(const GraphProto& graph, const Makers& makers,
                                         std::string_view output) {
  std::vector<bool> seen(graph.nodes.size(), false);
  std::vector<size_t> needed;
  const auto visit = [&](size_t maker) {
    if (maker == no_maker || seen[maker]) return;
    seen[maker] = true;
    needed.push_back(maker);
  };
  const auto made = makers.find(output);
  if (made == makers.end()) return rejected(concat("nothing makes the output ", quoted(output)));
  visit(made->second);
  for (size_t next = 0; next < needed.size(); ++next) {
    const NodeProto& node = graph.nodes[needed[next]];
    for (const std::string_view input : node.inputs) {
      if (input.empty()) continue;
      const auto maker = makers.find(input);
      if (maker == makers.end()) {
        return rejected(concat(node_text(node, needed[next]), " reads ", quoted(input),
                               ", which nothing makes"));
      }
      visit(maker->second);
    }
  }
  return needed;
}

}  // namespace

Result<Order> order_nodes(const GraphProto& graph, std::string_view output) {
  const Result<Makers> makers = find_makers(graph);
  if (!makers) return makers.error();
  const Result<std::vector<size_t>> needed = needed_nodes(graph, *makers, output);
  if (!needed) return needed.error();

  Order order;
  ++order.readers[output];
  std::vector<size_t> waiting(graph.nodes.size(), 0);  // for so many inputs
  std::unordered_map<size_t, std::vector<size_t>> readers;
  // Among the nodes that are ready, the file's order.
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (const size_t index : *needed) {
    for (const std::string_view input : graph.nodes[index].inputs) {
      if (input.empty()) continue;
      ++order.readers[input];
      const size_t maker = makers->at(input);
      if (maker == no_maker) continue;
      ++waiting[index];
      readers[maker].push_back(index);
    }
    if (waiting[index] == 0) ready.push(index);
  }
  while (!ready.empty()) {
    const size_t index = ready.top();
    ready.pop();
    order.nodes.push_back(index);
    for (const size_t reader : readers[index]) {
      if (--waiting[reader] == 0) ready.push(reader);
    }
  }
  if (order.nodes.size() == needed->size()) return order;
  for (const size_t index : *needed) {
    if (waiting[index] > 0) {
      return rejected(concat(node_text(graph.nodes[index], index),
                             " needs its own output: the graph has a cycle"));
    }
  }
  return order;
}

}  // namespace octavo::onnx
