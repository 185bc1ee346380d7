// octavo compare MODEL.onnx PLAN --data DATA: the error of each layer, worst first, and with
// --calib what 16 bits would do about it.

#include "evaluate/compare.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "command/flags.h"
#include "command/print.h"
#include "pipeline/build.h"
#include "pipeline/method_words.h"
#include "quantize/passes.h"

namespace octavo::command {

namespace {

struct Options {
  std::string model, plan, data, calibration, cache;
  size_t limit = 50, samples = 300;
  bool flips = true;
  ModelFlags flags;
  Output output;
};

// ---- advice

PreprocessChoice choice_of(const Preprocess& how) {
  PreprocessChoice out;
  if (how.squashes()) {
    out.resize_exact = how.resize_exact;
  } else {
    out.resize_short = how.resize_short;
  }
  out.interpolation = how.interpolation;
  out.mean = how.mean;
  out.std = how.std;
  out.color = how.color;
  out.exif_rotate = how.exif_rotate;
  out.via_nv12 = how.via_nv12;
  return out;
}

// What the plan says of how it was built, with the flags of this command.
Result<BuildOptions> as_built(const Options& options, const ModelOptions& flags, const Plan& plan) {
  BuildOptions out;
  out.model = flags;
  if (plan.picture_input) {
    out.model.preprocess = choice_of(plan.preprocess);
  } else {
    out.model.feature_map = true;
  }
  out.synthetic = options.calibration == "none";
  out.calibration = out.synthetic ? "" : options.calibration;
  out.samples = options.samples;
  out.cache = {options.cache, false, true};
  out.quantize.threads = options.flags.thread_count();
  out.quantize.stop = &interrupted;
  const auto unknown = [] {
    return rejected("the plan does not say with which options it was built: build it again");
  };
  const auto built = nlohmann::json::parse(plan.provenance.options, nullptr, false);
  if (!built.is_object()) return unknown();
  const auto has = [&](const char* name, bool (nlohmann::json::*is)() const noexcept) {
    return built.contains(name) && (built[name].*is)();
  };
  using nlohmann::json;
  if (!has("method", &json::is_string) || !has("percentile", &json::is_number) ||
      !has("per_channel", &json::is_boolean) || !has("seed", &json::is_number_unsigned)) {
    return unknown();
  }
  auto method = choose("method", built["method"].get<std::string>(), method_words);
  if (!method) return unknown();
  out.quantize.method = *method;
  out.quantize.percentile = built["percentile"].get<float>();
  out.quantize.per_channel_weights = built["per_channel"].get<bool>();
  out.quantize.seed = built["seed"].get<uint64_t>();
  return out;
}

std::string int16_flags(const WideTrial& trial) {
  std::string names;
  for (const std::string& node : trial.nodes) names += (names.empty() ? "" : ",") + node;
  return concat("--int16 ", names, trial.settled ? "" : " --no-auto-int16");
}

// The sentence for who reads nothing else.
std::string advice_text(const WideTrials& trials) {
  const FrontierPoint& now = trials.tried.front().point;
  const FrontierPoint& best = trials.tried[trials.best].point;
  const auto agreement = [](const FrontierPoint& p) { return fixed(p.judged.agreement, 1); };
  if (now.judged.agreement >= 100) {
    return concat("the plan has float's Top-1 on all ", now.judged.pictures, " pictures");
  }
  if (trials.tried.size() == 1) {
    return "nothing more can have 16 bits at a quarter of the multiply-accumulates: what is left "
           "is "
           "the rounding of weights, or tensors that cost more";
  }
  if (trials.best == 0) {
    return concat("no 16 bits that were tried agree on more than the ", agreement(now),
                  " % of now: what is left is the rounding of weights, or chance of ",
                  now.judged.pictures, " pictures");
  }
  return concat("16 bits for ", best.tensors, best.tensors == 1 ? " more tensor" : " more tensors",
                " would give float's Top-1 on ", agreement(best), " % in place of ", agreement(now),
                " %, at ", std::lround(100 * (best.slowdown - 1)),
                " % of time: ", int16_flags(trials.tried[trials.best]));
}

Json advice_json(const WideTrials& trials) {
  const WideTrial& best = trials.tried[trials.best];
  Json out = {{"text", advice_text(trials)},
              {"int16", trials.best == 0 ? Json::array() : Json(best.nodes)},
              {"pictures", best.point.judged.pictures},
              {"best", trials.best},
              {"tried", Json::array()}};
  for (const WideTrial& trial : trials.tried) {
    const FrontierPoint& p = trial.point;
    out["tried"].push_back({{"tensors", p.tensors},
                            {"int16", trial.nodes},
                            {"macs_share", p.macs_share},
                            {"agreement", p.judged.agreement},
                            {"ms", p.judged.ms},
                            {"slowdown", p.slowdown}});
  }
  return out;
}

void print_advice(const WideTrials& trials) {
  Table table({"", "16-bit tensors more", "MACs %", "agreement %", "ms", "times"},
              {false, true, true, true, true, true});
  for (size_t i = 0; i < trials.tried.size(); ++i) {
    const FrontierPoint& p = trials.tried[i].point;
    table.add({i == trials.best ? ">" : "", concat(p.tensors), fixed(100 * p.macs_share, 1),
               fixed(p.judged.agreement, 1), fixed(p.judged.ms, 2), fixed(p.slowdown, 2)});
  }
  print_out("\ntried on {} pictures\n{}{}\n", trials.tried.front().point.judged.pictures,
            table.text(), advice_text(trials));
}

// ---- errors

Json to_json(const Comparison& c) {
  Json out = {
      {"n", c.pictures},
      {"top1_agree", 100.0 * static_cast<double>(c.top1_agree) / static_cast<double>(c.pictures)},
      {"logit_cosine", c.logit_cosine},
      {"logit_sqnr_db", c.logit_sqnr_db},
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
    if (layer.effect) {
      row["flips"] = 100 * layer.effect->flips;
      row["logit_sqnr_db"] = layer.effect->sqnr_db;
    }
    if (layer.worst) {
      row["worst_channel"] = {{"channel", layer.worst->channel},
                              {"error_share", layer.worst->error_share},
                              {"sqnr_db", layer.worst->sqnr_db},
                              {"range", {layer.worst->range.lo, layer.worst->range.hi}},
                              {"beyond", layer.worst->beyond},
                              {"histogram", layer.worst->histogram}};
    }
    out["layers"].push_back(std::move(row));
  }
  return out;
}

// A character a bin, taller by its logarithm; the range stands between the bars.
std::string sketch(const RangeHistogram& histogram) {
  constexpr std::string_view heights = " .:-=+*#";
  const double most = std::log1p(*std::max_element(histogram.begin(), histogram.end()));
  std::string out;
  for (size_t bin = 0; bin < histogram.size(); ++bin) {
    if (bin == beyond_bins || bin == beyond_bins + inside_bins) out += '|';
    const double height = most > 0 ? std::log1p(histogram[bin]) / most : 0;
    out += heights[static_cast<size_t>(std::ceil(height * (heights.size() - 1)))];
  }
  return out;
}

void print_text(Comparison c) {
  print_out(
      "{} pictures: same Top-1 on {:.1f} %; the logits' cosine {:.5f}, {:.1f} dB, largest "
      "difference {:.4f}\n\n",
      c.pictures, 100.0 * static_cast<double>(c.top1_agree) / static_cast<double>(c.pictures),
      c.logit_cosine, c.logit_sqnr_db, c.largest_logit_difference);
  std::stable_sort(c.layers.begin(), c.layers.end(), [](const LayerError& a, const LayerError& b) {
    return (a.has_alone ? a.sqnr_alone_db : a.sqnr_db) <
           (b.has_alone ? b.sqnr_alone_db : b.sqnr_db);
  });
  Table table({"layer, worst first", "operator", "alone dB", "cosine", "accumulated dB", "cosine",
               "flips %", "logits dB", "worst channel", "of error %"},
              {false, false, true, true, true, true, true, true, true, true});
  for (const LayerError& layer : c.layers) {
    table.add({layer.name, layer.op, layer.has_alone ? fixed(layer.sqnr_alone_db, 1) : "-",
               layer.has_alone ? fixed(layer.cosine_alone, 5) : "-", fixed(layer.sqnr_db, 1),
               fixed(layer.cosine, 5), layer.effect ? fixed(100 * layer.effect->flips, 1) : "-",
               layer.effect ? fixed(layer.effect->sqnr_db, 1) : "-",
               layer.worst ? concat(layer.worst->channel) : "-",
               layer.worst ? fixed(100 * layer.worst->error_share, 0) : "-"});
  }
  write_out(table.text());
  std::erase_if(c.layers, [](const LayerError& layer) { return !layer.worst; });
  constexpr size_t most_sketched = 3;
  c.layers.resize(std::min(c.layers.size(), most_sketched));
  if (!c.layers.empty()) {
    write_out("\nvalues of the worst channels; what can be stored lies between the bars\n");
  }
  for (const LayerError& layer : c.layers) {
    const WorstChannel& worst = *layer.worst;
    print_out("  {}  {} channel {}: {:.4g} to {:.4g}, {:.3f} % beyond\n", sketch(worst.histogram),
              layer.name, worst.channel, worst.range.lo, worst.range.hi, 100 * worst.beyond);
  }
}

// Before the comparison, which takes its time.
Status check_advice(const Options& options) {
  if (options.calibration.empty() && !options.cache.empty()) {
    return usage_error(
        "--calib-cache keeps what calibration pictures told: --calib DATA names them");
  }
  if (options.calibration.empty() || options.calibration == "none") return {};
  DataSetOptions data;
  data.labels_needed = false;
  const auto pictures = open_dataset(options.calibration, data);
  return pictures ? Status{} : pictures.error();
}

Result<std::optional<Advice>> ask_for_advice(const Options& options, const ModelOptions& flags,
                                             const std::vector<std::string>& disabled,
                                             const Plan& plan, const std::vector<Sample>& samples) {
  if (options.calibration.empty()) return std::optional<Advice>{};
  auto build = as_built(options, flags, plan);
  if (!build) return build.error();
  build->quantize.disabled = disabled;
  Progress progress(options.output);
  build->quantize.progress = [&progress](size_t done, size_t total, const char* what) {
    progress.show(done, total, what);
  };
  auto advice = advise(options.model, plan, samples, *build);
  if (!advice) return advice.error();
  return std::optional<Advice>(*std::move(advice));
}

int run(const Options& options) {
  interruptible();
  if (const Status possible = check_advice(options); !possible) return fail(possible.error());
  auto model_options = options.flags.parse();
  if (!model_options) return fail(model_options.error());
  CompareOptions compare_options;
  compare_options.disabled = take_for_quantizer(model_options->disabled_rewrites);
  if (const Status possible = check_disabled(compare_options.disabled); !possible)
    return fail(possible.error());
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
  compare_options.threads = options.flags.thread_count();
  compare_options.effects = options.flips;
  compare_options.stop = &interrupted;
  Result<Comparison> comparison = failed("not run");
  {
    Progress progress(options.output);
    compare_options.progress = [&](size_t done, size_t total) {
      progress.show(done, total, "comparing");
    };
    comparison = compare_layers(*model, *plan, *samples, compare_options);
  }
  if (!comparison) return fail(comparison.error());
  for (const std::string& text : comparison->unreadable)
    warning(options.output, "left out: " + text);
  const auto advice = ask_for_advice(options, *model_options, compare_options.disabled,
                                     plan->program()->plan(), *samples);
  if (!advice) return fail(advice.error());
  size_t unreadable = comparison->unreadable.size(), all = samples->size();
  if (*advice) {
    for (const std::string& text : (*advice)->notes) note(options.output, text);
    for (const std::string& text : (*advice)->unreadable) {
      warning(options.output, "left out of the calibration: " + text);
    }
    unreadable += (*advice)->unreadable.size();
    all = std::max(all, unreadable);
  }
  if (options.output.json) {
    Json out = to_json(*comparison);
    if (*advice) out["advice"] = advice_json((*advice)->trials);
    print_json(out);
  } else {
    print_text(*std::move(comparison));
    if (*advice) print_advice((*advice)->trials);
  }
  return unreadable == 0 ? exit_done : fail(unreadable_pictures(unreadable, all));
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
  command->add_flag(
      "--flips,!--no-flips", o->flips,
      "what rounding a layer alone does to the logits: a run of the float network for "
      "each layer and picture");
  command
      ->add_option(
          "--calib", o->calibration,
          "calibration pictures of the plan, or none: tries 16 bits and says what they bring")
      ->value("DATA");
  command->add_option("--calib-cache", o->cache, "what they told, as build keeps it")
      ->value("FILE");
  command->add_option("--samples", o->samples, "at most so many of them; 0: all")
      ->check(whole_number(0, INT64_MAX))
      ->value("N")
      ->with_default();
  o->flags.add(*command);
  o->flags.add_output_name(*command);
  command->remove_option("--disable");
  command
      ->add_option("--disable", o->flags.disable,
                   "rewrites of the graph and passes of the quantizer that the plan was built "
                   "without, by name")
      ->value("NAME");
  add_output_flags(*command, o->output);
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace octavo::command
