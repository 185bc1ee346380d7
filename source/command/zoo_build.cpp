// octavo zoo build NAME...|--all: float file, plan and measured row of each model.

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "command/flags.h"
#include "command/print.h"
#include "command/zoo.h"
#include "zoo/build.h"
#include "zoo/float_file.h"

namespace octavo::command {

namespace {

struct Options {
  std::vector<std::string> names;
  bool all = false;
  std::string index;
  zoo::BuildOptions build;
  Output output;
};

bool is_seed(const std::string& text) {
  return !text.empty() && text.size() < 10 &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

// What the flags leave to this machine and this moment.
Status fill_in(Options& options) {
  zoo::BuildOptions& build = options.build;
  if (options.all == !options.names.empty()) {
    return usage_error("either models are named, or --all (octavo zoo list names them)");
  }
  if (build.weights != "pretrained" && !is_seed(build.weights)) {
    return usage_error(concat("--weights ", quoted(build.weights),
                              ": pretrained is needed, or the seed of made-up ones"));
  }
  std::error_code problem;
  build.program = std::filesystem::read_symlink("/proc/self/exe", problem).string();
  if (problem) return failed(concat("cannot find this program: ", problem.message()));
  if (build.python.empty()) build.python = zoo::default_python();
  if (build.pull.cache.empty()) build.pull.cache = zoo::default_cache();
  build.exporter = zoo::find_exporter(build.program);
  build.stop = build.pull.patience.stop = &interrupted;
  build.progress = [&output = options.output](const std::string& name, const std::string& stage) {
    if (output.verbose) note(output, concat(name, ": ", stage));
  };
  const Status known = complete_index(options.index, build.pull.mirrors);
  if (!known || options.index.empty()) return known;
  auto index = zoo::read_index(options.index, build.pull.patience);
  if (!index) return index.error();
  build.index = std::move(*index);
  return {};
}

// Each once, in the order of the command line.
Result<std::vector<const zoo::Model*>> chosen(const Options& options) {
  if (options.all) return zoo::buildable(options.build);
  std::vector<const zoo::Model*> out;
  for (const std::string& name : options.names) {
    const auto model = zoo::find_model(name);
    if (!model) return model.error();
    if (std::find(out.begin(), out.end(), *model) == out.end()) out.push_back(*model);
  }
  return out;
}

template <class Value, class Format>
std::string cell(const std::optional<Value>& value, const Format& format) {
  return value ? format(*value) : "";
}

std::string milliseconds(const zoo::RowLatency& latency) {
  return fixed(latency.ms, 2);
}

void print_table(const std::vector<zoo::Built>& rows) {
  Table table({"model", "float file", "float ms", "ms", "frames/s", "float Top-1", "Top-1", "drop",
               "verdict"},
              {false, false, true, true, true, true, true, true, false});
  for (const zoo::Built& built : rows) {
    const zoo::Row& row = built.row;
    const auto accuracy = [&](double zoo::RowAccuracy::*member) {
      return cell(row.accuracy, [&](const zoo::RowAccuracy& a) { return fixed(a.*member, 2); });
    };
    std::string verdict =
        cell(row.accuracy, [](const zoo::RowAccuracy& a) { return std::string(a.verdict); });
    if (!built.failures.empty()) verdict = "failed";
    table.add({row.name, built.was_there ? built.from + ", was there" : built.from,
               cell(row.float_one_thread, milliseconds), cell(row.one_thread, milliseconds),
               cell(row.all_streams, [](const zoo::RowLatency& l) { return fixed(l.fps, 1); }),
               accuracy(&zoo::RowAccuracy::float_top1), accuracy(&zoo::RowAccuracy::quantized_top1),
               accuracy(&zoo::RowAccuracy::drop), verdict});
  }
  write_out(table.text());
}

void print_answer(const Options& options, const std::vector<zoo::Built>& rows) {
  output_is_extra();  // to what is in the folder
  if (options.output.quiet && !options.output.json) return;
  if (!options.output.json) return print_table(rows);
  Json out = Json::array();
  for (const zoo::Built& built : rows) {
    out.push_back({{"name", built.row.name},
                   {"from", built.from},
                   {"was_there", built.was_there},
                   {"failures", built.failures},
                   {"row", Json::written(zoo::to_json(built.row))}});
  }
  print_json({{"out", options.build.out}, {"models", out}});
}

std::string progress_line(const zoo::Built& built) {
  if (built.was_there) return "was there";
  if (!built.failures.empty()) return "failed";
  return fmt::format("{:.2f} ms, {:.1f} frames/s", built.row.one_thread->ms,
                     built.row.all_streams->fps);
}

int run(Options options) {
  interruptible();
  if (const Status filled = fill_in(options); !filled) return fail(filled.error());
  const auto models = chosen(options);
  if (!models) return fail(models.error());
  const auto lock = zoo::begin_build(options.build);
  if (!lock) return fail(lock.error());
  std::vector<zoo::Built> rows;
  size_t failed_models = 0;
  for (const zoo::Model* model : *models) {
    auto built = zoo::build_row(*model, options.build);
    if (!built && built.error().kind == ErrorKind::interrupted) {
      return fail({ErrorKind::interrupted,
                   concat("interrupted; ", rows.size(), " of ", models->size(),
                          " models are done, the same command goes on with the rest")});
    }
    if (!built) return fail(built.error());
    if (!built->failures.empty()) ++failed_models;
    for (const std::string& reason : built->failures) {
      warning({}, concat(model->name, ": ", reason));
    }
    rows.push_back(std::move(*built));
    note(options.output, fmt::format("{}/{} {}: {}", rows.size(), models->size(), model->name,
                                     progress_line(rows.back())));
  }
  print_answer(options, rows);
  if (failed_models == 0) return exit_done;
  return fail(rejected(concat(failed_models, " of ", rows.size(),
                              " models are not complete; their rows and the lines above say why")));
}

}  // namespace

void add_zoo_build(CLI::App& zoo, Action& action) {
  const auto o = std::make_shared<Options>();
  CLI::App* command = zoo.add_subcommand("build", "get, quantize, evaluate and measure models");
  zoo::BuildOptions& b = o->build;
  b.out = "octavo-zoo";
  command->example("octavo zoo build Mobilenetv2 --calib calibration --eval-data validation");
  command->add_option("NAME", o->names, "models, as `zoo list` names them");
  command->add_flag("--all", o->all,
                    "the reference table's models, and those others that a source has");
  command->add_option("--out", b.out, "folder of plans and rows")->value("DIR")->with_default();
  command->add_option("--onnx", b.folders, "folders where float files are looked for first")
      ->value("DIR")
      ->allow_extra_args(false);
  command->add_option("--index", o->index, "then this index: a URL or a file (OCTAVO_ZOO_INDEX)")
      ->value("INDEX");
  command
      ->add_option("--mirror", b.pull.mirrors,
                   "base URL that is asked first; may be repeated (OCTAVO_ZOO_MIRRORS)")
      ->value("URL")
      ->allow_extra_args(false);
  command
      ->add_option("--cache", b.pull.cache, "folder of pulled and exported files (OCTAVO_CACHE)")
      ->value("DIR");
  command
      ->add_option("--python", b.python,
                   "then zoo/export.py by this Python, which has PyTorch (also "
                   "OCTAVO_ZOO_PYTHON; .venv-zoo/bin/python)")
      ->value("FILE");
  command
      ->add_option("--weights", b.weights, "of exports: pretrained, or a seed to make them up")
      ->value("SEED")
      ->with_default();
  command->add_option("--calib", b.calibration, "calibration pictures")->required()->value("DATA");
  command->add_option("--samples", b.samples, "at most so many of them; 0: all")
      ->check(whole_number(0, INT64_MAX))
      ->value("N")
      ->with_default();
  command->add_option("--eval-data", b.eval_data, "labelled pictures to measure float and int8 on")
      ->value("DATA");
  command->add_option("--limit", b.limit, "only the first N of them; 0: all")
      ->check(whole_number(0, INT64_MAX))
      ->value("N")
      ->with_default();
  command->add_option("--labels", b.labels, "class names to store, one a line; or imagenet")
      ->value("FILE");
  command->add_option("--seconds", b.seconds, "to measure each latency")
      ->check(real_number(0.01, 3600))
      ->value("S")
      ->with_default();
  command->add_flag("--rebuild", b.rebuild, "measure anew what was measured already");
  add_output_flags(*command, o->output);
  command->callback([o, &action] { action = [o] { return run(std::move(*o)); }; });
}

}  // namespace octavo::command
