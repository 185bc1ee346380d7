// octavo build MODEL.onnx -o OUT.octavo --calib DATA: calibrate, quantize, write the plan.
// --config FILE.yaml says the same in hb_mapper's words; flags go before it.

#include "pipeline/build.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "command/export.h"
#include "command/flags.h"
#include "command/hb_style.h"
#include "command/outputs.h"
#include "command/passes.h"
#include "command/print.h"
#include "evaluate/accuracy.h"
#include "evaluate/beside_float.h"
#include "evaluate/host.h"
#include "model/labels.h"
#include "pipeline/hb_options.h"
#include "pipeline/method_words.h"
#include "pipeline/sha256.h"
#include "quantize/passes.h"

namespace octavo::command {

namespace {

struct Options {
  std::string model, output_path, export_path, calibration, cache, quantization, labels, evaluation,
      method, config, style;
  std::vector<std::string> int16;
  size_t samples = 300, limit = 0;
  int class_offset = 0;
  uint64_t seed = 1;
  double percentile = 99.999;
  double min_agreement = 0, max_drop = 0, max_slowdown = 1, max_ms = 0;
  bool per_channel = true, auto_int16 = true, all_int16 = false, overwrite = false, dry_run = false;
  bool show_passes = false, resume = false;
  ModelFlags flags;
  Output output;
  bool given_output = false;  // by a flag
  const CLI::App* command = nullptr;

