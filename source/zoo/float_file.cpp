#include "zoo/float_file.h"

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "base/letter_case.h"
#include "base/text.h"
#include "onnx/model.h"
#include "pipeline/sha256.h"
#include "zoo/lock.h"
#include "zoo/process.h"

namespace octavo::zoo {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t largest_model_bytes = uint64_t{1} << 32;

bool is_file(const fs::path& path) {
  std::error_code none_there;
  return fs::is_regular_file(path, none_there);
}

// The usual name, or that of the zoo.
std::string find_in_folders(const Model& model, const BuildOptions& options) {
  for (const std::string& folder : options.folders) {
    for (const std::string& name : {model.file, model.name + ".onnx"}) {
      const fs::path path = fs::path(folder) / name;
      if (is_file(path)) return path.string();
    }
  }
  return "";
}

const Entry* find_in_index(const Model& model, const BuildOptions& options) {
  if (!options.index) return nullptr;
  for (const Entry& entry : options.index->files) {
    if (lower_case(entry.name) == lower_case(model.name)) return &entry;
  }
  return nullptr;
}

bool can_export(const Model& model, const BuildOptions& options) {
  return !model.library.empty() && !options.python.empty() && !options.exporter.empty();
}

std::string none_has_it(const Model& model) {
  if (model.library.empty()) {
    return concat("no library exports it: --onnx DIR with ", model.file,
                  ", or an --index that has it");
  }
  return "no float file: --onnx DIR, --index URL, or PyTorch for zoo/export.py (" +
         std::string(how_to_install_exporter) + ")";
}

// What the exporter made with these weights earlier, or makes now: several processes may share
// the cache, and a file is there whole or not at all.
Result<std::string> exported(const Model& model, const BuildOptions& options) {
  if (options.pull.cache.empty()) return usage_error("there is no cache to export to: --cache DIR");
  const fs::path folder = fs::path(options.pull.cache) / "exported" / options.weights;
  const fs::path path = folder / (model.name + ".onnx");
  if (is_file(path)) return path.string();
  const auto lock = FolderLock::wait(folder.string(), options.stop);
  if (!lock) return lock.error();
  if (is_file(path)) return path.string();
  const fs::path part = folder / (model.name + ".part.onnx");
  const auto ended =
      run_process({options.python, options.exporter, model.name, "--weights", options.weights,
                   "--size", concat(model.input), "--out", part.string()},
                  options.stop);
  std::error_code problem;
  if (ended && ended->well()) {
    fs::rename(part, path, problem);
    if (!problem) return path.string();
    return failed(concat("exporting: ", quoted(options.exporter), " ended well but ",
                         quoted(part.string()), " cannot be taken: ", problem.message()));
  }
  fs::remove(part, problem);
  if (!ended) return ended.error();
  return failed(concat("exporting: ", ended->last_error.empty() ? concat("exit code ", ended->code)
                                                                : ended->last_error));
}

Result<std::string> pulled(const Entry& entry, const BuildOptions& options) {
  auto results = pull({&entry}, options.pull);
  if (!results.front()) return results.front().error();
  return results.front()->path;
}

// Where the file cannot be read as ONNX, `octavo build` will say why.
Status describe(FloatFile& file) {
  const auto bytes = read_file(file.path, largest_model_bytes);
  if (!bytes) return bytes.error();
  const auto digest = sha256_hex(*bytes);
  if (!digest) return digest.error();
  file.sha256 = *digest;
  file.bytes = static_cast<int64_t>(bytes->size());
  const auto parsed = onnx::parse_model(*bytes);
  if (!parsed) return {};
  for (const auto& [key, value] : parsed->metadata) {
    if (key == "octavo.weights") file.weights = value;
    if (key == "octavo.mean") file.states_preprocessing = true;
  }
  return {};
}

}  // namespace

Result<FloatFile> get_float_file(const Model& model, const BuildOptions& options) {
  FloatFile file;
  if (file.path = find_in_folders(model, options); !file.path.empty()) {
    file.from = "folder";
  } else if (const Entry* entry = find_in_index(model, options)) {
    options.progress(model.name, "pulling");
    auto path = pulled(*entry, options);
    if (!path) return path.error();
    file = {*path, "index", entry->weights, "", 0, false};
  } else if (can_export(model, options)) {
    options.progress(model.name, "exporting");
    auto path = exported(model, options);
    if (!path) return path.error();
    file.path = *path;
    file.from = "export";
  } else {
    return usage_error(none_has_it(model));
  }
  if (const Status described = describe(file); !described) return described.error();
  return file;
}

bool has_source(const Model& model, const BuildOptions& options) {
  return !find_in_folders(model, options).empty() || find_in_index(model, options) ||
         can_export(model, options);
}

bool made_up(const std::string& weights) {
  return weights.starts_with("made up");
}

std::string default_python() {
  const char* set = std::getenv("OCTAVO_ZOO_PYTHON");
  if (set && *set) return set;
  const std::string usual = ".venv-zoo/bin/python";
  return is_file(usual) ? usual : "";
}

std::string find_exporter(const std::string& program) {
  const fs::path below_source = fs::path(program).parent_path() / "../../zoo/export.py";
  for (const fs::path& path : {fs::path("zoo/export.py"), below_source}) {
    if (is_file(path)) return path.lexically_normal().string();
  }
  return "";
}

}  // namespace octavo::zoo
