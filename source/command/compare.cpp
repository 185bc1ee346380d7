// octavo compare MODEL.onnx PLAN --data DATA: the error of each layer, worst first.

#include "evaluate/compare.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "command/flags.h"
#include "command/print.h"

namespace octavo::command {

namespace {

struct Options {
  std::string model, plan, data;
  size_t limit = 50;
  ModelFlags flags;
  Output output;
};

Json to_json(const Comparison& c) {
  Json out = {
      {"n", c.pictures},
      {"top1_agree", 100.0 * static_cast<double>(c.top1_agree) / static_cast<double>(c.pictures)},
      {"logit_cosine", c.logit_cosine},
      {"largest_logit_difference", c.largest_logit_difference},
      {"unreadable", c.unreadable},
      {"layers", Json::array()}};
  for (const LayerError& layer : c.layers) {
    Json row = {{"name", layer.name},
                {"op", layer.op},
                {"cosine", layer.cosine},
                {"sqnr_db", layer.sqnr_db}};
    if (layer.has_alone) {
      row["cosine_alone"] = layer.cosine_alone;
      row["sqnr_alone_db"] = layer.sqnr_alone_db;
    }
    out["layers"].push_back(std::move(row));
  }
  return out;
}

void print_text(Comparison c) {
  print_out(
      "{} pictures: same Top-1 on {:.1f} %, cosine of the logits {:.5f}, largest difference "
      "{:.4f}\n\n",
      c.pictures, 100.0 * static_cast<double>(c.top1_agree) / static_cast<double>(c.pictures),
      c.logit_cosine, c.largest_logit_difference);
  std::stable_sort(c.layers.begin(), c.layers.end(), [](const LayerError& a, const LayerError& b) {
    return (a.has_alone ? a.sqnr_alone_db : a.sqnr_db) <
           (b.has_alone ? b.sqnr_alone_db : b.sqnr_db);
  });
  Table table({"layer, worst first", "operator", "alone dB", "cosine", "accumulated dB", "cosine"},
              {false, false, true, true, true, true});
  for (const LayerError& layer : c.layers) {
    table.add({layer.name, layer.op, layer.has_alone ? fixed(layer.sqnr_alone_db, 1) : "-",
               layer.has_alone ? fixed(layer.cosine_alone, 5) : "-", fixed(layer.sqnr_db, 1),
               fixed(layer.cosine, 5)});
  }
  write_out(table.text());
}

int run(const Options& options) {
  interruptible();
  auto model_options = options.flags.parse();
  if (!model_options) return fail(model_options.error());
  auto model = open_model(options.model, *model_options);
  if (!model) return fail(model.error());
  ModelOptions plan_options = *model_options;
  plan_options.beside_float = true;
  auto plan = open_model(options.plan, plan_options);
  if (!plan) return fail(plan.error());
  DataSetOptions data;
  data.limit = options.limit;
  data.labels_needed = false;
  auto samples = open_dataset(options.data, data);
  if (!samples) return fail(samples.error());
  EvaluateOptions evaluate_options;
  evaluate_options.threads = options.flags.thread_count();
  evaluate_options.stop = &interrupted;
  Result<Comparison> comparison = failed("not run");
  {
    Progress progress(options.output);
    evaluate_options.progress = [&](size_t done, size_t total) {
      progress.show(done, total, "comparing");
    };
    comparison = compare_layers(*model, *plan, *samples, evaluate_options);
  }
  if (!comparison) return fail(comparison.error());
  for (const std::string& text : comparison->unreadable)
    warning(options.output, "left out: " + text);
  if (options.output.json) {
    print_json(to_json(*comparison));
  } else {
    print_text(*comparison);
  }
  return comparison->unreadable.empty()
             ? exit_done
             : fail(unreadable_pictures(comparison->unreadable.size(), samples->size()));
}

}  // namespace

void add_compare(CLI::App& program, Action& action) {
  const auto o = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("compare", "the error of each layer of a plan: who is to blame");
  command->example("octavo compare model.onnx model.octavo --data validation --limit 8");
  command->add_option("MODEL", o->model, "the float model (.onnx)")->required();
  command->add_option("PLAN", o->plan, "the plan built from it (.octavo)")->required();
  command->add_option("--data", o->data, "pictures; labels are not needed")
      ->required()
      ->value("DATA");
  command->add_option("--limit", o->limit, "only the first N; 0: all")
      ->check(whole_number(0, INT64_MAX))
      ->value("N")
      ->with_default();
  o->flags.add(*command);
  o->flags.add_output_name(*command);
  add_output_flags(*command, o->output);
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace octavo::command
