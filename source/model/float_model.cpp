#include "model/float_model.h"

#include <charconv>
#include <filesystem>

#include "base/text.h"
#include "float/engine.h"
#include "graph/graph.h"
#include "onnx/import.h"
#include "rewrite/rewrite.h"

namespace octavo {

namespace {

// ---- preprocessing that an exporter left in the file's metadata ("octavo.mean" =
// "123.675,116.28,103.53")

std::string_view metadata_value(const Graph& graph, std::string_view key) {
  for (const auto& [name, value] : graph.metadata) {
    if (name == key) return value;
  }
  return {};
}

std::optional<std::vector<float>> parse_floats(std::string_view text, size_t count) {
  std::vector<float> out;
  while (out.size() < count) {
    float value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc{}) return std::nullopt;
    out.push_back(value);
    text.remove_prefix(static_cast<size_t>(parsed.ptr - text.data()));
    if (out.size() < count) {
      if (text.empty() || text.front() != ',') return std::nullopt;
      text.remove_prefix(1);
    }
  }
  if (!text.empty()) return std::nullopt;
  return out;
}

Result<std::optional<Preprocess>> stored_preprocess(const Graph& graph, int height, int width,
                                                    int channels) {
  const std::string_view mean = metadata_value(graph, "octavo.mean");
  if (mean.empty()) return std::optional<Preprocess>{};
  Preprocess how;
  how.height = height;
  how.width = width;
  const auto count = static_cast<size_t>(channels);
  const auto means = parse_floats(mean, count);
  const auto stds = parse_floats(metadata_value(graph, "octavo.std"), count);
  const auto resize = parse_floats(metadata_value(graph, "octavo.resize"), 1);
  const std::string_view interpolation = metadata_value(graph, "octavo.interpolation");
  const std::string_view color = metadata_value(graph, "octavo.color");
  if (!means || !stds || !resize || !((*resize)[0] >= 0 && (*resize)[0] <= 16384)) {
    return rejected(
        "the file's metadata octavo.mean, octavo.std, octavo.resize cannot be read; --preset says "
        "how pictures are preprocessed");
  }
  for (size_t c = 0; c < count && c < 3; ++c) {
    how.mean[c] = (*means)[c];
    how.std[c] = (*stds)[c];
  }
  how.resize_short = static_cast<int32_t>((*resize)[0]);
  if (const auto exact = parse_floats(metadata_value(graph, "octavo.resize_exact"), 2)) {
    for (size_t axis = 0; axis < 2; ++axis) {
      if (!((*exact)[axis] >= 1 && (*exact)[axis] <= 16384)) {
        return rejected("the file's metadata octavo.resize_exact is no height,width of 1 to 16384");
      }
      how.resize_exact[axis] = static_cast<int32_t>((*exact)[axis]);
    }
  }
  if (interpolation == "bicubic") {
    how.interpolation = Interpolation::bicubic;
  } else if (interpolation == "nearest") {
    how.interpolation = Interpolation::nearest;
  } else if (interpolation != "bilinear") {
    return rejected(concat("the file's metadata octavo.interpolation is ", quoted(interpolation),
                           "; known: bilinear, bicubic, nearest"));
  }
  how.color = channels == 1 ? ColorOrder::gray : color == "bgr" ? ColorOrder::bgr : ColorOrder::rgb;
  return std::optional<Preprocess>{how};
}

std::vector<float> normalize_table(const Model& model) {
  const int channels = model.preprocess.channels();
  const auto [mean, std] = model.graph().normalization.value_or(Normalization{});
  std::vector<float> table(256 * static_cast<size_t>(channels));
  for (int c = 0; c < channels; ++c) {
    for (int v = 0; v < 256; ++v) {
      table[static_cast<size_t>(c * 256 + v)] =
          (static_cast<float>(v) - mean[static_cast<size_t>(c)]) / std[static_cast<size_t>(c)];
    }
  }
  return table;
}

Error about(const std::string& path, const Error& error) {
  return {error.kind, concat(quoted(path), ": ", error.message)};
}

// What was imported of `path`, rewritten, with its preprocessing.
Result<Model> model_of_import(const std::string& path, Result<Import> imported,
                              const ModelOptions& options) {
  if (!imported) return about(path, imported.error());
  RewriteOptions rewrite_options;
  rewrite_options.disabled = options.disabled_rewrites;
  auto graph = std::make_shared<Graph>(std::move(imported->graph));
  if (auto rewritten = run_rewrites(*graph, rewrite_options); !rewritten) {
    return about(path, rewritten.error());
  }
  Model model;
  model.notes = std::move(imported->notes);
  const Shape& output = graph->tensors[graph->output].shape;
  model.outputs = static_cast<int>(element_count(output));
  model.output_kind = graph->output_kind;
  model.classes = static_cast<int>(score_count(static_cast<size_t>(model.outputs)));
  const Shape& input = graph->tensors[graph->input].shape;
  model.picture_input =
      !options.feature_map && input.size() == 4 && (input[3] == 1 || input[3] == 3);
  if (input.size() == 4) {
    model.input = {static_cast<int>(input[1]), static_cast<int>(input[2]),
                   static_cast<int>(input[3])};
  } else {
    model.input = {1, 1, static_cast<int>(element_count(input))};
  }
  if (model.picture_input) {
    auto stored = stored_preprocess(*graph, model.input[0], model.input[1], model.input[2]);
    if (!stored) return about(path, stored.error());
    PreprocessChoice choice = options.preprocess;
    if (imported->byte_input && !*stored && choice.preset.empty()) choice.preset = "none";
    if (!*stored && choice.preset.empty() && !choice.mean) {
      model.notes.push_back(
          "the file does not say how pictures are preprocessed: --preset torchvision is assumed");
    }
    auto how = resolve_preprocess(choice, *stored, model.input[0], model.input[1], model.input[2]);
    if (!how) return how.error();
    const Preprocess as_they_are;
    if (imported->byte_input && (how->mean != as_they_are.mean || how->std != as_they_are.std)) {
      return usage_error(concat(quoted(path), " is fed bytes, which --mean, --std and presets but ",
                                "none would change: leave them out"));
    }
    model.preprocess = *how;
    graph->normalization = Normalization{model.preprocess.mean, model.preprocess.std};
    const auto absorbed = run_rewrites(picture_rewrites(), *graph, rewrite_options.disabled);
    if (!absorbed) return about(path, absorbed.error());
  }
  model.network = std::shared_ptr<const Graph>(std::move(graph));
  return model;
}

}  // namespace

