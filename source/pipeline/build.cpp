#include "pipeline/build.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <set>

#include "base/text.h"
#include "evaluate/accuracy.h"
#include "evaluate/dataset.h"
#include "evaluate/golden.h"
#include "graph/graph.h"
#include "kernels/isa.h"
#include "model/float_model.h"
#include "model/input.h"
#include "model/labels.h"
#include "pipeline/calibration_inputs.h"
#include "pipeline/judge.h"
#include "pipeline/method_words.h"
#include "pipeline/sha256.h"
#include "quantize/pictures.h"
#include "quantize/prepare.h"
#include "quantize/roundings.h"
#include "quantize/warnings.h"

namespace octavo {

namespace {

// The first, and how many there are.
void add_summary(const std::vector<std::string>& sentences, const char* what,
                 std::vector<std::string>& warnings) {
  if (sentences.empty()) return;
  warnings.push_back(concat(sentences.size(), what, "; the first: ", sentences.front()));
}

size_t count_classes(const std::vector<Sample>& samples) {
  std::set<int> classes;
  for (const Sample& sample : samples) {
    if (sample.label >= 0) classes.insert(sample.label);
  }
  return classes.size();
}

Status warn_of_overlap(const BuildOptions& options, const Model& model,
                       const std::vector<Sample>& files, std::vector<std::string>& warnings) {
  if (options.evaluation.empty()) return {};
  DataSetOptions data;
  data.class_offset = options.class_offset;
  data.classes = model.classes;
  auto evaluation = open_dataset(options.evaluation, data);
  if (!evaluation) return evaluation.error();
  auto overlap = count_overlap(files, *evaluation);
  if (!overlap) return overlap.error();
  if (*overlap > 0) {
    warnings.push_back(concat(*overlap, " of ", files.size(),
                              " calibration pictures are in the evaluation set too: its accuracy "
                              "will look too good"));
    if (options.bounds.of_accuracy()) {
      return rejected(concat(warnings.back(),
                             ", and a bound on it would mean nothing: name other "
                             "pictures to --eval-data or --calib"));
    }
  }
  return {};
}

void warn_of_dark_dumps(const CheckedInputs& checked, const BuildOptions& options,
                        std::vector<std::string>& warnings) {
  constexpr int darkest_whole_set = 8;  // normalized values reach 3, values in 0..1 reach 1
  if (!options.dumps || !options.dumps->pixels || checked.brightest > darkest_whole_set) return;
  warnings.push_back(concat("no value of the dumps is above ", checked.brightest,
                            ": pixels from 0 to 255 are expected, before mean and scale"));
}

Preprocess seen_by_graph(const Model& model) {
  Preprocess out = model.preprocess;
  const auto [mean, std] = model.graph().normalization.value_or(Normalization{});
  out.mean = mean;
  out.std = std;
  return out;
}

// int16 by the names of the rewritten graph.
Status name_int16(const Model& model, const BuildOptions& options, QuantizeOptions& quantize,
                  std::vector<std::string>& notes) {
  if (options.int16.empty() && !options.all_int16) return {};
  const auto graph = prepare_for_steps(model.graph(), quantize.disabled);
  if (!graph) return graph.error();
  auto resolved = resolve_int16(*graph, options.int16);
  if (!resolved) return resolved.error();
  std::vector<std::string>& names = quantize.int16_nodes;
  names.insert(names.end(), resolved->names.begin(), resolved->names.end());
  notes.insert(notes.end(), resolved->notes.begin(), resolved->notes.end());
  if (options.all_int16) names = all_step_nodes(*graph);
  return {};
}

// A network that is fed the wrong colour order is less sure of its answers.
Status warn_of_color_order(const Graph& graph, const Preprocess& how, const CalibrationFeed& feed,
                           const QuantizeOptions& options, std::vector<std::string>& warnings) {
  const Sweep sweep{options.threads, "comparing colour orders", options.progress, options.stop};
  const auto sure = compare_color_orders(graph, how, feed, sweep);
  if (!sure) return sure.error();
  if (sure->reversed_is_clearly_better()) {
    const bool rgb = how.color == ColorOrder::rgb;
    const auto percent = [](double share) { return static_cast<int>(std::lround(100 * share)); };
    warnings.push_back(concat("the float network is surer of pictures in ", rgb ? "BGR" : "RGB",
                              " order (", percent(sure->reversed),
                              " % for its best class) than in ", rgb ? "RGB" : "BGR",
                              " order as asked (", percent(sure->as_given), " %); --color ",
                              rgb ? "bgr" : "rgb", " changes it"));
  }
  return {};
}

// ---- bounds

Status check_bounds(const BuildOptions& options) {
  if (!options.bounds.any()) {
    if (!options.search_file.resume) return {};
    return usage_error("--resume goes on with a search for bounds: give the bounds");
  }
  if (options.search_file.resume && options.search_file.path.empty()) {
    return usage_error("--resume needs the plan's name: what was tried lies beside it");
  }
  if (options.search_file.write) {
    const Status possible = check_search_file(options.search_file.path);
    if (!possible) return possible;
  }
  if (options.all_int16) {
    return usage_error("--all-int16 leaves no 16 bits to search with: give bounds, or that");
  }
  if (options.synthetic && options.evaluation.empty()) {
    return usage_error(
        "bounds need pictures that judge, and --calib none has none: --eval-data DATA");
  }
  if (!options.has_calibration()) {
    return usage_error("bounds are kept by folding anew, which needs --calib DATA");
  }
  if (options.bounds.max_drop && options.evaluation.empty()) {
    return usage_error("--max-drop needs labelled pictures: --eval-data DATA");
  }
  return {};
}

JudgeInputs judge_inputs(const Model& model, std::vector<Sample> samples) {
  JudgeInputs out;
  for (const Sample& sample : samples) out.labels.push_back(sample.label);
  out.count = samples.size();
  out.load = [&model, samples = std::move(samples)](size_t i) -> Result<NetworkInput> {
    const auto bytes = read_sample(samples[i]);
    if (!bytes) return bytes.error();
    return decode_network_input(model, samples[i].path, *bytes, samples[i].frame);
  };
  return out;
}

// The pictures that judge: none where no evaluation set is named.
Result<std::vector<Sample>> evaluation_samples(const Model& model, const BuildOptions& options) {
  if (options.evaluation.empty()) return std::vector<Sample>{};
  DataSetOptions data;
  data.class_offset = options.class_offset;
  data.classes = model.classes;
  return open_dataset(options.evaluation, data);
}

// Of their bytes and labels; those that cannot be read judge nothing.
Result<std::string> digest_of(const std::vector<Sample>& samples, const std::atomic<bool>* stop) {
  std::string text;
  for (const Sample& sample : samples) {
    if (stop != nullptr && *stop) return Error{ErrorKind::interrupted, "interrupted"};
    const auto bytes = read_sample(sample);
    if (!bytes) continue;
    const auto digest = sha256_hex(*bytes);
    if (!digest) return digest.error();
    text += concat(*digest, " ", sample.label, "\n");
  }
  return sha256_hex(std::as_bytes(std::span<const char>(text)));
}

// Those that repairs were not made from, where there are enough of them.
JudgeInputs inputs_that_judge(InputFeed& pictures, const Quantizer& quantizer, size_t count) {
  constexpr size_t enough = 100;
  // Repairs are made from views of most pictures, where there are views.
  std::vector<size_t> chosen = pictures.views() > 1 ? std::vector<size_t>{} : quantizer.held_out();
  if (chosen.size() < enough) {
    chosen.clear();
    for (size_t i = 0; i < count; ++i) chosen.push_back(i);
  }
  JudgeInputs out;
  out.count = chosen.size();
  out.labels.assign(out.count, -1);  // of another set's classes, maybe
  out.load = [&pictures, chosen](size_t i) { return pictures.input(chosen[i]); };
  return out;
}

// Few pictures cannot tell one percentage from the next.
Status check_judges(const Bounds& bounds, size_t pictures) {
  constexpr size_t least = 50;
  if (!bounds.of_accuracy() || pictures >= least) return {};
  return rejected(concat("a bound of accuracy needs ", least, " pictures at least, and ", pictures,
                         " can judge: name more to --eval-data or --calib"));
}

// Float tensors enter as the file says, as in the plan that is written.
Judge judge_as_written(const PlanJudge& judge, const Model& model) {
  return [&](const Plan& plan) {
    Plan fed = plan;
    if (model.picture_input) fed.preprocess = model.preprocess;
    return judge.judge(fed);
  };
}

// search_bounds, which goes on from `known` and is kept if it is interrupted.
Result<Found> search_by_file(const SearchFile& file, const CalibrationKey& key,
                             std::vector<FrontierPoint> known, const Quantizer& quantizer,
                             const Bounds& bounds, const Judge& judge) {
  SearchMemory memory{std::move(known), {}};
  std::vector<FrontierPoint> tried = memory.known;
  memory.tried = [&](const FrontierPoint& point) { tried.push_back(point); };
  auto found = search_bounds(quantizer, bounds, judge, memory);
  const bool is_cut = !found && found.error().kind == ErrorKind::interrupted;
  if (!is_cut || tried.empty() || file.path.empty() || !file.write) return found;
  const Status saved = save_search(file.path, key, tried);
  return Error{ErrorKind::interrupted,
               saved ? concat("interrupted; ", quoted(file.path), " keeps what ", tried.size(),
                              " plans were judged to be, and --resume goes on there")
                     : concat("interrupted; what was tried is lost: ", saved.error().message)};
}

Result<Quantized> search_plan(const Model& model, const BuildOptions& options,
                              const QuantizeOptions& how_to_quantize, const Preprocess* how,
                              const CalibrationFeed& feed, const CalibrationStore* store,
                              CalibrationKey key, InputFeed& pictures, SearchReport& report) {
  auto samples = evaluation_samples(model, options);
  if (!samples) return samples.error();
  const bool by_calibration = options.evaluation.empty();
  const size_t pictures_there = feed.count / feed.views;
  const size_t judges = by_calibration ? pictures_there : samples->size();
  if (const Status enough = check_judges(options.bounds, judges); !enough) return enough.error();
  // Steps of a search are other plans where time is bounded (search.h).
  key.push_back({"kind of bounds", options.bounds.of_time() ? "of time" : "of accuracy alone"});
  const SearchFile& file = options.search_file;
  if (!file.path.empty() && (file.write || file.resume)) {
    auto digest = by_calibration ? Result<std::string>("those that calibrate")
                                 : digest_of(*samples, how_to_quantize.stop);
    if (!digest) return digest.error();
    key.push_back({"set of pictures that judge", *std::move(digest)});
  }
  auto known = file.resume ? load_search(file.path, key) : std::vector<FrontierPoint>{};
  if (!known) return known.error();
  const auto quantizer = Quantizer::create(model.graph(), how, feed, how_to_quantize, store);
  if (!quantizer) return quantizer.error();
  JudgeInputs inputs = by_calibration ? inputs_that_judge(pictures, *quantizer, pictures_there)
                                      : judge_inputs(model, *std::move(samples));
  const auto judge =
      PlanJudge::create(model, std::move(inputs),
                        {how_to_quantize.threads, how_to_quantize.progress, how_to_quantize.stop});
  if (!judge) return judge.error();
  if (const Status enough = check_judges(options.bounds, judge->pictures()); !enough) {
    return enough.error();
  }
  auto found = search_by_file(file, key, *std::move(known), *quantizer, options.bounds,
                              judge_as_written(*judge, model));
  if (!found) return found.error();
  report = {std::move(found->frontier), found->chosen, std::move(found->missed)};
  return quantizer->finish(std::move(found->folded));
}

// ---- a calibration that is kept

Status check_caches_of(const BuildOptions& options) {
  if (!options.quantization_cache.path.empty() && options.bounds.any()) {
    return usage_error(
        "--quantization-cache keeps one quantization, and a search for bounds makes many: give "
        "bounds, or that");
  }
  const Status possible = check_quantization_cache(options.quantization_cache);
  if (!possible || options.cache.path.empty()) return possible;
  if (!options.has_calibration()) {
    return usage_error(
        "--calib-cache keeps what calibration pictures told: --calib DATA names them");
  }
  return check_calibration_cache(options.cache);
}

// What a kept calibration or quantization has to say.
struct CacheReport {
  bool kept = false;  // the file's was taken
  std::vector<std::string> notes;
};

// What `load` of calibration_cache.h gives, told to `report`.
template <class Load>
auto load_kept(Load load, const CacheFile& cache, const CalibrationKey& key, CacheReport& report) {
  std::string replaced;
  auto loaded = load(cache, key, replaced);
  report.kept = loaded && *loaded != nullptr;
  if (!replaced.empty()) report.notes.push_back(std::move(replaced));
  return loaded;
}

// Those of the file's graph, and of what the quantizer makes of it before it calibrates.
std::vector<std::string> disabled_rewrites(const BuildOptions& options) {
  std::vector<std::string> out = options.model.disabled_rewrites;
  for (const Rewrite& rewrite : step_rewrites()) {
    const std::vector<std::string>& names = options.quantize.disabled;
    std::copy_if(names.begin(), names.end(), std::back_inserter(out),
                 [&](const std::string& name) { return name == rewrite.name; });
  }
  return out;
}

Result<CalibrationKey> key_of(const Model& model, const std::string& model_sha256,
                              const CheckedInputs& checked, const BuildOptions& options,
                              const CalibrationFeed& feed) {
  return calibration_key(model, {model_sha256, checked.sha256, disabled_rewrites(options),
                                 feed.pixels != nullptr, feed.views});
}

// Of options.cache; none without one.
Result<std::optional<CalibrationStore>> calibration_store(
    const Model& model, const std::string& model_sha256, const CheckedInputs& checked,
    const BuildOptions& options, const CalibrationFeed& feed, const InputFeed& pictures,
    CacheReport& report) {
  if (options.cache.path.empty()) return std::optional<CalibrationStore>{};
  auto key = key_of(model, model_sha256, checked, options, feed);
  if (!key) return key.error();
  const CacheFile& cache = options.cache;
  CalibrationStore store;
  store.load = [&cache, key = *key, &report] {
    return load_kept(load_calibration, cache, key, report);
  };
  store.save = [&cache, key = *key, &pictures](const Calibration& calibration) -> Status {
    if (const Status same = pictures.unchanged(); !same) return same;
    return save_calibration(cache, key, calibration);
  };
  return std::optional(std::move(store));
}

// Of options.quantization_cache. `key`: of the quantization.
std::optional<QuantizationStore> quantization_store(const BuildOptions& options, CalibrationKey key,
                                                    const InputFeed& pictures,
                                                    CacheReport& report) {
  const CacheFile& cache = options.quantization_cache;
  if (cache.path.empty()) return std::nullopt;
  QuantizationStore store;
  store.load = [&cache, key, &report] { return load_kept(load_quantization, cache, key, report); };
  store.save = [&cache, key, &pictures](const Quantization& quantization,
                                        const std::vector<std::string>& warnings) -> Status {
    if (const Status same = pictures.unchanged(); !same) return same;
    return save_quantization(cache, {key, quantization, warnings});
  };
  return store;
}

// ---- what the plan says of itself

// Times are a machine's, not the plan's.
std::string search_json(const Bounds& bounds, const SearchReport& search) {
  std::string out = "{";
  const auto add = [&](const char* name, const std::optional<double>& bound) {
    if (bound) out += concat("\"", name, "\":", *bound, ",");
  };
  add("min_agreement", bounds.min_agreement);
  add("max_drop", bounds.max_drop);
  add("max_slowdown", bounds.max_slowdown);
  add("max_ms", bounds.max_ms);
  out += "\"frontier\":[";
  for (size_t i = 0; i < search.frontier.size(); ++i) {
    const FrontierPoint& p = search.frontier[i];
    out += concat(i ? "," : "", "{\"int16\":", p.tensors, ",\"macs_share\":", p.macs_share,
                  ",\"agreement\":", p.judged.agreement);
    if (p.judged.drop) out += concat(",\"drop\":", *p.judged.drop);
    out += "}";
  }
  return out + concat("],\"chosen\":", search.chosen, "}");
}

std::string options_json(const BuildOptions& options, const QuantizeOptions& q,
                         const std::optional<SearchReport>& search) {
  std::string out =
      concat("{\"method\":\"", word_of(q.method, method_words), "\",\"percentile\":", q.percentile,
             ",\"per_channel\":", q.per_channel_weights, ",\"auto_int16\":", q.auto_int16,
             ",\"seed\":", q.seed, ",\"int16\":[");
  if (options.all_int16) out += "\"*\"";
  for (size_t i = 0; !options.all_int16 && i < q.int16_nodes.size(); ++i) {
    out += concat(i ? "," : "", "\"", json_escaped(q.int16_nodes[i]), "\"");
  }
  out += "],\"disabled\":[";
  std::vector<std::string> disabled = options.model.disabled_rewrites;
  disabled.insert(disabled.end(), q.disabled.begin(), q.disabled.end());
  for (size_t i = 0; i < disabled.size(); ++i) {
    out += concat(i ? "," : "", "\"", json_escaped(disabled[i]), "\"");
  }
  out += "]";
  if (options.synthetic) out += ",\"calibration\":\"none\"";
  if (!options.model.output_node.empty()) {
    out += concat(",\"output\":\"", json_escaped(options.model.output_node), "\"");
  }
  if (search) out += concat(",\"search\":", search_json(options.bounds, *search));
  return out + "}";
}

void attach_provenance(const std::string& model_sha256, const std::string& options,
                       const CheckedInputs& checked, Plan& plan) {
  plan.provenance = {
      OCTAVO_VERSION, model_sha256,
      checked.sha256, checked.synthetic ? 0 : static_cast<int32_t>(checked.samples.size()),
      options,        best_isa_name(machine_features())};
}

// The file is read once: what is hashed is what is folded, whatever happens to it meanwhile.
struct ModelFile {
  Model model;
  std::string sha256;
  size_t bytes = 0;
};

Result<ModelFile> open_model_file(const std::string& path, const ModelOptions& options) {
  auto bytes = read_model_file(path);
  if (!bytes) return bytes.error();
  auto model = open_model(path, *bytes, options);
  if (!model) return model.error();
  if (!model->is_float()) return usage_error(concat(quoted(path), " is a plan already"));
  auto sha256 = sha256_hex(*bytes);
  if (!sha256) return sha256.error();
  return ModelFile{std::move(*model), std::move(*sha256), bytes->size()};
}

Status attach_golden(Plan& plan) {
  constexpr std::array<uint64_t, 2> seeds{1, 2};
  const auto reference = run_golden(plan, seeds, {.isa = "reference"});
  if (!reference) return reference.error();
  const auto fast = run_golden(plan, seeds, {});
  if (!fast) return fast.error();
  for (size_t i = 0; i < seeds.size(); ++i) {
    if (fast->digests[i] != reference->digests[i]) {
      return failed(concat("this machine's ", best_isa_name(machine_features()),
                           " kernels and the reference differ on golden input ", seeds[i],
                           ": a fault in Octavo or in this machine; --isa reference avoids it"));
    }
    plan.golden.push_back({seeds[i], reference->digests[i]});
  }
  return {};
}

}  // namespace

Result<BuildResult> build_plan(const std::string& model_path, const BuildOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  if (const Status possible = check_bounds(options); !possible) return possible.error();
  if (const Status possible = check_options(options.quantize); !possible) return possible.error();
  if (const Status possible = check_caches_of(options); !possible) return possible.error();
  const auto file = open_model_file(model_path, options.model);
  if (!file) return file.error();
  const Model* model = &file->model;
  Result<std::vector<std::string>> labels = std::vector<std::string>();
  if (!options.labels.empty()) labels = read_labels(options.labels, model->classes);
  if (!labels) return labels.error();
  auto checked = calibration_inputs(*model, options);
  if (!checked) return checked.error();
  const std::vector<Sample>& files = checked->samples;

  BuildResult result;
  result.model = *model;
  result.model_bytes = file->bytes;
  result.notes = model->notes;
  result.unreadable = checked->unreadable;
  result.pictures = files.size();
  result.classes_seen = count_classes(files);
  add_summary(checked->warnings, " calibration inputs are to be looked at", result.warnings);
  if (checked->repeated > 0) {
    result.warnings.push_back(concat(checked->repeated, " of ", files.size(),
                                     " calibration pictures repeat another one"));
  }
  result.synthetic = checked->synthetic;
  if (!result.synthetic && options.inputs.count == 0) {  // those have files
    const Status warned = warn_of_overlap(options, *model, files, result.warnings);
    if (!warned) return warned.error();
  }
  const Preprocess seen = seen_by_graph(*model);
  warn_of_dark_dumps(*checked, options, result.warnings);
  QuantizeOptions how_to_quantize = options.quantize;
  if (const Status named = name_int16(*model, options, how_to_quantize, result.notes); !named) {
    return named.error();
  }
  InputFeed pictures(*model, *checked, options);
  const CalibrationFeed feed = pictures.calibration();
  const Preprocess* how = model->picture_input ? &seen : nullptr;
  if (how && feed.count > 0 && !result.synthetic) {
    const Status warned =
        warn_of_color_order(model->graph(), *how, feed, options.quantize, result.warnings);
    if (!warned) return warned.error();
  }
  CacheReport cached;
  const auto store =
      calibration_store(*model, file->sha256, *checked, options, feed, pictures, cached);
  if (!store) return store.error();
  const CalibrationStore* kept = *store ? &**store : nullptr;
  CacheReport cached_whole;
  auto key = key_of(*model, file->sha256, *checked, options, feed);
  if (!key) return key.error();
  const CalibrationKey whole_key =
      quantization_key(*std::move(key), options_json(options, how_to_quantize, {}));
  const auto whole = quantization_store(options, whole_key, pictures, cached_whole);
  if (options.bounds.any()) result.search.emplace();
  auto quantized =
      result.search
          ? search_plan(*model, options, how_to_quantize, how, feed, kept, whole_key, pictures,
                        *result.search)
          : quantize(model->graph(), how, feed, how_to_quantize, kept, whole ? &*whole : nullptr);
  if (const Status same = pictures.unchanged(); !same) return same.error();
  if (!quantized) return quantized.error();
  result.calibration_kept = cached.kept;
  result.quantization_kept = cached_whole.kept;
  for (const CacheReport& report : {cached_whole, cached}) {
    result.notes.insert(result.notes.end(), report.notes.begin(), report.notes.end());
  }
  result.plan = std::move(quantized->plan);
  for (std::string& warning : quantized->warnings) result.warnings.push_back(std::move(warning));

  Plan& plan = result.plan;
  // Weights hold the file's own normalization; a float tensor still enters as the file says.
  if (model->picture_input) plan.preprocess = model->preprocess;
  plan.labels = *std::move(labels);
  attach_provenance(file->sha256, options_json(options, how_to_quantize, result.search), *checked,
                    plan);
  if (const Status golden = attach_golden(plan); !golden) return golden.error();
  if (const Status valid = verify(plan); !valid) return valid.error();
  if (options.measure_output && !files.empty()) {
    constexpr size_t most_compared = 16;
    auto distance = measure_output(*model, plan, std::min(files.size(), most_compared),
                                   [&](size_t i) { return pictures.input(i); });
    if (!distance) return distance.error();
    result.output = *distance;
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

Result<Advice> advise(const std::string& model_path, const Plan& plan,
                      const std::vector<Sample>& judges, const BuildOptions& options) {
  if (const Status possible = check_caches_of(options); !possible) return possible.error();
  const auto file = open_model_file(model_path, options.model);
  if (!file) return file.error();
  const Model& model = file->model;
  if (has_roundings(model.graph())) {
    return usage_error("the file itself says how everything is stored: 16 bits cannot be tried");
  }
  auto checked = calibration_inputs(model, options);
  if (!checked) return checked.error();
  Advice out;
  out.unreadable = checked->unreadable;
  if (file->sha256 != plan.provenance.model_sha256) {
    out.notes.push_back(
        "the plan was built from another version of the model file; trials are of this one");
  }
  if (checked->sha256 != plan.provenance.calibration_sha256) {
    out.notes.push_back(
        "the plan was calibrated on other pictures; trials are calibrated on those named here");
  }
  InputFeed pictures(model, *checked, options);
  const CalibrationFeed feed = pictures.calibration();
  const Preprocess seen = seen_by_graph(model);
  CacheReport cached;
  const auto store =
      calibration_store(model, file->sha256, *checked, options, feed, pictures, cached);
  if (!store) return store.error();
  const auto quantizer = Quantizer::create(model.graph(), model.picture_input ? &seen : nullptr,
                                           feed, options.quantize, *store ? &**store : nullptr);
  if (const Status same = pictures.unchanged(); !same) return same.error();
  if (!quantizer) return quantizer.error();
  out.notes.insert(out.notes.end(), cached.notes.begin(), cached.notes.end());
  const QuantizeOptions& q = options.quantize;
  const auto judge =
      PlanJudge::create(model, judge_inputs(model, judges), {q.threads, q.progress, q.stop});
  if (!judge) return judge.error();
  auto trials = try_wider(*quantizer, quantizer->widened_in(plan), judge_as_written(*judge, model));
  if (!trials) return trials.error();
  out.trials = *std::move(trials);
  return out;
}

}  // namespace octavo
