// octavo_build_options, checked, as the options of a build.
#include <cmath>
#include <limits>

#include "base/choose.h"
#include "base/file.h"
#include "base/text.h"
#include "c_api/build.h"
#include "evaluate/host.h"
#include "pipeline/hb_options.h"
#include "pipeline/method_words.h"
#include "plan/preprocess_words.h"
#include "quantize/passes.h"

namespace octavo::c_api {

namespace {

std::string text_of(const char* given) {
  return given != nullptr ? given : "";
}

Status check_range(const char* field, double value, double low, double high) {
  if (value >= low && value <= high) return {};
  return usage_error(concat("octavo_build_options.", field, " is ", value, "; ", low, " to ", high,
                            " is expected"));
}

// Fields of which 0 is the default.
Status check_range_or_default(const char* field, double value, double low, double high) {
  return value == 0 ? Status() : check_range(field, value, low, high);
}

Status check_ranges(const octavo_build_options& given) {
  struct Range {
    const char* field;
    double value, low, high;
  };
  const Range ranges[] = {
      {"threads", static_cast<double>(given.threads), 1, 1024},
      {"height", static_cast<double>(given.height), 1, 8192},
      {"width", static_cast<double>(given.width), 1, 8192},
      {"resize_short", static_cast<double>(given.resize_short), -1, 16384},
      {"resize_height", static_cast<double>(given.resize_height), 1, 8192},
      {"resize_width", static_cast<double>(given.resize_width), 1, 8192},
      {"crop_pct", given.crop_pct, 0.05, 1},
      {"percentile", given.percentile, 50, 100},
      {"class_offset", static_cast<double>(given.class_offset), -1e6, 1e6},
      {"min_agreement", given.min_agreement, 0, 100},
      {"max_slowdown", given.max_slowdown, 1, 1000},
      {"max_ms", given.max_ms, 1e-6, 1e6},
  };
  for (const Range& range : ranges) {
    const Status held = check_range_or_default(range.field, range.value, range.low, range.high);
    if (!held) return held;
  }
  if (given.max_drop == nullptr) return {};
  return check_range("max_drop", *given.max_drop, -100, 100);
}

Result<std::vector<std::string>> list_of(const char* field, const char* const* items,
                                         size_t count) {
  std::vector<std::string> out;
  for (size_t i = 0; i < count; ++i) {
    if (items == nullptr || items[i] == nullptr) {
      return usage_error(concat("octavo_build_options.", field, " has ", count,
                                " entries, of which ", i, " is a null pointer"));
    }
    out.emplace_back(items[i]);
  }
  return out;
}

Result<std::optional<std::array<float, 3>>> triple(const char* field, const float* values) {
  using Triple = std::optional<std::array<float, 3>>;
  if (values == nullptr) return Triple();
  for (size_t i = 0; i < 3; ++i) {
    if (!std::isfinite(values[i])) {
      return usage_error(concat("octavo_build_options.", field, " is not finite"));
    }
  }
  return Triple({values[0], values[1], values[2]});
}

// Two fields that stand together.
Result<std::optional<std::array<int, 2>>> pair(const char* fields, int32_t height, int32_t width) {
  using Pair = std::optional<std::array<int, 2>>;
  if (height == 0 && width == 0) return Pair();
  if (height != 0 && width != 0) return Pair({height, width});
  return usage_error(concat("of octavo_build_options.", fields, " one is set alone"));
}

template <class Value, size_t count>
Status choose_into(const char* field, const char* word, const std::array<Word<Value>, count>& known,
                   std::optional<Value>& into) {
  if (text_of(word).empty()) return {};
  auto chosen = choose(field, word, known);
  if (!chosen) return chosen.error();
  into = *chosen;
  return {};
}

Result<PreprocessChoice> to_choice(const octavo_build_options& given) {
  PreprocessChoice out;
  out.preset = text_of(given.preset);
  auto size = pair("height and width", given.height, given.width);
  if (!size) return size.error();
  out.size = *size;
  auto exact = pair("resize_height and resize_width", given.resize_height, given.resize_width);
  if (!exact) return exact.error();
  out.resize_exact = *exact;
  if (given.resize_short != 0) out.resize_short = std::max(given.resize_short, 0);
  if (given.crop_pct != 0) out.crop_pct = given.crop_pct;
  const Status filter = choose_into("octavo_build_options.interpolation", given.interpolation,
                                    interpolation_words, out.interpolation);
  if (!filter) return filter.error();
  const Status order =
      choose_into("octavo_build_options.color", given.color, color_words, out.color);
  if (!order) return order.error();
  auto mean = triple("mean", given.mean), std = triple("std", given.std);
  if (!mean) return mean.error();
  if (!std) return std.error();
  out.mean = *mean;
  out.std = *std;
  if (given.exif_rotate != 0) out.exif_rotate = true;
  if (given.via_nv12 != 0) out.via_nv12 = true;
  return out;
}

Status set_model_options(const octavo_build_options& given, ModelOptions& model) {
  auto choice = to_choice(given);
  if (!choice) return choice.error();
  model.preprocess = override_choice(model.preprocess, *choice);
  if (given.output_node != nullptr && *given.output_node != '\0') {
    model.output_node = given.output_node;
  }
  auto disabled = list_of("disable", given.disable, given.disable_count);
  if (!disabled) return disabled.error();
  if (!disabled->empty()) model.disabled_rewrites = std::move(*disabled);
  if (given.strict != 0) model.strict = true;
  return {};
}

Status set_quantization(const octavo_build_options& given, BuildOptions& build) {
  QuantizeOptions& q = build.quantize;
  std::optional<RangeMethod> method;
  const Status known =
      choose_into("octavo_build_options.method", given.method, method_words, method);
  if (!known) return known;
  if (method) q.method = *method;
  if (given.percentile != 0) q.percentile = static_cast<float>(given.percentile);
  if (given.per_tensor != 0) q.per_channel_weights = false;
  auto int16 = list_of("int16", given.int16, given.int16_count);
  if (!int16) return int16.error();
  if (!int16->empty()) {
    build.int16.clear();
    build.all_int16 = false;
    q.int16_nodes = std::move(*int16);
  }
  if (given.all_int16 != 0) build.all_int16 = true;
  if (given.no_auto_int16 != 0) q.auto_int16 = false;
  if (given.seed != 0) q.seed = given.seed;
  q.threads = given.threads != 0 ? given.threads : physical_cores();
  return {};
}

Status set_bounds(const octavo_build_options& given, BuildOptions& build) {
  build.evaluation = text_of(given.evaluation);
  build.class_offset = given.class_offset;
  const auto bound = [](double value) { return value != 0 ? std::optional(value) : std::nullopt; };
  build.bounds.min_agreement = bound(given.min_agreement);
  if (given.max_drop != nullptr) build.bounds.max_drop = *given.max_drop;
  build.bounds.max_slowdown = bound(given.max_slowdown);
  build.bounds.max_ms = bound(given.max_ms);
  if (build.bounds.any() && given.no_auto_int16 != 0) {
    return usage_error("no_auto_int16 leaves no 16 bits to search with: give bounds, or that");
  }
  return {};
}

Status check_one_calibration(const octavo_build_options& given) {
  const bool files = given.calibration != nullptr && *given.calibration != '\0';
  const int kinds = files + (given.no_calibration != 0) + (given.input != nullptr);
  if (kinds > 1) {
    return usage_error("of calibration, no_calibration and input, one is set at most");
  }
  if ((given.input == nullptr) != (given.input_count == 0)) {
    return usage_error("input and input_count are set together");
  }
  return {};
}

// Before the work, whose result would be lost.
Status check_output(const BuildRequest& request, const octavo_build_options& given) {
  if (request.output.empty()) return {};
  const std::string others[] = {request.model,
                                text_of(given.config),
                                text_of(given.labels),
                                request.build.calibration,
                                request.build.evaluation,
                                request.build.cache.path};
  for (const std::string& other : others) {
    if (other.empty() || !(other == request.output || same_file(other, request.output))) continue;
    return usage_error(concat("output ", quoted(request.output),
                              " is a file that this build reads or keeps, and would be lost: name "
                              "another one"));
  }
  return check_writable(request.output, request.overwrite);
}

}  // namespace

Result<BuildRequest> to_request(const octavo_build_options& given) {
  if (const Status held = check_ranges(given); !held) return held.error();
  if (const Status one = check_one_calibration(given); !one) return one.error();
  BuildRequest out;
  out.model = text_of(given.model);
  out.output = text_of(given.output);
  out.overwrite = given.overwrite != 0;
  out.build.calibration = text_of(given.calibration);
  const bool other = given.no_calibration != 0 || given.input != nullptr;
  if (const std::string path = text_of(given.config); !path.empty()) {
    auto config = read_hb_config(path);
    if (!config) return config.error();
    auto said = hb_build(*config, path, {out.model, other ? "none" : out.build.calibration});
    if (!said) return said.error();
    out.model = std::move(said->model);
    out.build = std::move(said->options);
    out.notes = std::move(said->notes);
  }
  if (out.model.empty()) return usage_error("octavo_build_options.model is needed, or config");
  if (other) {
    out.build.calibration.clear();
    out.build.dumps = std::nullopt;
  }
  out.build.synthetic = given.no_calibration != 0;
  if (given.samples != 0) {
    out.build.samples = given.samples == std::numeric_limits<size_t>::max() ? 0 : given.samples;
  }
  out.build.labels = text_of(given.labels);
  out.build.cache = {text_of(given.calibration_cache), out.overwrite, true};
  for (const Status& set :
       {set_model_options(given, out.build.model), set_quantization(given, out.build),
        set_bounds(given, out.build), check_output(out, given)}) {
    if (!set) return set.error();
  }
  out.build.quantize.disabled = take_for_quantizer(out.build.model.disabled_rewrites);
  return out;
}

}  // namespace octavo::c_api
