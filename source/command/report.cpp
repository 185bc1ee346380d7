// octavo report PLAN -o PAGE.html: a plan as one page, with a verdict where the float model and
// labelled pictures are given.

#include "report/report.h"

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "command/flags.h"
#include "command/outputs.h"
#include "command/print.h"
#include "evaluate/accuracy.h"
#include "evaluate/host.h"
#include "evaluate/latency.h"
#include "image/encode.h"
#include "model/input.h"
#include "pipeline/sha256.h"

namespace octavo::command {

namespace {

struct Options {
  std::string plan, model, data, out;
  size_t limit = 0, most_flips = 60;
  int class_offset = 0;
  double margin = default_margin;
  bool overwrite = false;
  ModelFlags flags;
  Output output;
  const CLI::App* command = nullptr;
};

// What the network sees of a picture, small; "" where it sees none.
Result<std::string> thumbnail(const Model& model, const Sample& sample) {
  constexpr int32_t most_side = 112;
  const auto bytes = read_sample(sample);
  if (!bytes) return bytes.error();
  const auto input = decode_network_input(model, sample.path, *bytes, sample.frame);
  if (!input) return input.error();
  if (input->pixels.empty()) return std::string();
  Picture seen{model.input[1], model.input[0], model.input[2], input->pixels};
  if (model.preprocess.color == ColorOrder::bgr) {
    for (size_t i = 0; i + 2 < seen.pixels.size(); i += 3)
      std::swap(seen.pixels[i], seen.pixels[i + 2]);
  }
  const int32_t side = std::max(seen.width, seen.height);
  if (side > most_side) {
    seen = resize(seen, std::max(1, seen.width * most_side / side),
                  std::max(1, seen.height * most_side / side), Interpolation::bilinear);
  }
  return encode_png(seen);
}

Status add_flips(const Options& options, const Model& float_model,
                 const std::vector<Sample>& samples, report::Report& out) {
  const std::vector<PictureRecord>& records = out.evaluation->pictures;
  size_t sample = 0;  // of the same order; those that cannot be read are missing in `records`
  for (const PictureRecord& record : records) {
    while (sample < samples.size() && (samples[sample].path != record.path)) ++sample;
    if (sample == samples.size()) return failed("the pictures are not those that were evaluated");
    const Sample& from = samples[sample++];
    const int32_t before = record.top5[0][0], after = record.top5[1][0];
    if (before == after) continue;
    if (++out.flips_in_all > options.most_flips) continue;
    auto png = thumbnail(float_model, from);
    // A page without thumbnails is a page all the same.
    out.flips.push_back({record.path, record.label, before, after, png ? *png : std::string()});
  }
  return {};
}

Status evaluate_both(const Options& options, const Model& float_model, const Model& plan,
                     report::Report& out) {
  DataSetOptions data;
  data.limit = options.limit;
  data.class_offset = options.class_offset;
  data.classes = plan.classes;
  data.notice = [&](const std::string& text) { warning(options.output, text); };
  auto samples = open_dataset(options.data, data);
  if (!samples) return samples.error();
  EvaluateOptions evaluate_options;
  evaluate_options.threads = options.flags.thread_count();
  evaluate_options.margin = options.margin;
  evaluate_options.stop = &interrupted;
  {
    Progress progress(options.output);
    evaluate_options.progress = [&](size_t done, size_t total) {
      progress.show(done, total, "evaluating");
    };
    auto evaluation = evaluate({float_model, plan}, *samples, evaluate_options);
    if (!evaluation) return evaluation.error();
    out.evaluation = *std::move(evaluation);
  }
  for (const std::string& text : out.evaluation->warnings) warning(options.output, text);
  for (const std::string& text : out.evaluation->unreadable)
    warning(options.output, "left out: " + text);
  return add_flips(options, float_model, *samples, out);
}

// As one would type it; `words` are paths.
std::string shell_word(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_./-=:,+@%") == std::string::npos;
  if (plain) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

std::string repeated(const Options& options) {
  std::string out = concat("octavo report ", shell_word(options.plan));
  if (!options.model.empty()) {
    out += concat(" --model ", shell_word(options.model), " --data ", shell_word(options.data));
    if (options.limit > 0) out += concat(" --limit ", options.limit);
    if (options.class_offset != 0) out += concat(" --class-offset ", options.class_offset);
    if (options.margin != default_margin) out += concat(" --margin ", options.margin);
  }
  return out + concat(" -o ", shell_word(options.out));
}

int run(const Options& options) {
  interruptible();
  if (options.model.empty() != options.data.empty()) {
    return fail(usage_error("a verdict needs both --model FLOAT.onnx and --data DATA"));
  }
  const OutputFile file{"-o", options.out, options.overwrite};
  if (const Status possible = check_output_file(file, {options.plan, options.model, options.data});
      !possible) {
    return fail(possible.error());
  }
  auto model_options = options.flags.parse();
  if (!model_options) return fail(model_options.error());
  ModelOptions plan_options = *model_options;
  plan_options.beside_float = !options.model.empty();
  const auto bytes = read_model_file(options.plan);
  if (!bytes) return fail(bytes.error());
  auto plan = open_model(options.plan, *bytes, plan_options);
  if (!plan) return fail(plan.error());
  if (plan->is_float()) {
    return fail(usage_error(concat(quoted(options.plan),
                                   " is a float model: a report is about a "
                                   "plan (octavo build makes one)")));
  }
  auto sha256 = sha256_hex(*bytes);
  if (!sha256) return fail(sha256.error());
  auto times = median_step_times(*plan, 1);
  if (!times) return fail(times.error());

  report::Report out;
  out.plan_path = options.plan;
  out.sha256 = *sha256;
  out.plan_bytes = bytes->size();
  out.plan = &plan->program()->plan();
  out.cpu = host_facts().cpu;
  out.isa = plan->program()->isa();
  for (size_t i = 0; i < times->size(); ++i)
    out.times.push_back({(*times)[i], std::string(plan->program()->kernel_name(i))});
  out.float_path = options.model;
  out.data_path = options.data;
  out.command = repeated(options);
  if (!options.model.empty()) {
    auto float_model = open_model(options.model, *model_options);
    if (!float_model) return fail(float_model.error());
    if (!float_model->is_float()) {
      return fail(
          usage_error(concat("--model ", quoted(options.model), " is a plan, no float one")));
    }
    const Status done = evaluate_both(options, *float_model, *plan, out);
    if (!done) return fail(done.error());
  }
  const std::string text = report::report_page(out);
  const Status written = write_file(options.out, std::as_bytes(std::span(text)), options.overwrite);
  if (!written) return fail(written.error());
  output_is_extra();
  if (options.output.json) {
    print_json({{"file", options.out}, {"bytes", text.size()}, {"flips", out.flips_in_all}});
  } else {
    note(options.output, concat("wrote ", options.out, ", ", text.size() >> 10, " KiB"));
  }
  if (!out.evaluation || out.evaluation->unreadable.empty()) return exit_done;
  const size_t unreadable = out.evaluation->unreadable.size();
  return fail(unreadable_pictures(unreadable, unreadable + out.evaluation->pictures.size()));
}

}  // namespace

void add_report(CLI::App& program, Action& action) {
  const auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("report", "a plan as one page to look at");
  o->command = command;
  command->example("octavo report model.octavo --model model.onnx --data validation -o model.html");
  command->add_option("PLAN", o->plan, "a plan (.octavo)")->required();
  command->add_option("--model", o->model, "the float model that it was built from, for a verdict")
      ->value("FLOAT.onnx");
  command->add_option("--data", o->data, "labelled pictures, for a verdict")->value("DATA");
  command->add_option("--limit", o->limit, "only the first N; 0: all")
      ->check(whole_number(0, INT64_MAX))
      ->value("N")
      ->with_default();
  command->add_option("--class-offset", o->class_offset, "added to every label")
      ->check(whole_number(-1000000, 1000000))
      ->value("K")
      ->with_default();
  command
      ->add_option("--margin", o->margin,
                   "points of Top-1 within which two models count as equivalent")
      ->check(real_number(0.001, 99))
      ->value("POINTS")
      ->with_default();
  command->add_option("--flips", o->most_flips, "at most so many pictures that differ")
      ->check(whole_number(0, 10000))
      ->value("N")
      ->with_default();
  command->add_option("-o", o->out, "the page to write (.html)")->required()->value("FILE");
  command->add_flag("--overwrite,!--no-overwrite", o->overwrite, "replace an existing page");
  o->flags.add(*command);
  o->flags.add_output_name(*command);
  add_output_flags(*command, o->output);
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace octavo::command
