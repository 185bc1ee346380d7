#include "pipeline/int16_names.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/text.h"
#include "quantize/types.h"

namespace octavo {

namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// What the steps of a graph write, and the nodes of each.
struct Stored {
  std::vector<uint32_t> nodes;
  ElementType type = ElementType::u8;
};

std::vector<Stored> stored_by_steps(const Graph& graph) {
  const auto formed = form_steps(graph);
  if (!formed) return {};  // the quantizer says why
  const auto types = stored_types(graph, *formed, {});
  if (!types) return {};
  std::vector<Stored> out;
  for (const FormedStep& step : formed->steps) {
    out.push_back({step.nodes, types->of[step.output]});
  }
  return out;
}

class Resolver {
 public:
  explicit Resolver(const Graph& graph) : graph_(graph), producer_(producers(graph)) {
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      const auto index = static_cast<uint32_t>(i);
      by_name_.emplace(graph.nodes[i].name, index);
      for (const std::string& merged : graph.nodes[i].merged) by_name_.emplace(merged, index);
    }
    for (const Stored& stored : stored_by_steps(graph)) {
      for (const uint32_t node : stored.nodes) {
        stores_[graph.nodes[node].name] = stored.type != ElementType::i8;
      }
    }
  }

  Status add(const NodePrecision& request) {
    const auto name = find(request);
    if (!name) return name.error();
    if (name->empty()) return {};
    const Node& node = graph_.nodes[by_name_.at(*name)];
    if (request.output) add_maker(node.output, *name);
    if (!request.all_inputs && request.inputs.empty()) return {};
    std::vector<TensorId> fed;
    for (const TensorId t : node.inputs) {
      if (!graph_.tensors[t].is_constant()) fed.push_back(t);
    }
    for (size_t i = 0; i < fed.size(); ++i) {
      const auto& asked = request.inputs;
      if (!request.all_inputs &&
          std::find(asked.begin(), asked.end(), static_cast<int>(i)) == asked.end())
        continue;
      if (fed[i] == graph_.input) {
        out.notes.push_back(concat("the input of ", quoted(*name),
                                   " is the network's own, which keeps its 8 bits"));
      } else {
        add_maker(fed[i], "");
      }
    }
    return {};
  }

  Int16Nodes out;

 private:
  // The name under which the graph has the node; "" where it is gone and may be.
  Result<std::string> find(const NodePrecision& request) {
    if (by_name_.contains(request.node)) return request.node;
    for (const std::string& shorter : without_suffixes(request.node)) {
      if (!by_name_.contains(shorter)) continue;
      out.notes.push_back(
          concat("node ", quoted(request.node), " is taken to be ", quoted(shorter)));
      return shorter;
    }
    if (request.may_be_gone) return std::string();
    std::vector<std::string> known;
    for (const auto& [name, node] : by_name_) known.push_back(name);
    std::sort(known.begin(), known.end());
    const std::string near = nearest_name(request.node, known);
    return rejected(concat(request.where, request.where.empty() ? "" : " names ", "node ",
                           quoted(request.node), ", which the model has not",
                           near.empty() ? "; octavo check lists its nodes"
                                        : concat("; the nearest is ", quoted(near))));
  }

  // Where a tensor is another one's values under another shape, its maker is the other's.
  // `asked`: the name to give it, where it is one of the same step.
  void add_maker(TensorId tensor, const std::string& asked) {
    for (size_t left = graph_.nodes.size(); left > 0; --left) {
      const uint32_t maker = producer_[tensor];
      if (maker == no_node) return;
      const Node& node = graph_.nodes[maker];
      if (const auto stored = stores_.find(node.name); stored != stores_.end()) {
        if (!stored->second) {
          out.notes.push_back(concat("node ", quoted(node.name),
                                     " gives the right operand of a product, which keeps 8 bits"));
          return;
        }
        const bool same = !asked.empty() && by_name_.at(asked) == maker;
        const std::string& name = same ? asked : node.name;
        if (added_.insert(name).second) out.names.push_back(name);
        return;
      }
      if (node.inputs.empty()) return;
      tensor = node.inputs[0];
    }
  }

  const Graph& graph_;
  std::vector<uint32_t> producer_;
  std::unordered_map<std::string, uint32_t> by_name_;
  std::unordered_map<std::string, bool> stores_;  // by node: whether it can be 16-bit
  std::set<std::string> added_;
};

}  // namespace

std::vector<std::string> without_suffixes(const std::string& name) {
  constexpr std::string_view prefix = "UNIT_CONV_FOR_";
  std::vector<std::string> out;
  std::string rest = name;
  if (rest.starts_with(prefix)) {
    rest.erase(0, prefix.size());
    out.push_back(rest);
  }
  const size_t slash = rest.rfind('/');
  const size_t first = slash == std::string::npos ? 0 : slash + 1;
  for (size_t end = rest.rfind('_'); end != std::string::npos && end > first;
       end = rest.rfind('_', end - 1)) {
    // A number alone is part of a name ("Conv_12"), behind a word it counts ("_reshape_0").
    if (end + 1 < rest.size() && is_letter(rest[end + 1])) out.push_back(rest.substr(0, end));
  }
  return out;
}

Result<Int16Nodes> resolve_int16(const Graph& graph, std::span<const NodePrecision> requests) {
  Resolver resolver(graph);
  for (const NodePrecision& request : requests) {
    if (const Status added = resolver.add(request); !added) return added.error();
  }
  return std::move(resolver.out);
}

std::vector<std::string> all_step_nodes(const Graph& graph) {
  std::vector<std::string> out;
  for (const Stored& stored : stored_by_steps(graph)) {
    if (stored.nodes.empty() || stored.type == ElementType::i8) continue;
    out.push_back(graph.nodes[stored.nodes.back()].name);
  }
  return out;
}

}  // namespace octavo
