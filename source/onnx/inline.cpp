#include "onnx/inline.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"

namespace octavo::onnx {

namespace {

constexpr size_t most_nodes = size_t{1} << 17;  // ten times those of the largest classifiers
constexpr int most_depth = 64;                  // of calls inside calls

// What a name means inside a function or a branch.
struct Scope {
  const Scope* outer = nullptr;  // a branch sees what is around it, a function does not
  bool is_file = false;          // names of the file's own graph stay
  std::string_view prefix;
  std::unordered_map<std::string_view, std::string_view> names;
  const std::vector<AttributeProto>*given = nullptr, *defaults = nullptr;  // of a function

  std::string_view meaning(std::string_view name) const {
    if (name.empty()) return name;
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer) {
      const auto known = scope->names.find(name);
      if (known != scope->names.end()) return known->second;
    }
    return name;
  }
};

const AttributeProto* named(const std::vector<AttributeProto>* list, std::string_view name) {
  if (list == nullptr) return nullptr;
  const auto at = std::find_if(list->begin(), list->end(),
                               [&](const AttributeProto& each) { return each.name == name; });
  return at == list->end() ? nullptr : &*at;
}

class Inliner {
 public:
  explicit Inliner(ModelProto& model) : model_(model) {}

  Status run() {
    if (!calls(model_.graph.nodes)) return {};
    for (const NodeProto& node : model_.graph.nodes)
      taken_.insert(node.outputs.begin(), node.outputs.end());
    for (const TensorProto& tensor : model_.graph.initializers) taken_.insert(tensor.name);
    for (const ValueInfoProto& input : model_.graph.inputs) taken_.insert(input.name);
    const std::vector<NodeProto> nodes = std::move(model_.graph.nodes);
    model_.graph.nodes.clear();
    Scope file;
    file.is_file = true;
    return write_out(nodes, file, 0);
  }

 private:
  bool calls(const std::vector<NodeProto>& nodes) const {
    return std::any_of(nodes.begin(), nodes.end(), [&](const NodeProto& node) {
      return is_branch(node) || function_of(node) != nullptr;
    });
  }

  const FunctionProto* function_of(const NodeProto& node) const {
    for (const FunctionProto& function : model_.functions) {
      if (function.domain == node.domain && function.name == node.op_type &&
          function.overload == node.overload) {
        return &function;
      }
    }
    return nullptr;
  }

  Status write_out(const std::vector<NodeProto>& nodes, Scope& scope, int depth) {
    if (depth > most_depth) return rejected("its functions call each other without an end");
    for (const NodeProto& original : nodes) {
      if (model_.graph.nodes.size() >= most_nodes) {
        return rejected(concat("its functions become more than ", most_nodes, " nodes"));
      }
      NodeProto node = in_scope(original, scope);
      Status written;
      if (const FunctionProto* function = function_of(node)) {
        written = write_out_call(node, *function, depth);
      } else if (is_branch(node)) {
        written = write_out_branches(std::move(node), scope, depth);
      } else {
        model_.graph.nodes.push_back(std::move(node));
      }
      if (!written) return written;
    }
    return {};
  }

  NodeProto in_scope(NodeProto node, Scope& scope) {
    for (std::string_view& input : node.inputs) input = scope.meaning(input);
    if (scope.is_file) return node;
    for (std::string_view& output : node.outputs) {
      if (!output.empty()) output = defined(output, scope);
    }
    if (!node.name.empty()) node.name = keep(concat(scope.prefix, "/", node.name));
    std::vector<AttributeProto> attributes;
    for (AttributeProto& attribute : node.attributes) {
      if (attribute.reference.empty()) {
        attributes.push_back(std::move(attribute));
        continue;
      }
      const Scope* function = &scope;  // the one that this stands in, be it in a branch
      while (function->outer != nullptr && function->given == nullptr) function = function->outer;
      const AttributeProto* meant = named(function->given, attribute.reference);
      if (meant == nullptr) meant = named(function->defaults, attribute.reference);
      if (meant == nullptr) continue;  // left out by the caller, as it may
      attributes.push_back(*meant);
      attributes.back().name = attribute.name;
    }
    node.attributes = std::move(attributes);
    return node;
  }

