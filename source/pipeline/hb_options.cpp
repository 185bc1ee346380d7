#include "pipeline/hb_options.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "evaluate/dataset.h"
#include "evaluate/file_tree.h"
#include "onnx/model.h"
#include "onnx/names.h"

namespace octavo {

namespace {

namespace fs = std::filesystem;

// A path of the YAML: as it stands, else beside the YAML.
Result<std::string> find_path(const std::string& key, const std::string& path,
                              const std::string& config_path, std::vector<std::string>& notes) {
  std::error_code problem;
  if (fs::exists(path, problem)) return path;
  if (fs::path(path).is_absolute())
    return rejected(concat(key, " ", quoted(path), " is not there"));
  const std::string beside = (fs::path(config_path).parent_path() / path).lexically_normal();
  if (fs::exists(beside, problem)) {
    notes.push_back(concat(key, " ", quoted(path), " is found beside the YAML: ", quoted(beside)));
    return beside;
  }
  return rejected(concat(key, " ", quoted(path), " is neither in the current folder nor beside ",
                         quoted(config_path)));
}

// ---- the model

Status check_name(const HbConfig& config, const onnx::ValueInfoProto& input) {
  if (config.input_name.empty() || config.input_name == input.name) return {};
  return rejected(concat("input_parameters.input_name is ", quoted(config.input_name),
                         "; the model's input is ", quoted(input.name)));
}

std::string shape_text(const std::vector<onnx::Dimension>& dims) {
  std::string out;
  for (const onnx::Dimension& dim : dims) {
    out += out.empty() ? "" : "x";
    out += dim.value ? concat(*dim.value) : "?";
  }
  return out;
}

Status check_shape(const HbConfig& config, const std::vector<onnx::Dimension>& dims) {
  const auto contradicts = [&](size_t i, int64_t size) {
    return dims[i].value && *dims[i].value != size;
  };
  bool wrong = !config.input_shape.empty() && config.input_shape.size() != dims.size();
  for (size_t i = 0; !wrong && i < config.input_shape.size(); ++i) {
    wrong = contradicts(i, config.input_shape[i]) && !(i == 0 && *dims[i].value <= 0);
  }
  if (wrong) {
    std::string said;
    for (const int64_t size : config.input_shape) said += concat(said.empty() ? "" : "x", size);
    return rejected(concat("input_parameters.input_shape is ", said, "; the model's input is ",
                           shape_text(dims)));
  }
  if (config.feature_map) return {};
  const int channels = config.color == ColorOrder::gray ? 1 : 3;
  const size_t axis = config.channels_first ? 1 : 3;
  if (dims.size() != 4 || contradicts(axis, channels)) {
    return rejected(concat("input_type_train and input_layout_train say ", channels, " channels, ",
                           config.channels_first ? "NCHW" : "NHWC", "; the model's input is ",
                           shape_text(dims)));
  }
  const size_t h = config.channels_first ? 2 : 1;
  for (const size_t i : {h, h + 1}) {
    if (config.nv12 && dims[i].value && *dims[i].value % 2 != 0) {
      return rejected(
          concat("input_parameters.input_type_rt is nv12, which needs even height and "
                 "width; the model's input is ",
                 shape_text(dims)));
    }
  }
  return {};
}

// Height and width where the file leaves them open.
std::optional<std::array<int, 2>> open_size(const HbConfig& config,
                                            const std::vector<onnx::Dimension>& dims) {
  if (config.input_shape.size() != 4 || dims.size() != 4) return std::nullopt;
  const size_t h = config.channels_first ? 2 : 1;
  if (dims[h].value && dims[h + 1].value) return std::nullopt;
  return std::array<int, 2>{static_cast<int>(config.input_shape[h]),
                            static_cast<int>(config.input_shape[h + 1])};
}

Status check_input(const HbConfig& config, const onnx::GraphProto& graph, BuildOptions& options) {
  for (const onnx::ValueInfoProto& input : graph.inputs) {
    const bool constant =
        std::any_of(graph.initializers.begin(), graph.initializers.end(),
                    [&](const onnx::TensorProto& tensor) { return tensor.name == input.name; });
    if (constant) continue;
    if (const Status named = check_name(config, input); !named) return named;
    if (!input.shape) return {};
    if (const Status shaped = check_shape(config, *input.shape); !shaped) return shaped;
    options.model.preprocess.size = open_size(config, *input.shape);
    return {};
  }
  return {};
}

// optimization set_<Op>_..._int16: every node of that operator.
Status add_operators(const HbConfig& config, const onnx::GraphProto& graph, BuildOptions& options) {
  onnx::NodeNames names;
  std::vector<std::string> node_names, operators;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    node_names.push_back(names.name(graph.nodes[i], i));
    operators.emplace_back(graph.nodes[i].op_type);
  }
  for (const HbOperatorPrecision& asked : config.int16_operators) {
    bool any = false;
    for (size_t i = 0; i < operators.size(); ++i) {
      if (operators[i] != asked.op_type) continue;
      any = true;
      NodePrecision node;
      node.node = node_names[i];
      node.output = !asked.inputs;
      node.all_inputs = asked.inputs;
      node.may_be_gone = true;
      options.int16.push_back(std::move(node));
    }
    if (any) continue;
    const std::string near = nearest_name(asked.op_type, operators);
    return rejected(concat(asked.where, " names the operator ", quoted(asked.op_type),
                           ", which the model has not",
                           near.empty() ? "" : concat("; the nearest is ", quoted(near))));
  }
  return {};
}

Status look_into_model(const HbConfig& config, const std::string& path, BuildOptions& options) {
  auto bytes = read_file(path, uint64_t{1} << 32);
  if (!bytes) return bytes.error();
  if (looks_like_plan(path, *bytes)) return {};  // build_plan says so
  auto model = onnx::parse_model(*bytes);
  if (!model) return Error{model.error().kind, concat(quoted(path), ": ", model.error().message)};
  if (const Status agrees = check_input(config, model->graph, options); !agrees) return agrees;
  return add_operators(config, model->graph, options);
}

// ---- the calibration files

// A list or a .tar, which only a flag or an unusual YAML names, may hold pictures.
Status look_into_list(const BuildOptions& options) {
  DataSetOptions data;
  data.labels_needed = false;
  auto samples = open_dataset(options.calibration, data);
  if (!samples) return samples.error();
  for (const Sample& sample : *samples) {
    if (!is_tensor_file(sample.path)) continue;
    return rejected(
        concat(quoted(sample.path), " is a dump, which a configuration looks for in a ", "folder"));
  }
  return {};
}

// Pictures, or dumps in the YAML's format.
Status look_into_folder(const HbConfig& config, BuildOptions& options,
                        std::vector<std::string>& notes) {
  std::error_code problem;
  if (!fs::is_directory(options.calibration, problem)) return look_into_list(options);
  auto tree = list_folder(options.calibration);
  if (!tree) return tree.error();
  const auto is_picture = [](const FileTree::File& file) {
    return is_sample_file(file.path) && !is_tensor_file(file.path);
  };
  const bool any_picture = std::any_of(tree->files.begin(), tree->files.end(), is_picture);
  if (config.preprocess_on) {
    for (const FileTree::File& file : tree->files) {
      if (!is_tensor_file(file.path)) continue;
      return rejected(concat("calibration_parameters.preprocess_on is True for pictures, and ",
                             quoted(tree->full_name(file.path)), " is a dump"));
    }
    return {};
  }
  const bool any_dump =
      std::any_of(tree->files.begin(), tree->files.end(), [&](const FileTree::File& file) {
        return !is_picture(file) && !file.path.ends_with(".txt");
      });
  if (any_picture && !any_dump) {
    notes.push_back(concat(quoted(options.calibration),
                           " holds pictures: they are preprocessed as if preprocess_on were True"));
    return {};
  }
  options.dumps = Dumps{{config.cal_data_type, config.channels_first}, !config.feature_map};
  return {};
}

PreprocessChoice preprocess_choice(const HbConfig& config) {
  PreprocessChoice choice;
  if (config.feature_map) return choice;
  choice.color = config.color;
  choice.mean = config.mean.value_or(std::array<float, 3>{0, 0, 0});
  choice.std = config.std.value_or(std::array<float, 3>{1, 1, 1});
  if (config.nv12) choice.via_nv12 = true;
  return choice;
}

void set_method(const HbConfig& config, QuantizeOptions& options) {
  switch (config.calibration) {
    case HbCalibration::automatic:
      options.method = RangeMethod::automatic;
      break;
    case HbCalibration::kl:
      options.method = RangeMethod::kl;
      break;
    case HbCalibration::max:
      options.method = config.max_percentile < 1 ? RangeMethod::percentile : RangeMethod::maximum;
      if (config.max_percentile < 1) {
        options.percentile = static_cast<float>(100 * config.max_percentile);
      }
      break;
  }
}

std::vector<std::string> notes_of(const HbConfig& config) {
  std::vector<std::string> notes;
  if (!config.passed_over.empty()) {
    std::string all;
    for (const std::string& key : config.passed_over) all += (all.empty() ? "" : ", ") + key;
    notes.push_back(concat("about the board, passed over: ", all));
  }
  notes.insert(notes.end(), config.notes.begin(), config.notes.end());
  if (config.nv12) {
    notes.push_back(
        "input_type_rt nv12: pictures go through NV12 first, as on the board (--via none: not)");
  }
  if (config.video_range) {
    notes.push_back(
        "input_space_and_range bt601_video: frames are given as octavo classify PLAN "
        "FRAME.nv12:WxH --range video");
  }
  return notes;
}

}  // namespace

