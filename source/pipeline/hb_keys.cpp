#include "pipeline/hb_keys.h"

#include <algorithm>

#include "base/letter_case.h"

namespace octavo::hb {

namespace {

constexpr std::string_view model = "model_parameters", input = "input_parameters",
                           calibration = "calibration_parameters", compiler = "compiler_parameters";
constexpr std::string_view sections[] = {model, input, calibration, compiler};

constexpr Key known_keys[] = {
    {model, "onnx_model", Use::read},
    {model, "march", Use::board},
    {model, "output_model_file_prefix", Use::read},
    {model, "working_dir", Use::read},
    {model, "layer_out_dump", Use::board},
    {model, "output_nodes", Use::read},
    {model, "remove_node_type", Use::read},
    {model, "remove_node_name", Use::read},
    {model, "debug_mode", Use::board},
    {model, "node_info", Use::read},
    {model, "set_node_data_type", Use::read},  // node_info's forerunner
    {input, "input_name", Use::read},
    {input, "input_type_train", Use::read},
    {input, "input_layout_train", Use::read},
    {input, "input_type_rt", Use::read},
    {input, "input_layout_rt", Use::read},
    {input, "input_space_and_range", Use::read},
    {input, "input_shape", Use::read},
    {input, "input_batch", Use::read},
    {input, "norm_type", Use::read},
    {input, "mean_value", Use::read},
    {input, "scale_value", Use::read},
    {calibration, "cal_data_dir", Use::read},
    {calibration, "cal_data_type", Use::read},
    {calibration, "preprocess_on", Use::read},
    {calibration, "calibration_type", Use::read},
    {calibration, "max_percentile", Use::read},
    {calibration, "per_channel", Use::read},
    {calibration, "run_on_cpu", Use::board},
    {calibration, "run_on_bpu", Use::board},
    {calibration, "optimization", Use::read},
    {compiler, "compile_mode", Use::board},
    {compiler, "debug", Use::board},
    {compiler, "core_num", Use::board},
    {compiler, "optimize_level", Use::board},
    {compiler, "input_source", Use::board},
    {compiler, "max_time_per_fc", Use::board},
    {compiler, "jobs", Use::board},
};

// A key as it stands, unless it is overlong.
std::string shown(std::string_view name) {
  return name.size() > 300 ? quoted(name) : printable(name);
}

std::string message(int line, std::string_view name, std::string_view why) {
  return concat("line ", line, ": ", shown(name), " ", why);
}

// Why a key cannot stand in this section.
std::string unknown_key(std::string_view section, const std::string& name) {
  if (name == "caffe_model" || name == "prototxt") {
    return "names a Caffe model; Octavo reads onnx_model";
  }
  std::vector<std::string> here;
  for (const Key& key : known_keys) {
    if (key.name == name) return concat("belongs in ", key.section);
    if (key.section == section) here.emplace_back(key.name);
  }
  const std::string near = nearest_name(name, here);
  return concat("is no key of hb_mapper",
                near.empty() ? "; the reference lists them" : concat("; did you mean ", near, "?"));
}

const Key* find_key(std::string_view section, std::string_view name) {
  const auto found =
      std::find_if(std::begin(known_keys), std::end(known_keys),
                   [&](const Key& key) { return key.section == section && key.name == name; });
  return found == std::end(known_keys) ? nullptr : found;
}

// What hb_mapper's templates write for a key that is not used.
bool is_blank(const std::string& text) {
  const std::string word = lower_case(text);
  return word.empty() || word == "none" || word == "null" || word == "~";
}

}  // namespace

std::span<const Key> keys() {
  return known_keys;
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view spaces = " \t\r\n";
  const size_t first = text.find_first_not_of(spaces);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(spaces) - first + 1));
}

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> out;
  while (true) {
    const size_t end = text.find_first_of(separators);
    std::string part = trimmed(text.substr(0, end));
    if (!part.empty()) out.push_back(std::move(part));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

std::string nearest_text(std::string_view word, const std::vector<std::string>& known) {
  const std::string near = nearest_name(word, known);
  if (!near.empty()) return concat("; did you mean ", near, "?");
  std::string all;
  for (const std::string& name : known) all += (all.empty() ? "" : ", ") + name;
  return concat("; known are ", all);
}

std::string Value::where() const {
  return node ? concat("line ", node->line, ": ", shown(name)) : shown(name);
}

Error Value::refuse(std::string_view why) const {
  return rejected(concat(where(), " ", why));
}

bool Value::is_set() const {
  if (!node) return false;
  switch (node->kind) {
    case YamlNode::Kind::scalar:
      return !is_blank(trimmed(node->text));
    case YamlNode::Kind::list:
      return !node->list.empty();
    case YamlNode::Kind::map:
      return !node->map.empty();
  }
  return false;
}

Result<std::string> Value::text() const {
  if (!is_set()) return std::string();
  if (!node->is_scalar()) return refuse("takes a single value, not a list or a map");
  return trimmed(node->text);
}

Result<std::vector<std::string>> Value::list() const {
  if (!is_set()) return std::vector<std::string>();
  if (node->is_scalar()) return split(node->text, ";");
  if (node->kind == YamlNode::Kind::map) return refuse("takes values separated by ';', not a map");
  std::vector<std::string> out;
  for (const YamlNode& item : node->list) {
    if (!item.is_scalar()) return refuse("takes a list of words, not of lists or maps");
    if (std::string text = trimmed(item.text); !text.empty()) out.push_back(std::move(text));
  }
  return out;
}

Result<std::string> Value::one() const {
  auto values = list();
  if (!values) return values.error();
  if (values->size() > 1) {
    return refuse(
        concat("has values for ", values->size(), " inputs; Octavo takes networks of one"));
  }
  if (values->empty() || is_blank(values->front())) return std::string();
  return values->front();
}

Result<bool> Value::boolean(bool otherwise) const {
  auto word = text();
  if (!word) return word.error();
  if (word->empty()) return otherwise;
  const std::string small = lower_case(*word);
  if (small == "true" || small == "yes" || small == "on") return true;
  if (small == "false" || small == "no" || small == "off") return false;
  return refuse(concat("is ", quoted(*word), "; True or False is expected"));
}

Result<Sections> Sections::read(const YamlNode& root) {
  if (root.kind != YamlNode::Kind::map) {
    return rejected(concat("line ", root.line,
                           ": expected sections (model_parameters, input_parameters, ...)"));
  }
  Sections out;
  out.root_ = &root;
  for (const auto& [section, node] : root.map) {
    if (std::find(std::begin(sections), std::end(sections), section) == std::end(sections)) {
      if (section == "custom_op") {
        return rejected(message(node.line, section,
                                "brings operators of one's own, which Octavo "
                                "does not run"));
      }
      const std::string near = nearest_text(section, {std::begin(sections), std::end(sections)});
      return rejected(message(node.line, section, concat("is no section of hb_mapper", near)));
    }
    if (node.is_scalar() && is_blank(node.text)) continue;
    if (node.kind != YamlNode::Kind::map) {
      return rejected(message(node.line, section, "takes keys, each with a value"));
    }
    for (const auto& [name, value] : node.map) {
      const std::string full = concat(section, ".", name);
      const Key* key = find_key(section, name);
      if (!key) return rejected(message(value.line, full, unknown_key(section, name)));
      if (key->use == Use::board && Value{full, &value}.is_set()) out.passed_over_.push_back(full);
    }
  }
  return out;
}

Value Sections::value(std::string_view section, std::string_view name) const {
  const YamlNode* found = root_->find(section);
  return {concat(section, ".", name), found ? found->find(name) : nullptr};
}

}  // namespace octavo::hb
