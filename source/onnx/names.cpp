#include "onnx/names.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace octavo::onnx {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// What exporters make up: "n4_2", "node_conv2d_1", "node_Conv_12".
bool is_generic(std::string_view name) {
  if (name.empty() || name.starts_with("node_")) return true;
  return name.size() > 1 && name[0] == 'n' && is_digit(name[1]) &&
         std::all_of(name.begin() + 1, name.end(), [](char c) { return is_digit(c) || c == '_'; });
}

// The strings of a Python list: ['', 'layer1', 'layer1.0', 'conv2d'].
std::vector<std::string_view> listed_strings(std::string_view text) {
  std::vector<std::string_view> out;
  while (true) {
    const size_t begin = text.find_first_of("'\"");
    if (begin == std::string_view::npos) return out;
    const size_t end = text.find(text[begin], begin + 1);
    if (end == std::string_view::npos) return out;
    out.push_back(text.substr(begin + 1, end - begin - 1));
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string module_path(const NodeProto& node) {
  std::string_view text;
  for (const auto& [key, value] : node.metadata) {
    if (key == "pkg.torch.onnx.name_scopes") text = value;
  }
  std::vector<std::string_view> scopes = listed_strings(text);
  if (scopes.size() < 2) return "";
  scopes.pop_back();  // the call itself
  std::string path;
  std::string_view outer, component;
  for (const std::string_view scope : scopes) {
    if (scope.empty()) continue;
    std::string_view inner = scope;
    const bool nested = !outer.empty() && scope.starts_with(outer) && scope.size() > outer.size() &&
                        scope[outer.size()] == '.';
    if (nested) inner.remove_prefix(outer.size() + 1);
    // A member of a sequence is called "blocks.2" within "blocks".
    const bool is_member = nested && std::all_of(inner.begin(), inner.end(), is_digit);
    path += is_member ? concat("/", component, ".", inner) : concat("/", inner);
    component = inner;
    outer = scope;
  }
  return path.empty() ? "" : concat(path, "/", node.op_type);
}

std::string NodeNames::name(const NodeProto& node, size_t index) {
  std::string wanted(node.name);
  if (is_generic(wanted)) {
    const std::string path = module_path(node);
    if (!path.empty()) wanted = path;
  }
  if (wanted.empty()) wanted = concat(node.op_type, "_", index);
  std::string unique = wanted;
  while (!taken_.try_emplace(unique, 1).second) unique = concat(wanted, "_", taken_[wanted]++);
  return unique;
}

}  // namespace octavo::onnx