Result<FloatModelCheck> check_float_model(const std::string& path, std::span<const std::byte> bytes,
                                          const ModelOptions& options) {
  ImportOptions import_options;
  import_options.size = options.preprocess.size;
  import_options.output_node = options.output_node;
  const std::string folder = std::filesystem::path(path).parent_path().string();
  auto checked = check_onnx(bytes, folder.empty() ? "." : folder, import_options);
  if (!checked) return about(path, checked.error());
  return FloatModelCheck{std::move(checked->rows),
                         model_of_import(path, std::move(checked->import), options)};
}

Result<Model> open_float_model(const std::string& path, std::span<const std::byte> bytes,
                               const ModelOptions& options) {
  auto checked = check_float_model(path, bytes, options);
  if (!checked) return checked.error();
  return std::move(checked->model);
}

void to_graph_input(const Model& model, std::span<float> values) {
  const Preprocess& file = model.preprocess;
  const auto& graph = model.graph().normalization;
  if (!graph || *graph == Normalization{file.mean, file.std}) return;
  const auto channels = static_cast<size_t>(model.input[2]);
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t c = i % channels;
    values[i] = (values[i] * file.std[c] + file.mean[c] - graph->mean[c]) / graph->std[c];
  }
}

Result<Classifier> float_classifier(const Model& model) {
  auto created = create_float_session(model.graph());
  if (!created) return created.error();
  const std::shared_ptr<FloatSession> session = std::move(*created);
  Classifier classifier;
  classifier.values = [session, model, input = std::vector<float>()](
                          std::span<const float> values, std::span<float> logits) mutable {
    input.assign(values.begin(), values.end());
    to_graph_input(model, input);
    return session->run(input, logits);
  };
  const auto channels = static_cast<size_t>(model.input[2]);
  classifier.pixels = [session, channels, table = normalize_table(model),
                       values = std::vector<float>()](std::span<const uint8_t> pixels,
                                                      std::span<float> logits) mutable {
    values.resize(pixels.size());
    for (size_t i = 0; i < pixels.size(); ++i) values[i] = table[(i % channels) * 256 + pixels[i]];
    return session->run(values, logits);
  };
  return classifier;
}

}  // namespace octavo