  bool given(const char* flag) const { return command->count(flag) > 0; }
};

Bounds bounds_of(const Options& options) {
  const auto bound = [&](const char* flag, double value) {
    return options.given(flag) ? std::optional(value) : std::nullopt;
  };
  return {bound("--min-agreement", options.min_agreement), bound("--max-drop", options.max_drop),
          bound("--max-slowdown", options.max_slowdown), bound("--max-time", options.max_ms)};
}

// Sets what a flag was given for.
Status apply_flags(const Options& options, BuildOptions& build) {
  auto model = options.flags.parse();
  if (!model) return model.error();
  model->preprocess = override_choice(build.model.preprocess, model->preprocess);
  model->feature_map = build.model.feature_map;
  if (model->output_node.empty()) model->output_node = build.model.output_node;
  build.model = *model;
  build.quantize.disabled = take_for_quantizer(build.model.disabled_rewrites);
  if (options.given("--method")) {
    auto method = choose("--method", options.method, method_words);
    if (!method) return method.error();
    build.quantize.method = *method;
  }
  if (options.given("--percentile")) {
    build.quantize.percentile = static_cast<float>(options.percentile);
  }
  if (options.given("--per-channel")) build.quantize.per_channel_weights = options.per_channel;
  if (options.given("--int16")) {
    build.int16.clear();
    build.all_int16 = false;
    build.quantize.int16_nodes = split_commas(options.int16);
  }
  if (options.given("--auto-int16")) build.quantize.auto_int16 = options.auto_int16;
  build.bounds = bounds_of(options);
  build.search_file = {search_file_of(options.output_path), options.resume, !options.dry_run};
  if (build.bounds.any() && options.given("--auto-int16") && !options.auto_int16) {
    return usage_error("--no-auto-int16 leaves no 16 bits to search with: give bounds, or that");
  }
  if (options.given("--all-int16")) build.all_int16 = options.all_int16;
  build.synthetic = options.calibration == "none";
  build.calibration = build.synthetic ? "" : options.calibration;
  if (build.synthetic) build.dumps = std::nullopt;
  build.cache = {options.cache, options.overwrite, !options.dry_run};
  build.quantization_cache = {options.quantization, options.overwrite, !options.dry_run};
  build.samples = options.samples;
  build.evaluation = options.evaluation;
  build.labels = options.labels;
  build.class_offset = options.class_offset;
  build.measure_output = options.style == "hb";
  build.quantize.seed = options.seed;
  build.quantize.threads = options.flags.thread_count();
  build.quantize.stop = &interrupted;
  return {};
}

// The configuration, then the flags. Paths of the configuration are written into `options`.
Result<BuildOptions> to_build_options(Options& options) {
  BuildOptions build;
  if (!options.config.empty()) {
    auto config = read_hb_config(options.config);
    if (!config) return config.error();
    auto said = hb_build(*config, options.config, {options.model, options.calibration});
    if (!said) return said.error();
    for (const std::string& text : said->notes) note(options.output, text);
    options.model = said->model;
    options.calibration = said->options.calibration;
    if (options.output_path.empty()) options.output_path = said->output;
    build = std::move(said->options);
  }
  if (options.model.empty()) {
    return usage_error("MODEL is required, or --config FILE.yaml (octavo build --help)");
  }
  if (const Status applied = apply_flags(options, build); !applied) return applied.error();
  return build;
}

struct Exported {
  OnnxExport made;
  WrittenExport written;
};

// ---- the summary

Result<BesideFloat> measure(const Options& options, const BuildResult& built) {
  const Model& float_model = built.model;
  ModelOptions how;
  how.isa = options.flags.isa;
  how.most_memory = options.flags.max_memory.bytes();
  how.wait = float_model.wait;
  how.clip = float_model.clip;
  how.strict = float_model.strict;
  const auto plan = model_of(built.plan, how);
  if (!plan) return plan.error();
  EvaluateOptions evaluate_options;
  evaluate_options.threads = options.flags.thread_count();
  evaluate_options.stop = &interrupted;
  if (options.evaluation.empty()) {
    return measure_beside_float(float_model, *plan, nullptr, evaluate_options);
  }
  DataSetOptions data;
  data.limit = options.limit;
  data.class_offset = options.class_offset;
  data.classes = float_model.classes;
  data.notice = [&](const std::string& text) { warning(options.output, text); };
  const auto samples = open_dataset(options.evaluation, data);
  if (!samples) return samples.error();
  Progress progress(options.output);
  evaluate_options.progress = [&](size_t done, size_t total) {
    progress.show(done, total, "evaluating");
  };
  return measure_beside_float(float_model, *plan, &*samples, evaluate_options);
}

std::string accuracy_cell(const Evaluation& evaluation, size_t model, bool top1) {
  const auto n = static_cast<double>(evaluation.pictures.size());
  const ModelAccuracy& a = evaluation.models[model];
  if (!top1) return fixed(100.0 * static_cast<double>(a.right5) / n, 1);
  return fmt::format("{:.1f} [{:.1f}, {:.1f}]", 100.0 * static_cast<double>(a.right1) / n,
                     100 * a.top1_ci95.low, 100 * a.top1_ci95.high);
}

std::vector<StepReport> most_to_blame(const Plan& plan, size_t count) {
  std::vector<StepReport> report = plan.report;
  std::stable_sort(report.begin(), report.end(), [](const StepReport& a, const StepReport& b) {
    return a.sqnr_alone_db < b.sqnr_alone_db;
  });
  report.resize(std::min(report.size(), count));
  return report;
}

std::string verdict(const BesideFloat& measured) {
  if (!measured.evaluation) {
    return "accuracy was not measured: --eval-data DATA with labelled pictures does it";
  }
  const Paired& paired = measured.evaluation->paired.front();
  return fmt::format(
      "on {} pictures int8 loses {:.1f} points of Top-1, 95 % interval [{:.1f}, {:.1f}], and "
      "agrees with float on {:.1f} %: {}",
      paired.n, paired.drop, paired.drop_ci95.low, paired.drop_ci95.high,
      100.0 * static_cast<double>(paired.agree) / static_cast<double>(paired.n), paired.verdict);
}

// What each number of 16-bit tensors gives and costs; the plan's own row is marked.
std::string frontier_table(const SearchReport& search) {
  Table table({"", "16-bit tensors", "MACs %", "agreement %", "drop", "ms", "slowdown"},
              {false, true, true, true, true, true, true});
  for (size_t i = 0; i < search.frontier.size(); ++i) {
    const FrontierPoint& p = search.frontier[i];
    table.add({i == search.chosen ? ">" : "", concat(p.tensors), fixed(100 * p.macs_share, 1),
               fixed(p.judged.agreement, 2), p.judged.drop ? fixed(*p.judged.drop, 2) : "-",
               fixed(p.judged.ms, 2), fixed(p.slowdown, 2)});
  }
  return fmt::format("tried on {} pictures\n{}", search.frontier.front().judged.pictures,
                     table.text());
}

Json search_json(const SearchReport& search) {
  Json out = {{"met", search.missed.empty()},
              {"missed", search.missed},
              {"chosen", search.chosen},
              {"pictures", search.frontier.front().judged.pictures},
              {"frontier", Json::array()}};
  for (const FrontierPoint& p : search.frontier) {
    out["frontier"].push_back({{"int16", p.tensors},
                               {"macs_share", p.macs_share},
                               {"agreement", p.judged.agreement},
                               {"drop", p.judged.drop},
                               {"ms", p.judged.ms},
                               {"slowdown", p.slowdown}});
  }
  return out;
}

std::string_view what_was_kept(const BuildResult& built) {
  if (built.quantization_kept) return " (quantization kept)";
  return built.calibration_kept ? " (statistics kept)" : "";
}

void print_summary(const Options& options, const BuildResult& built, const BesideFloat& measured,
                   size_t plan_bytes, const std::string& sha256) {
  if (options.style == "hb" && built.output) {
    print_out("{}\n", hb_build_tables(built.plan, *built.output));
  } else if (options.style == "hb") {
    print_out("no tables of distances: they need calibration pictures (--calib DATA)\n\n");
  }
  if (built.synthetic) {
    print_out("calibration   none: {} made pictures in place of photographs{}", built.pictures,
              what_was_kept(built));
  } else if (built.pictures == 0) {
    print_out("calibration   none: the file states how everything is stored");
  } else {
    print_out("calibration   {} pictures{}", built.pictures, what_was_kept(built));
  }
  if (built.classes_seen > 0) print_out(" of {} classes", built.classes_seen);
  print_out(", {:.1f} s\n\n", built.seconds);
  Table table({"", "Top-1 [95 %]", "Top-5", "size", "ms, 1 thread",
               fmt::format("ms, {} threads", measured.threads)},
              {false, true, true, true, true, true});
  const bool known = measured.evaluation.has_value();
  table.add({"float", known ? accuracy_cell(*measured.evaluation, 0, true) : "-",
             known ? accuracy_cell(*measured.evaluation, 0, false) : "-",
             megabytes(static_cast<double>(built.model_bytes)), fixed(measured.float_ms, 2), "-"});
  table.add({"int8", known ? accuracy_cell(*measured.evaluation, 1, true) : "-",
             known ? accuracy_cell(*measured.evaluation, 1, false) : "-",
             megabytes(static_cast<double>(plan_bytes)), fixed(measured.ms_one, 2),
             fixed(measured.ms_all, 2)});
  print_out("{}\n{}\n", table.text(), verdict(measured));
  if (built.search) print_out("{}\n", frontier_table(*built.search));
  const auto blame = most_to_blame(built.plan, 3);
  if (!blame.empty()) print_out("most to blame\n");
  for (const StepReport& step : blame) {
    print_out("  {:.1f} dB alone, {:.1f} dB accumulated  {}\n", step.sqnr_alone_db, step.sqnr_db,
              built.plan.steps[step.step].name);
  }
  if (options.dry_run) {
    print_out("nothing was written (--dry-run)\n");
  } else {
    print_out("wrote {}  {} bytes  sha256 {}\n", options.output_path, plan_bytes, sha256);
  }
}

Json summary_json(const Options& options, const BuildResult& built, const BesideFloat& measured,
                  size_t plan_bytes, const std::string& sha256) {
  Json out = {{"model", options.model},
              {"plan", options.dry_run ? Json() : Json(options.output_path)},
              {"bytes", plan_bytes},
              {"sha256", sha256},
              {"pictures", built.synthetic ? 0 : built.pictures},
              {"made_pictures", built.synthetic ? built.pictures : 0},
              {"calibration_kept", built.calibration_kept},
              {"quantization_kept", built.quantization_kept},
              {"classes", built.classes_seen},
              {"unreadable", built.unreadable},
              {"warnings", built.warnings},
              {"seconds", built.seconds},
              {"peak_bytes", peak_resident_bytes()},
              {"ms",
               {{"float", measured.float_ms},
                {"one_thread", measured.ms_one},
                {"all_threads", measured.ms_all}}}};
  if (measured.evaluation) {
    const Paired& p = measured.evaluation->paired.front();
    out["accuracy"] = {{"n", p.n},
                       {"drop", p.drop},
                       {"agree", p.agree},
                       {"verdict", p.verdict},
                       {"unreadable", measured.evaluation->unreadable}};
  }
  if (built.search) out["search"] = search_json(*built.search);
  out["blame"] = Json::array();
  for (const StepReport& step : most_to_blame(built.plan, 3)) {
    out["blame"].push_back({{"name", built.plan.steps[step.step].name},
                            {"sqnr_alone_db", step.sqnr_alone_db},
                            {"sqnr_db", step.sqnr_db}});
  }
  return out;
}

Status check_export(const Options& options, std::vector<std::string> inputs) {
  if (options.export_path.empty()) return {};
  if (!options.dry_run) inputs.push_back(options.output_path);
  const OutputFile output{"--export-qdq", options.export_path, options.overwrite};
  return options.dry_run ? check_not_read(output, inputs) : check_output_file(output, inputs);
}

Status check_output(const Options& options) {
  const std::vector<std::string> inputs = {options.model, options.config, options.calibration,
                                           options.labels, options.evaluation};
  if (options.export_path == options.output_path && !options.export_path.empty()) {
    return usage_error("-o and --export-qdq name the same file");
  }
  if (const Status possible = check_export(options, inputs); !possible) return possible;
  std::vector<std::string> others = {options.output_path, options.export_path};
  for (const OutputFile& cache : {OutputFile{"--calib-cache", options.cache, true},
                                  OutputFile{"--quantization-cache", options.quantization, true}}) {
    if (cache.path.empty()) continue;
    if (std::find(others.begin(), others.end(), cache.path) != others.end()) {
      return usage_error(concat(cache.flag, " and another output name the same file"));
    }
    if (const Status other = check_not_read(cache, inputs); !other) return other;
    others.push_back(cache.path);
  }
  const OutputFile output{"-o", options.dry_run ? "" : options.output_path, options.overwrite};
  if (const Status other = check_not_read(output, inputs); !other) return other;
  if (options.dry_run) return {};
  if (options.output_path.empty()) return usage_error("-o OUT.octavo is needed (or --dry-run)");
  std::error_code none_there;
  // A configuration's working_dir is made when the plan is written.
  const std::filesystem::path path(options.output_path);
  std::filesystem::path folder = path.parent_path();
  if (options.config.empty() || options.given_output || folder.empty() ||
      std::filesystem::exists(folder, none_there)) {
    return check_writable(options.output_path, options.overwrite);
  }
  while (!folder.empty() && !std::filesystem::exists(folder, none_there)) {
    folder = folder.parent_path();
  }
  return check_writable(folder / path.filename(), true);
}

Status write_output(const Options& options, const Plan& plan) {
  const std::filesystem::path folder = std::filesystem::path(options.output_path).parent_path();
  std::error_code problem;
  if (!options.config.empty() && !options.given_output && !folder.empty()) {
    std::filesystem::create_directories(folder, problem);
    if (problem) {
      return failed(
          concat("cannot make the folder ", quoted(folder.string()), ": ", problem.message()));
    }
  }
  return write_plan(plan, options.output_path, options.overwrite);
}

// The plan, and what --export-qdq asks for: nothing where ONNX cannot express a step.
Result<std::optional<Exported>> write_outputs(const Options& options, const Plan& plan) {
  std::optional<Exported> exported;
  if (!options.export_path.empty()) {
    auto made = export_onnx(plan);
    if (!made) return Error{made.error().kind, concat("--export-qdq: ", made.error().message)};
    for (const std::string& text : notes_of_export(*made)) note(options.output, text);
    exported = Exported{std::move(*made), {}};
  }
  if (options.dry_run) return std::optional<Exported>{};
  if (const Status written = write_output(options, plan); !written) return written.error();
  if (bounds_of(options).any()) remove_search(search_file_of(options.output_path));
  output_is_extra();
  if (exported) {
    auto written = write_export(exported->made, options.export_path, options.overwrite);
    if (!written) return written.error();
    exported->written = std::move(*written);
  }
  return exported;
}

Status check_style(const Options& options) {
  if (const Status known = check_hb_style(options.style); !known) return known;
  if (options.style.empty() || !options.output.json) return {};
  return usage_error("--style is about tables, --json has none");
}

// --output was -o's long name before there were networks of several outputs.
void take_old_output_flag(Options& options) {
  std::string& name = options.flags.output_name;
  if (!options.output_path.empty() || !name.ends_with(".octavo")) return;
  options.output_path = std::exchange(name, "");
}

int run(Options options) {
  interruptible();
  take_old_output_flag(options);
  options.given_output = !options.output_path.empty();
  if (const Status good = check_style(options); !good) return fail(good.error());
  auto parsed = to_build_options(options);
  if (!parsed) return fail(parsed.error());
  BuildOptions build = std::move(*parsed);
  if (const Status possible = check_output(options); !possible) return fail(possible.error());
  BuildResult built;
  PassLog log;
  if (options.show_passes) build.quantize.ran = [&log](const PassRun& run) { log.add(run); };
  {
    Progress progress(options.output);
    build.quantize.progress = [&progress](size_t done, size_t total, const char* what) {
      progress.show(done, total, what);
    };
    auto result = build_plan(options.model, build);
    if (!result) return fail(result.error());
    built = std::move(*result);
  }
  for (const std::string& text : built.notes) note(options.output, text);
  const int classes = built.plan.tensors[built.plan.output].shape[3];
  if (const auto hint = hint_at_names(built.plan.labels.size(), classes); !hint.empty()) {
    note(options.output, hint);
  }
  for (const std::string& text : built.warnings) warning(options.output, text);
  for (const std::string& text : built.unreadable) warning(options.output, "left out: " + text);

  auto measured = measure(options, built);
  if (!measured) return fail(measured.error());
  size_t unreadable = built.unreadable.size(), readable = built.pictures;
  if (measured->evaluation) {
    for (const std::string& text : measured->evaluation->warnings) warning(options.output, text);
    for (const std::string& text : measured->evaluation->unreadable) {
      warning(options.output, "left out of the evaluation: " + text);
    }
    unreadable += measured->evaluation->unreadable.size();
    readable += measured->evaluation->pictures.size();
  }
  if (interrupted) return fail({ErrorKind::interrupted, "interrupted"});
  const std::vector<std::byte> bytes = serialize(built.plan);
  auto sha256 = sha256_hex(bytes);
  if (!sha256) return fail(sha256.error());
  auto exported = write_outputs(options, built.plan);
  if (!exported) return fail(exported.error());
  if (options.output.json) {
    Json summary = summary_json(options, built, *measured, bytes.size(), *sha256);
    if (*exported) summary["export"] = export_json((*exported)->made, (*exported)->written);
    if (options.show_passes) summary["passes"] = log.json();
    print_json(summary);
  } else if (!options.output.quiet) {
    print_summary(options, built, *measured, bytes.size(), *sha256);
    if (options.show_passes) print_out("\n{}", log.table());
    if (*exported) {
      const WrittenExport& written = (*exported)->written;
      print_out("wrote {}  {} bytes  sha256 {}\n", written.path, written.bytes, written.sha256);
    }
  }
  if (unreadable == 0 && built.search && !built.search->missed.empty()) {
    return fail({ErrorKind::gate_missed, built.search->missed});
  }
  if (unreadable == 0) return exit_done;
  return fail(unreadable_pictures(unreadable, unreadable + readable));
}

}  // namespace

void add_build(CLI::App& program, Action& action) {
  const auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("build", "calibrate and quantize a float model");
  o->command = command;
  command->example("octavo build model.onnx -o model.octavo --calib calibration");
  command->add_option("MODEL", o->model, "a float model (.onnx)");
  command->add_option("-o", o->output_path, "the plan to write (.octavo)")->value("FILE");
  command
      ->add_option("--calib", o->calibration,
                   "calibration pictures; none: made ones in their place")
      ->value("DATA");
  command
      ->add_option("--calib-cache", o->cache, "keeps what they told, for builds with other methods")
      ->value("FILE");
  command
      ->add_option("--quantization-cache", o->quantization,
                   "keeps what the passes made of them, for builds with the same options")
      ->value("FILE");
  command->add_option("--config", o->config, "a YAML file of hb_mapper; flags go before it")
      ->value("FILE");
  command->add_option("--samples", o->samples, "at most so many of them; 0: all")
      ->check(whole_number(0, INT64_MAX))
      ->value("N")
      ->with_default();
  command
      ->add_option("--eval-data", o->evaluation, "labelled pictures to measure float and int8 on")
      ->value("DATA");
  command->add_option("--limit", o->limit, "only the first N of them; 0: all")
      ->check(whole_number(0, INT64_MAX))
      ->value("N")
      ->with_default();
  command->add_option("--class-offset", o->class_offset, "added to every label")
      ->check(whole_number(-1000000, 1000000))
      ->value("K")
      ->with_default();
  command->add_option("--labels", o->labels, "class names to store, one a line; or imagenet")
      ->value("FILE");
  command->add_option("--method", o->method, "how ranges are chosen")
      ->choices({"auto", "max", "percentile", "mse", "kl"})
      ->with_default("auto");
  command->add_option("--percentile", o->percentile, "for --method percentile")
      ->check(real_number(50, 100))
      ->value("P")
      ->with_default();
  command->add_flag("--per-channel,!--per-tensor", o->per_channel,
                    "weight scales (default: per channel)");
  command->add_option("--int16", o->int16, "nodes whose output becomes 16-bit, by name")
      ->value("NODE");
  command->add_flag(
      "--auto-int16,!--no-auto-int16", o->auto_int16,
      "16 bits where bytes leave the logits too far off, and where they bring far more than they "
      "cost");
  command->add_flag("--all-int16,!--no-all-int16", o->all_int16, "every node's output");
  command
      ->add_option("--min-agreement", o->min_agreement,
                   "percent of pictures with float's Top-1: 16 bits where they are needed for it")
      ->check(real_number(0, 100))
      ->value("PERCENT");
  command
      ->add_option("--max-drop", o->max_drop,
                   "points of Top-1 that may be lost on --eval-data, likewise")
      ->check(real_number(-100, 100))
      ->value("POINTS");
  command
      ->add_option("--max-slowdown", o->max_slowdown,
                   "times the time of bytes alone that it may take")
      ->check(real_number(1, 1000))
      ->value("TIMES");
  command->add_option("--max-time", o->max_ms, "milliseconds a picture, by one thread")
      ->check(real_number(0.000001, 1000000))
      ->value("MS");
  command->add_flag("--resume,!--no-resume", o->resume,
                    "go on with the search for bounds that an interrupt left beside the plan");
  command->add_option("--seed", o->seed, "of the choice of pictures")
      ->check(whole_number(0, INT64_MAX))
      ->value("S")
      ->with_default();
  command->add_flag("--overwrite,!--no-overwrite", o->overwrite, "replace an existing plan");
  command
      ->add_option("--export-qdq", o->export_path,
                   "write also an ONNX file for other runtimes (octavo export)")
      ->value("FILE.onnx");
  command->add_flag("--dry-run,!--no-dry-run", o->dry_run, "do everything but write");
  command->add_flag("--passes,!--no-passes", o->show_passes,
                    "also what each pass of the quantizer did and how long it took");
  command->add_option("--style", o->style, "hb: also the tables that hb_mapper prints")
      ->choices({"hb"});
  o->flags.add(*command);
  o->flags.add_output_name(*command);
  command->remove_option("--disable");
  command
      ->add_option("--disable", o->flags.disable,
                   "rewrites of the graph and passes of the quantizer to leave out, by name")
      ->value("NAME");
  add_output_flags(*command, o->output);
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace octavo::command
