// A graph under rewriting: who makes a tensor and how many read it stay known while
// nodes are replaced, inserted and bypassed, at a cost that does not grow with the
// graph. Nodes that nobody reads any more die at once, and their names go to the node
// that took their place, so that a name in the file can always be found again.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace octavo {

using NodeId = uint32_t;  // stays valid for the life of the editor

class Editor {
 public:
  explicit Editor(Graph& graph);

  NodeId end() const { return static_cast<NodeId>(nodes_.size()); }  // inserted nodes come last
  bool alive(NodeId id) const { return alive_[id]; }
  // References stay valid until the node itself is replaced or bypassed.
  const Node& node(NodeId id) const;
  const Tensor& tensor(TensorId id) const { return graph_.tensors[id]; }
  const Shape& shape(TensorId id) const { return graph_.tensors[id].shape; }
  TensorId graph_input() const { return graph_.input; }
  TensorId graph_output() const { return graph_.output; }

  NodeId maker(TensorId id) const { return makers_[id]; }  // no_node for inputs and constants
  // Operands that read the tensor; the graph's output counts as one.
  size_t reader_count(TensorId id) const { return reader_counts_[id]; }

  // Whether a changed copy of a constant may be made. A constant that many nodes share
  // is copied only when small, or a hostile file could make memory grow without end.
  bool may_copy(TensorId constant) const;

  TensorId add_constant(std::string name, Shape shape, std::vector<float> values);
  // A new node at the place of `near` in the order; returns its output.
  TensorId insert(NodeId near, std::string name, Operator op, std::vector<TensorId> inputs);
  // The node computes its output by `op` from `inputs` now.
  void replace(NodeId id, Operator op, std::vector<TensorId> inputs);
  // The node becomes two: `op` on `inputs`, which keeps the name, and behind it `last`,
  // which makes the old output.
  void split(NodeId id, Operator op, std::vector<TensorId> inputs, Operator last);
  // Readers of the node's output read `replacement` instead. False, and nothing done,
  // where that would leave the graph's output without a node.
  bool bypass(NodeId id, TensorId replacement);

  // Writes the nodes back in an order that stays as near to the old one as possible.
  void finish();

 private:
  using Names = std::vector<std::string>;
  TensorId resolve(TensorId id) const;
  void release(const std::vector<TensorId>& tensors, Names& names);
  void bequeath(Names names, TensorId tensor);
  NodeId add_node(Node node, uint32_t place);
  std::vector<NodeId> order() const;

  Graph& graph_;
  mutable std::deque<Node> nodes_;  // mutable: aliases are resolved when a node is looked at
  std::vector<bool> alive_;
  std::vector<uint32_t> places_;  // of each node in the old order
  std::vector<NodeId> makers_;
  std::vector<size_t> reader_counts_;
  mutable std::vector<TensorId> aliases_;  // what to read instead of a bypassed tensor
  std::map<TensorId, Names> heirless_;     // names that the first reader of a tensor inherits
};

// Shows every node of the graph to `rewrite`, which returns whether it changed
// anything there; returns how often it did.
int rewrite_nodes(Graph& graph, const std::function<bool(Editor& editor, NodeId id)>& rewrite);

}  // namespace octavo
