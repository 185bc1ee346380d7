#include "pipeline/hb_sections.h"

namespace octavo::hb {

namespace {

Status read_node_map(const Value& value, HbConfig& config) {
  bool places = false;
  for (const auto& [name, info] : value.node->map) {
    const Value at{concat(value.name, ".", name), &info};
    if (info.kind != YamlNode::Kind::map) return at.refuse("takes {OutputType: int16, ...}");
    NodePrecision node;
    node.node = name;
    node.where = at.where();
    for (const auto& [key, setting] : info.map) {
      const Value field{concat(at.name, ".", key), &setting};
      auto text = field.text();
      if (!text) return text.error();
      if (key == "ON") {
        auto known = one_of<bool>(field, *text, {{"BPU", true}, {"CPU", true}});
        if (!known) return known.error();
        places = true;
        continue;
      }
      auto wide = one_of<bool>(field, *text, {{"int16", true}, {"int8", false}});
      if (!wide) return wide.error();
      const bool one_input = key.starts_with("InputType") && key != "InputType";
      const auto index = parse_number<int>(std::string_view(key).substr(one_input ? 9 : 0));
      if (key != "InputType" && key != "OutputType" &&
          !(one_input && index && *index >= 0 && *index < 64)) {
        return field.refuse("is not known; known are ON, InputType, InputType0, ..., OutputType");
      }
      if (!*wide) continue;
      node.output = node.output || key == "OutputType";
      node.all_inputs = node.all_inputs || key == "InputType";
      if (one_input) node.inputs.push_back(*index);
    }
    if (node.output || node.all_inputs || !node.inputs.empty()) config.int16.push_back(node);
  }
  if (places) config.passed_over.push_back(concat(value.name, "...ON"));
  return {};
}

// 'n1:int16;n2:int16': outputs. A name may hold colons.
Status read_node_text(const Value& value, HbConfig& config) {
  auto entries = value.list();
  if (!entries) return entries.error();
  for (const std::string& entry : *entries) {
    const size_t colon = entry.rfind(':');
    if (colon == std::string::npos) {
      return value.refuse(concat("has ", quoted(entry), "; NODE:int16 is expected"));
    }
    auto wide = one_of<bool>(value, trimmed(std::string_view(entry).substr(colon + 1)),
                             {{"int16", true}, {"int8", false}});
    if (!wide) return wide.error();
    if (!*wide) continue;
    NodePrecision node;
    node.node = trimmed(std::string_view(entry).substr(0, colon));
    node.output = true;
    node.where = value.where();
    config.int16.push_back(std::move(node));
  }
  return {};
}

Status read_node_info(const Sections& file, HbConfig& config) {
  const Value info = file.value("model_parameters", "node_info");
  const Value older = file.value("model_parameters", "set_node_data_type");
  if (info.is_set() && older.is_set()) {
    return older.refuse("is node_info's forerunner; one of the two is expected");
  }
  if (older.is_set()) return read_node_text(older, config);
  if (!info.is_set()) return {};
  if (info.node->kind == YamlNode::Kind::map) return read_node_map(info, config);
  return read_node_text(info, config);
}

// Nodes at the ends that only exist for the board's tensors. Steps here begin at pixels and end
// in logits whatever stands there.
Status read_removals(const Sections& file, HbConfig& config) {
  const Value types = file.value("model_parameters", "remove_node_type");
  auto listed = types.list();
  if (!listed) return listed.error();
  for (const std::string& type : *listed) {
    auto known = one_of<bool>(types, type,
                              {{"Quantize", true},
                               {"Transpose", true},
                               {"Dequantize", true},
                               {"Cast", true},
                               {"Reshape", true},
                               {"Softmax", true}});
    if (!known) return known.error();
  }
  const Value names = file.value("model_parameters", "remove_node_name");
  auto named = names.list();
  if (!named) return named.error();
  if (!listed->empty() || !named->empty()) {
    config.notes.push_back(
        concat(listed->empty() ? names.name : types.name,
               ": nothing is left to remove: a plan takes pixels and gives logits, without "
               "Quantize, Dequantize, Transpose, Cast, Reshape or Softmax at its ends"));
  }
  return {};
}

}  // namespace

Status read_model(const Sections& file, HbConfig& config) {
  const auto value = [&](const char* name) { return file.value("model_parameters", name); };
  auto model = value("onnx_model").text(), prefix = value("output_model_file_prefix").text(),
       folder = value("working_dir").text();
  for (const auto* text : {&model, &prefix, &folder}) {
    if (!*text) return text->error();
  }
  config.onnx_model = *model;
  config.output_model_file_prefix = *prefix;
  if (!folder->empty()) config.working_dir = *folder;
  if (prefix->find('/') != std::string::npos) {
    return value("output_model_file_prefix").refuse("is a name; working_dir names the folder");
  }
  auto outputs = value("output_nodes").list();
  if (!outputs) return outputs.error();
  if (outputs->size() > 1) {
    return value("output_nodes")
        .refuse(concat("names ", outputs->size(), " nodes; a classifier has one output"));
  }
  if (!outputs->empty()) config.output_node = outputs->front();
  if (const Status read = read_removals(file, config); !read) return read;
  return read_node_info(file, config);
}

}  // namespace octavo::hb
