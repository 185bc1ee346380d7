#include "zoo/build.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "evaluate/host.h"
#include "kernels/isa.h"
#include "pipeline/sha256.h"
#include "zoo/float_file.h"
#include "zoo/stages.h"

namespace octavo::zoo {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t largest_row_bytes = uint64_t{1} << 20;
constexpr uint64_t largest_plan_bytes = uint64_t{1} << 32;

// What is done for a row after its float file is there, in this order. `figures` are the members
// that a stage fills.
struct Stage {
  const char* name;
  Status (*run)(const Job&, Row&);
  bool needs_plan;
  std::vector<const char*> figures;
};

const std::vector<Stage>& stages() {
  static const std::vector<Stage> all{
      {"inspecting", inspect_float, false, {"input", "classes", "parameters", "macs"}},
      {"quantizing",
       quantize,
       false,
       {"plan_bytes", "calibration_pictures", "build_seconds", "build_peak_bytes"}},
      {"evaluating", evaluate, true, {"accuracy"}},
      {"measuring", measure_plan, true, {"one_thread", "all_threads", "all_streams"}},
      {"measuring memory", measure_memory, true, {"peak_bytes"}},
      {"measuring float", measure_float, false, {"float_one_thread"}},
  };
  return all;
}

std::string row_path(const BuildOptions& options, const Model& model) {
  return (fs::path(options.out) / (model.name + ".json")).string();
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &utc);
  return text;
}

RowHost this_host() {
  const Host host = host_facts();
  const char* asked = std::getenv("OCTAVO_ISA");  // the stages inherit it
  return {host.cpu, asked && *asked ? asked : best_isa_name(machine_features()), host.compiler,
          host.version, host.physical_cores};
}

// Those options that figures depend on.
std::string options_text(const Job& job) {
  const BuildOptions& o = job.options;
  std::string text = concat("--calib ", data_name(o.calibration), " --samples ", o.samples);
  if (!o.eval_data.empty()) {
    text += concat(" --eval-data ", data_name(o.eval_data), " --limit ", o.limit);
  }
  if (!o.labels.empty()) text += concat(" --labels ", data_name(o.labels));
  text += concat(" --seconds ", o.seconds);
  for (const std::string& flag : job.recipe_flags()) text += " " + flag;
  return text;
}

// Why there will be no accuracy though nothing fails; "" where there is to be one.
std::string why_no_accuracy(const Job& job) {
  if (made_up(job.file.weights)) {
    return concat(job.file.weights, ": such weights have no accuracy to measure");
  }
  return job.options.eval_data.empty() ? "no --eval-data was given" : "";
}

bool complete(const Row& row, const std::string& no_accuracy) {
  const auto reason = row.reasons.find("accuracy");
  const bool accuracy_is_done = no_accuracy.empty()
                                    ? row.accuracy.has_value()
                                    : reason != row.reasons.end() && reason->second == no_accuracy;
  return accuracy_is_done && row.input && row.plan_bytes && row.one_thread && row.all_threads &&
         row.all_streams && row.float_one_thread && row.peak_bytes;
}

bool same_host(const RowHost& a, const RowHost& b) {
  return a.cpu == b.cpu && a.isa == b.isa && a.compiler == b.compiler && a.version == b.version &&
         a.physical_cores == b.physical_cores;
}

// The row of an earlier run, if this run would measure the same.
std::optional<Row> row_that_was_there(const Job& job) {
  const std::string path = row_path(job.options, job.model);
  const auto text = read_file(path, largest_row_bytes);
  if (!text) return std::nullopt;
  auto row = row_from_json({reinterpret_cast<const char*>(text->data()), text->size()}, path);
  if (!row || !complete(*row, why_no_accuracy(job))) return std::nullopt;
  if (row->model_sha256 != job.file.sha256 || row->options != options_text(job) ||
      row->weights != job.file.weights || !same_host(row->host, this_host())) {
    return std::nullopt;
  }
  const auto plan = read_file(job.plan, largest_plan_bytes);
  if (!plan) return std::nullopt;
  const auto digest = sha256_hex(*plan);
  if (!digest || *digest != row->plan_sha256) return std::nullopt;
  return *row;
}

// Rows are published: data sets and folders by name, not where they lie on this machine.
std::string without_paths(std::string text, const BuildOptions& options) {
  std::vector<std::string> paths{options.calibration, options.eval_data,  options.labels,
                                 options.out,         options.pull.cache, options.exporter};
  paths.insert(paths.end(), options.folders.begin(), options.folders.end());
  for (const std::string& path : paths) {
    const std::string name = data_name(path);
    if (path.find('/') == std::string::npos || name.empty()) continue;
    for (size_t at = 0; (at = text.find(path, at)) != std::string::npos; at += name.size()) {
      text.replace(at, path.size(), name);
    }
  }
  return text;
}

