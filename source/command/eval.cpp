// octavo eval MODEL... --data DATA: accuracy with intervals, models paired against the first.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/file.h"
#include "base/text.h"
#include "command/flags.h"
#include "command/outputs.h"
#include "command/print.h"
#include "evaluate/accuracy.h"
#include "model/labels.h"

namespace octavo::command {

namespace {

struct Options {
  std::vector<std::string> models;
  std::string data, csv, gate, labels;
  size_t limit = 0;
  int class_offset = 0;
  double margin = default_margin;
  bool overwrite = false;
  ModelFlags flags;
  Output output;
};

// "drop<=1.0", "top1>=70", ...: a figure of the last model against a bound.
struct Gate {
  std::string figure;
  bool at_most = true;
  double bound = 0;
};

const std::vector<std::string> gate_figures{"drop",      "top1",       "top5",         "agree",
                                            "drop_high", "divergence", "p_equivalence"};

Result<Gate> parse_gate(const std::string& text, size_t models) {
  const size_t at = text.find_first_of("<>");
  if (at != std::string::npos && at + 1 < text.size() && text[at + 1] == '=') {
    Gate gate{text.substr(0, at), text[at] == '<', 0};
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + at + 2, end, gate.bound);
    const bool known =
        std::find(gate_figures.begin(), gate_figures.end(), gate.figure) != gate_figures.end();
    if (known && parsed.ec == std::errc{} && parsed.ptr == end && std::isfinite(gate.bound)) {
      const bool compares = gate.figure != "top1" && gate.figure != "top5";
      if (!compares || models > 1) return gate;
      return usage_error(concat("--gate ", gate.figure, " compares: name two models"));
    }
  }
  return usage_error(
      fmt::format("--gate {}: FIGURE<=NUMBER or FIGURE>=NUMBER is needed, figures: {}",
                  quoted(text), fmt::join(gate_figures, ", ")));
}

double percent(int64_t part, size_t n) {
  return 100.0 * static_cast<double>(part) / static_cast<double>(n);
}

double figure_of(const Evaluation& e, const std::string& figure) {
  const size_t n = e.pictures.size();
  if (figure == "top1") return percent(e.models.back().right1, n);
  if (figure == "top5") return percent(e.models.back().right5, n);
  const ModelComparison& last = e.paired.back();
  if (figure == "agree") return percent(last.agree, n);
  if (figure == "p_equivalence") return last.p_equivalence;
  if (figure == "divergence") return last.divergence ? last.divergence->mean : std::nan("");
  return figure == "drop" ? last.drop : last.drop_ci95.high;
}

Json divergence_json(const ModelComparison& p) {
  if (!p.divergence) return Json();
  return {{"mean", p.divergence->mean},
          {"ci95", {p.divergence->ci95.low, p.divergence->ci95.high}}};
}

Json harmed_json(const ModelComparison& p) {
  Json out = Json::array();
  for (const HarmedClass& c : p.harmed) {
    out.push_back({{"class", c.index},
                   {"n", c.n},
                   {"right_to_wrong", c.right_to_wrong},
                   {"wrong_to_right", c.wrong_to_right},
                   {"p", c.p}});
  }
  return out;
}

Json to_json(const Options& options, const Evaluation& e) {
  const size_t n = e.pictures.size();
  Json out = {{"n", n},
              {"models", Json::array()},
              {"paired", Json::array()},
              {"unreadable", e.unreadable},
              {"warnings", e.warnings}};
  for (size_t m = 0; m < e.models.size(); ++m) {
    const ModelAccuracy& a = e.models[m];
    out["models"].push_back({{"model", options.models[m]},
                             {"top1", percent(a.right1, n)},
                             {"top5", percent(a.right5, n)},
                             {"top1_ci95", {100 * a.top1_ci95.low, 100 * a.top1_ci95.high}},
                             {"images_per_second", a.images_per_second}});
  }
  for (size_t m = 0; m < e.paired.size(); ++m) {
    const ModelComparison& p = e.paired[m];
    out["paired"].push_back({{"model", options.models[m + 1]},
                             {"drop", p.drop},
                             {"drop_ci95", {p.drop_ci95.low, p.drop_ci95.high}},
                             {"right_to_wrong", p.right_to_wrong},
                             {"wrong_to_right", p.wrong_to_right},
                             {"agree", percent(p.agree, n)},
                             {"agree_ci95", {100 * p.agree_ci95.low, 100 * p.agree_ci95.high}},
                             {"divergence", divergence_json(p)},
                             {"p_mcnemar", p.p_mcnemar},
                             {"margin", p.margin},
                             {"p_equivalence", p.p_equivalence},
                             {"verdict", p.verdict},
                             {"more_pictures", p.more_pictures},
                             {"harmed_classes", harmed_json(p)}});
  }
  return out;
}

// What the tables' figures do not say.
void print_findings(const Options& options, size_t m, const ModelComparison& p,
                    const std::vector<std::string>& labels) {
  const std::string& model = options.models[m + 1];
  if (p.more_pictures > 0) {
    print_out("{}: about {} more pictures decide whether the drop is within {} points\n", model,
              p.more_pictures, p.margin);
  }
  for (const HarmedClass& c : p.harmed) {
    const auto index = static_cast<size_t>(c.index);
    const std::string name = index < labels.size() ? concat(" (", labels[index], ")") : "";
    print_out(
        "{}: class {}{} is harmed: of {} pictures {} are lost and {} won, p = {:.2g} among "
        "all classes\n",
        model, c.index, name, c.n, c.right_to_wrong, c.wrong_to_right, c.p);
  }
}

void print_text(const Options& options, const Evaluation& e,
                const std::vector<std::string>& labels) {
  const size_t n = e.pictures.size();
  print_out("{} pictures\n", n);
  Table table({"model", "Top-1", "95 %", "Top-5", "pictures/s"}, {false, true, false, true, true});
  for (size_t m = 0; m < e.models.size(); ++m) {
    const ModelAccuracy& a = e.models[m];
    table.add({options.models[m], fixed(percent(a.right1, n), 2),
               fmt::format("[{:.1f}, {:.1f}]", 100 * a.top1_ci95.low, 100 * a.top1_ci95.high),
               fixed(percent(a.right5, n), 2), fixed(a.images_per_second, 1)});
  }
  write_out(table.text());
  if (e.paired.empty()) return;
  Table paired({"against " + options.models.front(), "drop", "95 %", "right to wrong",
                "wrong to right", "p (McNemar)", "p (equivalence)", "verdict"},
               {false, true, false, true, true, true, true, false});
  Table near({"", "agree %", "95 %", "divergence", "95 %"}, {false, true, false, true, false});
  for (size_t m = 0; m < e.paired.size(); ++m) {
    const ModelComparison& p = e.paired[m];
    paired.add({options.models[m + 1], fixed(p.drop, 2),
                fmt::format("[{:.2f}, {:.2f}]", p.drop_ci95.low, p.drop_ci95.high),
                concat(p.right_to_wrong), concat(p.wrong_to_right), fixed(p.p_mcnemar, 3),
                fixed(p.p_equivalence, 3), std::string(p.verdict)});
    const Mean divergence = p.divergence.value_or(Mean{});
    near.add({options.models[m + 1], fixed(percent(p.agree, n), 2),
              fmt::format("[{:.2f}, {:.2f}]", 100 * p.agree_ci95.low, 100 * p.agree_ci95.high),
              p.divergence ? fixed(divergence.mean, 5) : "-",
              p.divergence
                  ? fmt::format("[{:.5f}, {:.5f}]", divergence.ci95.low, divergence.ci95.high)
                  : "-"});
  }
  print_out("\n{}\n{}", paired.text(), near.text());
  for (size_t m = 0; m < e.paired.size(); ++m) print_findings(options, m, e.paired[m], labels);
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

Status write_csv(const Options& options, const Evaluation& e) {
  if (options.csv.empty()) return {};
  std::string text = "path,class";
  for (const std::string& model : options.models) {
    for (int k = 1; k <= 5; ++k) text += concat(",", csv_cell(concat(model, " top", k)));
  }
  text += "\n";
  for (const PictureRecord& record : e.pictures) {
    text += concat(csv_cell(record.path), ",", record.label);
    for (const auto& top5 : record.top5) {
      for (const int32_t index : top5) text += index < 0 ? "," : concat(",", index);
    }
    text += "\n";
  }
  return write_file(options.csv, std::as_bytes(std::span(text)), options.overwrite);
}

int run(const Options& options) {
  interruptible();
  auto model_options = options.flags.parse();
  if (!model_options) return fail(model_options.error());
  std::optional<Gate> gate;
  if (!options.gate.empty()) {
    auto parsed = parse_gate(options.gate, options.models.size());
    if (!parsed) return fail(parsed.error());
    gate = *parsed;
  }
  std::vector<std::string> inputs = options.models;
  inputs.insert(inputs.end(), {options.data, options.labels});
  const Status possible = check_output_file({"--csv", options.csv, options.overwrite}, inputs);
  if (!possible) return fail(possible.error());
  auto models = open_models(options.models, *model_options);
  if (!models) return fail(models.error());
  for (const Model& model : *models) {
    if (is_multi_label(model.output_kind, static_cast<size_t>(model.outputs))) {
      note(options.output,
           model.path +
               ": its labels have scores of their own; a picture counts as right where "
               "the label with the highest is its class (data of several labels a "
               "picture are not read)");
    }
    for (const std::string& text : model.notes) note(options.output, model.path + ": " + text);
  }
  std::vector<std::string> labels = models->front().labels;
  if (!options.labels.empty()) {
    auto read = read_labels(options.labels, models->front().classes);
    if (!read) return fail(read.error());
    labels = *std::move(read);
  }
  DataSetOptions data;
  data.limit = options.limit;
  data.class_offset = options.class_offset;
  data.classes = models->front().classes;
  data.notice = [&](const std::string& text) { warning(options.output, text); };
  auto samples = open_dataset(options.data, data);
  if (!samples) return fail(samples.error());

  EvaluateOptions evaluate_options;
  evaluate_options.threads = options.flags.thread_count();
  evaluate_options.margin = options.margin;
  evaluate_options.stop = &interrupted;
  Result<Evaluation> evaluation = failed("not run");
  {
    Progress progress(options.output);
    evaluate_options.progress = [&](size_t done, size_t total) {
      progress.show(done, total, "evaluating");
    };
    evaluation = evaluate(*models, *samples, evaluate_options);
  }
  if (!evaluation) return fail(evaluation.error());
  for (const std::string& text : evaluation->warnings) warning(options.output, text);
  for (const std::string& text : evaluation->unreadable)
    warning(options.output, "left out: " + text);
  if (const Status written = write_csv(options, *evaluation); !written)
    return fail(written.error());
  if (options.output.json) {
    print_json(to_json(options, *evaluation));
  } else {
    print_text(options, *evaluation, labels);
  }
  if (!evaluation->unreadable.empty()) {
    return fail(unreadable_pictures(evaluation->unreadable.size(), samples->size()));
  }
  if (gate) {
    const double value = figure_of(*evaluation, gate->figure);
    if (!(gate->at_most ? value <= gate->bound : value >= gate->bound)) {
      return fail({ErrorKind::gate_missed, concat("gate missed: ", gate->figure, " is ", value,
                                                  gate->at_most ? ", at most " : ", at least ",
                                                  gate->bound, " was asked")});
    }
  }
  return exit_done;
}

}  // namespace

void add_eval(CLI::App& program, Action& action) {
  const auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand(
      "eval", "Top-1 and Top-5 with intervals; models paired against the first");
  command->example("octavo eval model.onnx model.octavo --data validation");
  command->add_option("MODEL", o->models, "plans (.octavo) and float models (.onnx)")->required();
  command->add_option("--data", o->data, "labelled pictures")->required()->value("DATA");
  command->add_option("--limit", o->limit, "only the first N; 0: all")
      ->check(whole_number(0, INT64_MAX))
      ->value("N")
      ->with_default();
  command->add_option("--class-offset", o->class_offset, "added to every label")
      ->check(whole_number(-1000000, 1000000))
      ->value("K")
      ->with_default();
  command->add_option("--labels", o->labels, "class names, one a line (checked against the model)")
      ->value("FILE");
  command->add_option("--csv", o->csv, "write a row a picture")->value("FILE");
  command
      ->add_option("--margin", o->margin,
                   "points of Top-1 within which two models count as equivalent")
      ->check(real_number(0.001, 99))
      ->value("POINTS")
      ->with_default();
  command->add_option("--gate", o->gate, "exit 4 unless it holds, for example \"drop<=1.0\"")
      ->value("CONDITION");
  command->add_flag("--overwrite,!--no-overwrite", o->overwrite, "replace an existing CSV file");
  o->flags.add(*command);
  o->flags.add_output_name(*command);
  add_output_flags(*command, o->output);
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace octavo::command