  // The file-wide name of what a function or branch calls `name`.
  std::string_view defined(std::string_view name, Scope& scope) {
    const auto [at, is_new] = scope.names.try_emplace(name);
    if (is_new) at->second = unique(concat(scope.prefix, "/", name));
    return at->second;
  }

  Status write_out_call(const NodeProto& call, const FunctionProto& function, int depth) {
    const int64_t of_function = own_opset(function.opsets), of_file = own_opset(model_.opsets);
    if (of_function != 0 && of_function != of_file) {
      return rejected(concat("its function ", quoted(function.name), " is written for opset ",
                             of_function, " and the file for ", of_file,
                             "; inline the functions first"));
    }
    Scope inside;
    inside.prefix = prefix_of(call);
    inside.given = &call.attributes;
    inside.defaults = &function.defaults;
    for (size_t i = 0; i < function.inputs.size(); ++i) {
      inside.names[function.inputs[i]] =
          i < call.inputs.size() ? call.inputs[i] : std::string_view();
    }
    for (size_t i = 0; i < function.outputs.size() && i < call.outputs.size(); ++i) {
      if (call.outputs[i].empty()) continue;
      const bool is_new = inside.names.try_emplace(function.outputs[i], call.outputs[i]).second;
      if (is_new) continue;
      NodeProto same;
      same.op_type = "Identity";
      same.inputs = {inside.names[function.outputs[i]]};
      same.outputs = {call.outputs[i]};
      model_.graph.nodes.push_back(std::move(same));
    }
    return write_out(function.nodes, inside, depth + 1);
  }

  Status write_out_branches(NodeProto node, const Scope& around, int depth) {
    const std::string_view prefix = prefix_of(node);
    std::vector<std::string_view> inputs = {node.inputs.empty() ? std::string_view()
                                                                : node.inputs[0]};
    for (const std::string_view which : {"then_branch", "else_branch"}) {
      const AttributeProto* branch = named(&node.attributes, which);
      if (branch == nullptr || !branch->graph ||
          branch->graph->outputs.size() != node.outputs.size()) {
        return rejected(concat("an If has no ", which, " with ", node.outputs.size(), " outputs"));
      }
      if (branch->graph->has_sparse_initializers) {
        return rejected("sparse initializers are not known");
      }
      Scope inside;
      inside.outer = &around;
      inside.prefix = keep(concat(prefix, "/", which));
      for (const TensorProto& initializer : branch->graph->initializers) {
        model_.graph.initializers.push_back(initializer);
        model_.graph.initializers.back().name = defined(initializer.name, inside);
      }
      if (Status written = write_out(branch->graph->nodes, inside, depth + 1); !written)
        return written;
      for (const ValueInfoProto& output : branch->graph->outputs)
        inputs.push_back(inside.meaning(output.name));
    }
    node.inputs = std::move(inputs);
    node.attributes.clear();
    model_.graph.nodes.push_back(std::move(node));
    return {};
  }

  std::string_view prefix_of(const NodeProto& node) {
    if (!node.name.empty()) return node.name;
    return keep(concat(node.op_type, "_", model_.graph.nodes.size()));
  }

  std::string_view keep(std::string name) {
    return model_.made_names.emplace_back(std::move(name));
  }

  std::string_view unique(const std::string& name) {
    std::string candidate = name;
    for (size_t n = 2; taken_.contains(candidate); ++n) candidate = concat(name, "_", n);
    const std::string_view kept = keep(std::move(candidate));
    taken_.insert(kept);
    return kept;
  }

  ModelProto& model_;
  std::unordered_set<std::string_view> taken_;  // names of values
};

}  // namespace

bool is_branch(const NodeProto& node) {
  return node.op_type == "If" && (node.domain.empty() || node.domain == "ai.onnx");
}

Status inline_calls(ModelProto& model) {
  return Inliner(model).run();
}

}  // namespace octavo::onnx
