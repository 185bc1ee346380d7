#include "rewrite/editor.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <unordered_set>

namespace octavo {

namespace {

void append(std::vector<std::string>& to, std::vector<std::string>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

Editor::Editor(Graph& graph)
    : graph_(graph),
      makers_(graph.tensors.size(), no_node),
      reader_counts_(graph.tensors.size(), 0),
      aliases_(graph.tensors.size()) {
  for (TensorId i = 0; i < aliases_.size(); ++i) aliases_[i] = i;
  for (Node& node : graph.nodes) {
    const auto place = static_cast<uint32_t>(nodes_.size());
    for (const TensorId input : node.inputs) ++reader_counts_[input];
    add_node(std::move(node), place);
  }
  ++reader_counts_[graph.output];
  graph.nodes.clear();
}

NodeId Editor::add_node(Node node, uint32_t place) {
  const NodeId id = end();
  makers_[node.output] = id;
  nodes_.push_back(std::move(node));
  alive_.push_back(true);
  places_.push_back(place);
  return id;
}

TensorId Editor::resolve(TensorId id) const {
  TensorId root = id;
  while (aliases_[root] != root) root = aliases_[root];
  while (aliases_[id] != root) {  // the next look is short
    const TensorId next = aliases_[id];
    aliases_[id] = root;
    id = next;
  }
  return root;
}

const Node& Editor::node(NodeId id) const {
  for (TensorId& input : nodes_[id].inputs) input = resolve(input);
  return nodes_[id];
}

bool Editor::may_copy(TensorId constant) const {
  constexpr int64_t most_copied = int64_t{1} << 20;
  const auto readers = static_cast<int64_t>(reader_counts_[constant]);
  return readers <= 1 || element_count(shape(constant)) <= most_copied / readers;
}

TensorId Editor::add_constant(std::string name, Shape shape, std::vector<float> values) {
  const TensorId id = graph_.add_constant(std::move(name), std::move(shape), std::move(values));
  makers_.push_back(no_node);
  reader_counts_.push_back(0);
  aliases_.push_back(id);
  return id;
}

TensorId Editor::insert(NodeId near, std::string name, Operator op, std::vector<TensorId> inputs) {
  const TensorId output = graph_.add_tensor(name, {});
  makers_.push_back(no_node);
  reader_counts_.push_back(0);
  aliases_.push_back(output);
  for (const TensorId input : inputs) ++reader_counts_[input];
  Node node{std::move(name), {}, std::move(op), std::move(inputs), output};
  // A rewrite inserts only what fits; if not, the verifier will name the node.
  Result<Shape> shape = infer_shape(graph_, node);
  if (shape) graph_.tensors[output].shape = *std::move(shape);
  add_node(std::move(node), places_[near]);
  return output;
}

// Nodes whose last reader went away die, and so may the makers of what they read.
void Editor::release(const std::vector<TensorId>& tensors, Names& names) {
  std::vector<TensorId> pending = tensors;
  while (!pending.empty()) {
    const TensorId id = resolve(pending.back());
    pending.pop_back();
    const NodeId made_by = makers_[id];
    if (--reader_counts_[id] > 0) continue;
    if (made_by == no_node) {
      graph_.tensors[id].values.reset();  // or a long chain would hold every copy to the end
      continue;
    }
    Node& dead = nodes_[made_by];
    alive_[made_by] = false;
    names.push_back(std::move(dead.name));
    append(names, std::move(dead.merged));
    pending.insert(pending.end(), dead.inputs.begin(), dead.inputs.end());
  }
}

// Names of nodes that are gone go to the node that now gives their value.
void Editor::bequeath(Names names, TensorId tensor) {
  const NodeId heir = makers_[tensor];
  append(heir == no_node ? heirless_[tensor] : nodes_[heir].merged, std::move(names));
}

void Editor::replace(NodeId id, Operator op, std::vector<TensorId> inputs) {
  for (const TensorId input : inputs) ++reader_counts_[input];
  const std::vector<TensorId> old = std::exchange(nodes_[id].inputs, std::move(inputs));
  nodes_[id].op = std::move(op);
  Names names;
  release(old, names);
  append(nodes_[id].merged, std::move(names));
}

void Editor::split(NodeId id, Operator op, std::vector<TensorId> inputs, Operator last) {
  const TensorId middle = insert(id, nodes_[id].name, std::move(op), std::move(inputs));
  // The middle tensor holds what the old output held, in another form: it keeps its name.
  const TensorId old = nodes_[id].output;
  if (old != graph_.output) std::swap(graph_.tensors[middle].name, graph_.tensors[old].name);
  nodes_[makers_[middle]].merged = std::exchange(nodes_[id].merged, {});
  nodes_[id].name.clear();
  replace(id, std::move(last), {middle});
}

bool Editor::bypass(NodeId id, TensorId replacement) {
  const TensorId output = nodes_[id].output;
  if (output == graph_.output) {
    if (makers_[replacement] == no_node) return false;
    graph_.output = replacement;
    graph_.tensors[replacement].name = graph_.tensors[output].name;
  }
  aliases_[output] = replacement;
  reader_counts_[replacement] += reader_counts_[output];
  alive_[id] = false;
  Names names = std::exchange(nodes_[id].merged, {});
  names.push_back(std::move(nodes_[id].name));
  release(nodes_[id].inputs, names);
  bequeath(std::move(names), replacement);
  return true;
}

// Kahn's algorithm (1962), the earliest place first.
std::vector<NodeId> Editor::order() const {
  std::vector<std::vector<NodeId>> readers(nodes_.size());
  std::vector<size_t> missing(nodes_.size(), 0);
  using Entry = std::pair<uint32_t, NodeId>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  for (NodeId id = 0; id < end(); ++id) {
    if (!alive_[id]) continue;
    for (const TensorId input : node(id).inputs) {
      if (makers_[input] == no_node) continue;
      readers[makers_[input]].push_back(id);
      ++missing[id];
    }
    if (missing[id] == 0) ready.emplace(places_[id], id);
  }
  std::vector<NodeId> sorted;
  while (!ready.empty()) {
    const NodeId next = ready.top().second;
    ready.pop();
    sorted.push_back(next);
    for (const NodeId reader : readers[next]) {
      if (--missing[reader] == 0) ready.emplace(places_[reader], reader);
    }
  }
  return sorted;
}

namespace {

// Each name once, none empty, not the node's own.
void tidy_names(Node& node) {
  if (node.name.empty() && !node.merged.empty()) {
    node.name = std::move(node.merged.back());
    node.merged.pop_back();
  }
  std::unordered_set<std::string> seen{node.name, ""};
  std::erase_if(node.merged, [&](const std::string& name) { return !seen.insert(name).second; });
}

}  // namespace

void Editor::finish() {
  for (const NodeId id : order()) {
    for (const TensorId input : node(id).inputs) {
      if (const auto found = heirless_.find(input); found != heirless_.end()) {
        append(nodes_[id].merged, std::move(found->second));
        heirless_.erase(found);
      }
    }
    tidy_names(nodes_[id]);
    graph_.nodes.push_back(std::move(nodes_[id]));
  }
  remove_dead(graph_);
}

int rewrite_nodes(Graph& graph, const std::function<bool(Editor& editor, NodeId id)>& rewrite) {
  Editor editor(graph);
  int changed = 0;
  const NodeId end = editor.end();
  for (NodeId id = 0; id < end; ++id) {
    if (editor.alive(id) && rewrite(editor, id)) ++changed;
  }
  editor.finish();
  return changed;
}

}  // namespace octavo
