#include "pipeline/calibration_cache.h"

#include <filesystem>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "graph/graph.h"
#include "kernels/isa.h"
#include "pipeline/sha256.h"

namespace octavo {

namespace {

constexpr uint64_t most_bytes = uint64_t{1} << 31;

bool is_there(const std::string& path) {
  std::error_code problem;
  return std::filesystem::exists(path, problem);
}

// Names, shapes and constants of the network that is calibrated.
Result<std::string> graph_digest(const Graph& graph) {
  std::string text;
  for (const Node& node : graph.nodes) text += concat(node.name, "\n");
  for (const Tensor& tensor : graph.tensors) {
    text += concat(tensor.name, " ", list_text(tensor.shape));
    if (tensor.values) {
      auto values = sha256_hex(std::as_bytes(std::span<const float>(*tensor.values)));
      if (!values) return values.error();
      text += concat(" ", *values);
    }
    text += "\n";
  }
  return sha256_hex(std::as_bytes(std::span<const char>(text)));
}

std::string preprocessing_text(const Model& model, bool pixels) {
  const Preprocess& how = model.preprocess;
  std::string out = concat(pixels ? "pixels" : "values", model.picture_input ? " of pictures" : "",
                           ", colour order ", static_cast<int>(how.color));
  const auto add = [&](const char* name, const std::array<float, 3>& three) {
    out += concat(", ", name);
    for (const float value : three) out += concat(" ", value);
  };
  add("mean", how.mean);
  add("std", how.std);
  const auto [mean, std] = model.graph().normalization.value_or(Normalization{});
  add("the graph's mean", mean);
  add("the graph's std", std);
  return out;
}

// What a file keeps, and what users call it.
struct Kind {
  std::string_view flag, name;
  bool (*is_one)(std::span<const std::byte> bytes);
};
constexpr Kind calibrations{"--calib-cache", "calibration", looks_like_calibration};
constexpr Kind quantizations{"--quantization-cache", "quantization", looks_like_quantization};

Status check_cache(const CacheFile& cache, const Kind& kind) {
  if (cache.path.empty()) return {};
  if (is_there(cache.path)) {
    const auto first = read_file_part(cache.path, 0, 8);
    if (!first) return first.error();
    if (!kind.is_one(*first)) {
      return rejected(concat(kind.flag, " ", quoted(cache.path), " is no ", kind.name,
                             " that Octavo kept, and is left as it is: name another file"));
    }
  }
  return cache.write ? check_writable(cache.path, true) : Status{};
}

// Kept: KeptCalibration or KeptQuantization.
template <class Kept>
Result<std::optional<Kept>> load(const CacheFile& cache, const Kind& kind,
                                 Result<Kept> (*deserialize)(std::span<const std::byte>),
                                 const CalibrationKey& key, std::string& replaced) {
  if (!is_there(cache.path)) return std::optional<Kept>{};
  const auto bytes = read_file(cache.path, most_bytes);
  if (!bytes) return bytes.error();
  auto kept = deserialize(*bytes);
  const std::string differing = kept ? differing_parts(kept->key, key) : std::string();
  if (kept && differing.empty()) return std::optional(*std::move(kept));
  const Error problem =
      kept ? rejected(concat("it keeps a ", kind.name, " of another ", differing)) : kept.error();
  if (!cache.overwrite || !kind.is_one(*bytes)) {
    return Error{problem.kind, concat(kind.flag, " ", quoted(cache.path), ": ", problem.message,
                                      "; --overwrite makes it anew")};
  }
  replaced = concat(kind.flag, " ", quoted(cache.path), " is made anew: ", problem.message);
  return std::optional<Kept>{};
}

}  // namespace

Result<CalibrationKey> calibration_key(const Model& model, const CalibrationSource& source) {
  auto network = graph_digest(model.graph());
  if (!network) return network.error();
  std::string disabled;
  for (const std::string& name : source.disabled_rewrites) disabled += concat(" ", name);
  return CalibrationKey{{"version of Octavo", OCTAVO_VERSION},
                        {"model", source.model_sha256},
                        {"network that is made of it", concat(*network, disabled)},
                        {"preprocessing", preprocessing_text(model, source.pixels)},
                        {"pictures", source.views == 1 ? source.pictures_sha256
                                                       : concat(source.pictures_sha256, " in ",
                                                                source.views, " views")},
                        {"kind of processor", best_isa_name(machine_features())}};
}

CalibrationKey quantization_key(CalibrationKey calibration, const std::string& options) {
  calibration.push_back({"set of options", options});
  return calibration;
}

Status check_calibration_cache(const CacheFile& cache) {
  return check_cache(cache, calibrations);
}

Status check_quantization_cache(const CacheFile& cache) {
  return check_cache(cache, quantizations);
}

Result<std::shared_ptr<const Calibration>> load_calibration(const CacheFile& cache,
                                                            const CalibrationKey& key,
                                                            std::string& replaced) {
  auto kept = load(cache, calibrations, deserialize_calibration, key, replaced);
  if (!kept) return kept.error();
  using Loaded = std::shared_ptr<const Calibration>;
  if (!*kept) return Loaded{};
  return Loaded(std::make_shared<const Calibration>(std::move((*kept)->calibration)));
}

Result<std::shared_ptr<const KeptQuantization>> load_quantization(const CacheFile& cache,
                                                                  const CalibrationKey& key,
                                                                  std::string& replaced) {
  auto kept = load(cache, quantizations, deserialize_quantization, key, replaced);
  if (!kept) return kept.error();
  using Loaded = std::shared_ptr<const KeptQuantization>;
  if (!*kept) return Loaded{};
  return Loaded(std::make_shared<const KeptQuantization>(**std::move(kept)));
}

Status save_calibration(const CacheFile& cache, const CalibrationKey& key,
                        const Calibration& calibration) {
  if (!cache.write) return {};
  return write_file(cache.path, serialize_calibration(key, calibration), true);
}

Status save_quantization(const CacheFile& cache, const KeptQuantization& kept) {
  if (!cache.write) return {};
  return write_file(cache.path, serialize_quantization(kept), true);
}

}  // namespace octavo