void give_reason(Row& row, const Stage& stage, const std::string& reason) {
  for (const char* figure : stage.figures) row.reasons[figure] = reason;
}

Status run_stages(const Job& job, Built& built) {
  Row& row = built.row;
  const std::string no_accuracy = why_no_accuracy(job);
  std::string no_plan;
  for (const Stage& stage : stages()) {
    if (stage.needs_plan && !no_plan.empty()) {
      give_reason(row, stage, no_plan);
    } else if (stage.run == evaluate && !no_accuracy.empty()) {
      give_reason(row, stage, no_accuracy);
    } else {
      job.options.progress(job.model.name, stage.name);
      const Status done = stage.run(job, row);
      if (done) continue;
      const Error& error = done.error();
      if (error.kind == ErrorKind::interrupted) return error;
      built.failures.push_back(error.message);
      const std::string reason = without_paths(error.message, job.options);
      give_reason(row, stage, reason);
      if (stage.run == quantize) no_plan = reason;
    }
  }
  // An earlier plan is not this row's.
  std::error_code none_there;
  if (!no_plan.empty()) fs::remove(job.plan, none_there);
  return {};
}

Status write_row(const Row& row, const std::string& path) {
  const std::string text = to_json(row);
  return write_file(path, std::as_bytes(std::span(text)), true);
}

// There is no file to measure: every figure is missing for one reason. What an earlier run
// measured of the model stays true and stays there.
Result<Built> not_got(const Model& model, const BuildOptions& options, const Error& error) {
  Built built;
  built.row.name = model.name;
  built.row.measured = today();
  built.row.host = this_host();
  built.failures.push_back(error.message);
  const std::string reason = without_paths(error.message, options);
  built.row.reasons["model_bytes"] = reason;
  for (const Stage& stage : stages()) give_reason(built.row, stage, reason);
  const std::string path = row_path(options, model);
  if (fs::exists(path)) return built;
  if (const Status written = write_row(built.row, path); !written) return written.error();
  return built;
}

// "NAME.octavo.Ab12Cd": the temporary file of a write that was killed.
bool is_left_over(const fs::path& path) {
  const std::string name = path.filename().string();
  const std::string last = path.extension().string();
  const std::string before = path.stem().extension().string();
  return name.size() > 7 && last.size() == 7 && (before == ".octavo" || before == ".json");
}

}  // namespace

Result<FolderLock> begin_build(const BuildOptions& options) {
  if (options.folders.empty() && !options.index &&
      (options.python.empty() || options.exporter.empty())) {
    return usage_error(
        concat("there is no source of float files: --onnx DIR, --index URL, or PyTorch for "
               "zoo/export.py (",
               how_to_install_exporter, "; --python EXE)"));
  }
  for (const std::string& folder : options.folders) {
    if (!fs::is_directory(folder))
      return usage_error(concat("--onnx ", quoted(folder), " is no folder"));
  }
  const std::string labels = options.labels == "imagenet" ? "" : options.labels;  // built in
  for (const std::string& path : {options.calibration, options.eval_data, labels}) {
    if (!path.empty() && !fs::exists(path))
      return usage_error(concat(quoted(path), " is not there"));
  }
  auto lock = FolderLock::take(options.out);
  if (!lock) return lock;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(options.out, problem)) {
    std::error_code is_seen_later;
    if (is_left_over(entry.path())) fs::remove(entry.path(), is_seen_later);
  }
  const Status writable = check_writable((fs::path(options.out) / "row.json").string(), true);
  if (!writable) return writable.error();
  return lock;
}

std::vector<const Model*> buildable(const BuildOptions& options) {
  std::vector<const Model*> out;
  for (const Model& model : models()) {
    if (model.reference || has_source(model, options)) out.push_back(&model);
  }
  return out;
}

Result<Built> build_row(const Model& model, const BuildOptions& options) {
  auto file = get_float_file(model, options);
  if (!file && file.error().kind == ErrorKind::interrupted) return file.error();
  if (!file) return not_got(model, options, file.error());
  const Job job{model, options, *file, (fs::path(options.out) / (model.name + ".octavo")).string()};
  Built built;
  built.from = job.file.from;
  if (!options.rebuild) {
    if (auto row = row_that_was_there(job)) {
      built.row = std::move(*row);
      built.was_there = true;
      return built;
    }
  }
  Row& row = built.row;
  row.name = model.name;
  row.weights = job.file.weights;
  row.model_sha256 = job.file.sha256;
  row.model_bytes = job.file.bytes;
  row.measured = today();
  row.host = this_host();
  row.options = options_text(job);
  if (const Status run = run_stages(job, built); !run) return run.error();
  const Status written = write_row(row, row_path(options, model));
  if (!written) return written.error();
  return built;
}

std::string data_name(const std::string& path) {
  const fs::path plain = fs::path(path).lexically_normal();
  return (plain.has_filename() ? plain : plain.parent_path()).filename().string();
}

}  // namespace octavo::zoo