Result<HbBuild> hb_build(const HbConfig& config, const std::string& config_path,
                         const HbOverrides& overrides) {
  HbBuild out;
  out.notes = notes_of(config);
  out.model = overrides.model;
  if (out.model.empty()) {
    if (config.onnx_model.empty()) {
      return rejected(concat(quoted(config_path), ": model_parameters.onnx_model is needed"));
    }
    auto found =
        find_path("model_parameters.onnx_model", config.onnx_model, config_path, out.notes);
    if (!found) return found.error();
    out.model = *found;
  }
  BuildOptions& options = out.options;
  options.calibration = overrides.calibration;
  if (options.calibration.empty()) {
    const std::string key = "calibration_parameters.cal_data_dir";
    if (config.cal_data_dir.empty()) {
      return rejected(concat(quoted(config_path), ": ", key, " is needed"));
    }
    auto found = find_path(key, config.cal_data_dir, config_path, out.notes);
    if (!found) return found.error();
    options.calibration = *found;
  }
  if (!config.output_model_file_prefix.empty()) {
    out.output = (fs::path(config.working_dir) / (config.output_model_file_prefix + ".octavo"))
                     .lexically_normal();
  }
  options.model.preprocess = preprocess_choice(config);
  options.model.feature_map = config.feature_map;
  options.model.output_node = config.output_node;
  options.int16 = config.int16;
  options.all_int16 = config.all_int16;
  set_method(config, options.quantize);
  if (const Status agrees = look_into_model(config, out.model, options); !agrees) {
    return Error{agrees.error().kind, concat(quoted(config_path), ": ", agrees.error().message)};
  }
  if (const Status read = look_into_folder(config, options, out.notes); !read) return read.error();
  return out;
}

}  // namespace octavo
