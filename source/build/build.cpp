#include "build/build.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <set>

#include "base/parallel.h"
#include "base/text.h"
#include "build/judge.h"
#include "build/sha256.h"
#include "build/synthetic_pictures.h"
#include "build/views.h"
#include "evaluate/accuracy.h"
#include "evaluate/dataset.h"
#include "evaluate/file_tree.h"
#include "evaluate/float_model.h"
#include "evaluate/input.h"
#include "evaluate/labels.h"
#include "graph/graph.h"
#include "kernels/isa.h"
#include "quantize/pictures.h"
#include "quantize/prepare.h"
#include "quantize/roundings.h"
#include "quantize/warnings.h"
#include "runtime/program.h"

namespace octavo {

namespace {

// A value that is no pixel's becomes the nearest one, as a picture's would.
std::vector<uint8_t> to_pixels(const std::vector<float>& values) {
  std::vector<uint8_t> out(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    out[i] = static_cast<uint8_t>(std::lrint(std::min(std::max(values[i], 0.0f), 255.0f)));
  }
  return out;
}

Result<NetworkInput> load_sample(const Model& model, const Sample& sample,
                                 const std::optional<Dumps>& dumps) {
  auto bytes = read_sample(sample);
  if (!bytes) return bytes.error();
  const bool has_header = sample.path.ends_with(".npy");
  if (!dumps || has_header) {
    auto input = decode_network_input(model, sample.path, *bytes, sample.frame);
    if (!input || !dumps || !dumps->pixels) return input;
    return NetworkInput{
        input->pixels.empty() ? to_pixels(input->values) : std::move(input->pixels), {}, {}};
  }
  auto values = decode_dump(sample.path, *bytes, model.input, dumps->format);
  if (!values) return values.error();
  if (dumps->pixels) return NetworkInput{to_pixels(*values), {}, {}};
  return NetworkInput{{}, std::move(*values), {}};
}

Result<std::string> digest_of(const NetworkInput& input) {
  return sha256_hex(input.pixels.empty() ? std::as_bytes(std::span<const float>(input.values))
                                         : std::as_bytes(std::span<const uint8_t>(input.pixels)));
}

// Leaves out what cannot be read, naming it. Every file is read once here, so that
// later passes over the pictures cannot meet a surprise.
struct Checked {
  std::vector<Sample> samples;
  std::vector<std::string> digests;  // of their inputs
  std::vector<std::string> unreadable;
  std::string sha256;                 // over the digests of the inputs, in order
  size_t repeated = 0;                // files whose input is that of another before them
  std::vector<std::string> warnings;  // of inputs that calibrate: one sentence each
  int brightest = 0;                  // pixel of all
  bool synthetic = false;             // made by synthetic_input(), not read
};

// The plan will clip what the float network is fed as it is.
std::string warning_of(const Model& model, const Sample& sample, const NetworkInput& input) {
  if (!model.picture_input || input.values.empty()) return input.warning;
  const BeyondPixels found = beyond_pixels(model.preprocess, input.values);
  if (found.count == 0) return input.warning;
  return concat(quoted(sample.path), ": ", beyond_pixels_text(found),
                "; --mean and --std say how values become pixels");
}

// The first, and how many there are.
void add_summary(const std::vector<std::string>& sentences, const char* what,
                 std::vector<std::string>& warnings) {
  if (sentences.empty()) return;
  warnings.push_back(concat(sentences.size(), what, "; the first: ", sentences.front()));
}

Result<Checked> check_samples(std::vector<Sample> samples, const Model& model,
                              const BuildOptions& build) {
  const QuantizeOptions& options = build.quantize;
  std::vector<std::string> problem(samples.size()), digest(samples.size()), warning(samples.size());
  std::vector<uint8_t> brightest(samples.size());
  constexpr int most_readers = 8;  // a picture of 50 megapixels takes 150 MB while it is read
  Parallel how{std::min(options.threads, most_readers), options.stop, {}};
  if (options.progress) {
    how.progress = [&](size_t done) { options.progress(done, samples.size(), "reading pictures"); };
  }
  const Status read = for_each_index(samples.size(), how, [&](size_t i, size_t) -> Status {
    auto input = load_sample(model, samples[i], build.dumps);
    if (!input && input.error().kind == ErrorKind::unsupported) return input.error();  // memory
    if (!input) {
      problem[i] = input.error().message;
      return {};
    }
    auto hashed = digest_of(*input);
    if (!hashed) return hashed.error();
    digest[i] = std::move(*hashed);
    warning[i] = warning_of(model, samples[i], *input);
    for (const uint8_t pixel : input->pixels) brightest[i] = std::max(brightest[i], pixel);
    return {};
  });
  if (!read) return read.error();

  Checked out;
  std::string digests;
  std::set<std::string> distinct;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (problem[i].empty()) {
      digests += digest[i];
      out.brightest = std::max<int>(out.brightest, brightest[i]);
      out.repeated += distinct.insert(digest[i]).second ? 0 : 1;
      if (!warning[i].empty()) out.warnings.push_back(std::move(warning[i]));
      out.samples.push_back(std::move(samples[i]));
      out.digests.push_back(std::move(digest[i]));
    } else {
      out.unreadable.push_back(problem[i]);
    }
  }
  if (out.samples.empty()) {
    return rejected(concat("none of the ", samples.size(),
                           " calibration files can be read; the first: ",
                           out.unreadable.empty() ? "no file" : out.unreadable.front()));
  }
  auto all = sha256_hex(std::as_bytes(std::span(digests)));
  if (!all) return all.error();
  out.sha256 = std::move(*all);
  return out;
}

// Every file of the folder, in the order of their paths.
Result<std::vector<Sample>> open_dumps(const std::string& folder) {
  auto tree = list_folder(folder);
  if (!tree) return tree.error();
  std::vector<Sample> samples;
  for (const FileTree::File& file : tree->files) samples.push_back(tree->sample(file, -1));
  for (const FileTree::Problem& problem : tree->problems) {
    samples.push_back(tree->sample_outside(problem.path, -1));
    samples.back().problem = problem.reason;
  }
  if (samples.empty()) return rejected(concat(quoted(folder), " holds no files"));
  return samples;
}

// An .npy of several inputs is a sample for each of them.
std::vector<Sample> one_input_each(const Model& model, std::vector<Sample> samples) {
  std::vector<Sample> out;
  for (Sample& sample : samples) {
    const auto bytes = sample.path.ends_with(".npy")
                           ? read_sample(sample)
                           : Result<std::vector<std::byte>>(std::vector<std::byte>());
    const size_t frames = bytes ? frames_in(model, sample.path, *bytes) : 1;
    if (frames == 1) {
      out.push_back(std::move(sample));
      continue;
    }
    for (size_t frame = 0; frame < frames; ++frame) {
      out.push_back(sample);
      out.back().frame = frame;
    }
  }
  return out;
}

// The calibration pictures that can be read, at most options.samples, spread over the classes.
Result<Checked> calibration_samples(const Model& model, const BuildOptions& options) {
  DataSetOptions data;
  data.labels_needed = false;
  auto samples =
      options.dumps ? open_dumps(options.calibration) : open_dataset(options.calibration, data);
  if (!samples) return samples.error();
  if (!options.dumps) *samples = one_input_each(model, std::move(*samples));
  const size_t count = options.samples == 0 ? samples->size() : options.samples;
  auto chosen = spread_samples(std::move(*samples), count, options.quantize.seed);
  if (options.dumps) return check_samples(std::move(chosen), model, options);
  // A network is fed pictures or tensors, not both: the other kind is named, not dropped.
  const bool tensors = is_tensor_file(chosen.front().path);
  std::vector<std::string> others;
  for (const Sample& sample : chosen) {
    if (!sample.problem.empty() || is_tensor_file(sample.path) == tensors) continue;
    others.push_back(concat(quoted(sample.path), tensors ? " is a picture, among tensors"
                                                         : " is a tensor, among pictures"));
  }
  std::erase_if(chosen, [&](const Sample& s) {
    return s.problem.empty() && is_tensor_file(s.path) != tensors;
  });
  auto checked = check_samples(std::move(chosen), model, options);
  if (!checked) return checked.error();
  checked->unreadable.insert(checked->unreadable.end(), others.begin(), others.end());
  return checked;
}

NetworkInput synthetic_input(const Model& model, size_t i) {
  const auto& [height, width, channels] = model.input;
  return {synthetic_picture(height, width, channels, i), {}, {}};
}

// In place of pictures that nobody has.
Result<Checked> synthetic_samples(const Model& model, const BuildOptions& options) {
  if (!model.picture_input) {
    return rejected(
        "--calib none makes pictures, and this network is fed tensors: name some to "
        "--calib");
  }
  constexpr size_t most = 64;  // as many as repairs are made from
  Checked out;
  out.synthetic = true;
  out.samples.resize(options.samples == 0 ? most : std::min(options.samples, most));
  std::string digests;
  for (size_t i = 0; i < out.samples.size(); ++i) {
    out.samples[i].path = concat("made picture ", i);
    auto digest = digest_of(synthetic_input(model, i));
    if (!digest) return digest.error();
    digests += *digest;
    out.digests.push_back(*std::move(digest));
  }
  auto all = sha256_hex(std::as_bytes(std::span(digests)));
  if (!all) return all.error();
  out.sha256 = *std::move(all);
  return out;
}

// None where the file itself says how everything is stored.
Result<Checked> calibration_or_none(const Model& model, const BuildOptions& options) {
  if (options.synthetic) return synthetic_samples(model, options);
  if (!options.calibration.empty()) return calibration_samples(model, options);
  if (has_roundings(*model.graph)) return Checked{};
  return usage_error(
      "--calib DATA is required for a float model, or --config FILE.yaml (octavo build --help)");
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

// Bytes of an .npy are pixels; here they are fed beside arrays of floats.
std::vector<float> normalized(const Model& model, const std::vector<uint8_t>& pixels) {
  const Preprocess& how = model.preprocess;
  const auto channels = static_cast<size_t>(how.channels());
  std::vector<float> out(pixels.size());
  for (size_t i = 0; i < pixels.size(); ++i) {
    out[i] = (static_cast<float>(pixels[i]) - how.mean[i % channels]) / how.std[i % channels];
  }
  return out;
}

// Reads the pictures anew for each pass, and finds out when one is no longer what it was when it
// was hashed: the plan would claim pictures that it was not made from.
class Feed {
 public:
  Feed(const Model& model, const Checked& checked, const std::optional<Dumps>& dumps)
      : model_(model), checked_(checked), dumps_(dumps) {}

  CalibrationFeed calibration() {
    CalibrationFeed feed;
    const std::vector<Sample>& files = checked_.samples;
    if (files.empty()) return feed;
    feed.views = views();
    feed.count = files.size() * feed.views;
    for (const Sample& sample : files) {
      feed.classes.insert(feed.classes.end(), feed.views, sample.label);
      feed.names.insert(feed.names.end(), feed.views, sample.path);
    }
    if (feeds_values()) {
      feed.values = [this](size_t i) -> Result<std::vector<float>> {
        auto loaded = input(i);
        if (!loaded) return loaded.error();
        if (!loaded->pixels.empty()) loaded->values = normalized(model_, loaded->pixels);
        to_graph_input(model_, loaded->values);
        return std::move(loaded->values);
      };
    } else {
      feed.pixels = [this](size_t i) -> Result<std::vector<uint8_t>> {
        const size_t views = this->views();
        auto loaded = input(i / views);
        if (!loaded) return loaded.error();
        const auto& [height, width, channels] = model_.input;
        return view_of(std::move(loaded->pixels), height, width, channels, i % views);
      };
    }
    return feed;
  }

  // Of each picture; those that are made are as many as are needed.
  size_t views() const {
    if (checked_.synthetic || checked_.samples.empty() || feeds_values()) return 1;
    return views_a_picture(checked_.samples.size());
  }

  Result<NetworkInput> input(size_t i) {
    if (checked_.synthetic) return synthetic_input(model_, i);
    const Sample& sample = checked_.samples[i];
    auto loaded = load_sample(model_, sample, dumps_);
    if (loaded) {
      const auto digest = digest_of(*loaded);
      if (!digest) return digest.error();
      if (*digest == checked_.digests[i]) return loaded;
    } else if (loaded.error().kind == ErrorKind::unsupported) {
      return loaded;  // memory says nothing of the file
    }
    Error changed =
        rejected(concat(quoted(sample.path), " changed while the plan was made from it",
                        loaded ? std::string() : concat(" (", loaded.error().message, ")"),
                        ": build again when nothing writes to the calibration set"));
    const std::lock_guard lock(mutex_);
    if (!changed_) changed_ = changed;
    return changed;
  }

  // Whatever the passes made of it.
  Status unchanged() const {
    const std::lock_guard lock(mutex_);
    return changed_ ? Status(*changed_) : Status();
  }

 private:
  bool feeds_values() const {
    if (checked_.synthetic) return false;
    return dumps_ ? !dumps_->pixels : is_tensor_file(checked_.samples.front().path);
  }

  const Model& model_;
  const Checked& checked_;
  const std::optional<Dumps>& dumps_;
  mutable std::mutex mutex_;
  std::optional<Error> changed_;
};

void warn_of_dark_dumps(const Checked& checked, const BuildOptions& options,
                        std::vector<std::string>& warnings) {
  constexpr int darkest_whole_set = 8;  // normalized values reach 3, values in 0..1 reach 1
  if (!options.dumps || !options.dumps->pixels || checked.brightest > darkest_whole_set) return;
  warnings.push_back(concat("no value of the dumps is above ", checked.brightest,
                            ": pixels from 0 to 255 are expected, before mean and scale"));
}

Preprocess seen_by_graph(const Model& model) {
  Preprocess out = model.preprocess;
  out.mean = model.graph_mean;
  out.std = model.graph_std;
  return out;
}

// int16 by the names of the rewritten graph.
Status name_int16(const Model& model, const BuildOptions& options, QuantizeOptions& quantize,
                  std::vector<std::string>& notes) {
  if (options.int16.empty() && !options.all_int16) return {};
  const Graph graph = prepare_for_steps(*model.graph, model.picture_input);
  auto resolved = resolve_int16(graph, options.int16);
  if (!resolved) return resolved.error();
  std::vector<std::string>& names = quantize.int16_nodes;
  names.insert(names.end(), resolved->names.begin(), resolved->names.end());
  notes.insert(notes.end(), resolved->notes.begin(), resolved->notes.end());
  if (options.all_int16) names = all_step_nodes(graph);
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
  if (!options.bounds.any()) return {};
  if (options.all_int16) {
    return usage_error("--all-int16 leaves no 16 bits to search with: give bounds, or that");
  }
  if (options.synthetic && options.evaluation.empty()) {
    return usage_error(
        "bounds need pictures that judge, and --calib none has none: --eval-data DATA");
  }
  if (options.calibration.empty() && !options.synthetic) {
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

Result<JudgeInputs> evaluation_inputs(const Model& model, const BuildOptions& options) {
  DataSetOptions data;
  data.class_offset = options.class_offset;
  data.classes = model.classes;
  auto samples = open_dataset(options.evaluation, data);
  if (!samples) return samples.error();
  return judge_inputs(model, *std::move(samples));
}

// Those that repairs were not made from, where there are enough of them.
JudgeInputs calibration_inputs(Feed& pictures, const Quantizer& quantizer, size_t count) {
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

Result<Quantized> search_plan(const Model& model, const BuildOptions& options,
                              const QuantizeOptions& how_to_quantize, const Preprocess* how,
                              const CalibrationFeed& feed, const CalibrationStore* store,
                              Feed& pictures, SearchReport& report) {
  Result<JudgeInputs> inputs =
      options.evaluation.empty() ? JudgeInputs{} : evaluation_inputs(model, options);
  if (!inputs) return inputs.error();
  const size_t pictures_there = feed.count / feed.views;
  const size_t judges = options.evaluation.empty() ? pictures_there : inputs->count;
  if (const Status enough = check_judges(options.bounds, judges); !enough) return enough.error();
  const auto quantizer = Quantizer::create(*model.graph, how, feed, how_to_quantize, store);
  if (!quantizer) return quantizer.error();
  if (options.evaluation.empty()) inputs = calibration_inputs(pictures, *quantizer, pictures_there);
  const auto judge =
      PlanJudge::create(model, *std::move(inputs),
                        {how_to_quantize.threads, how_to_quantize.progress, how_to_quantize.stop});
  if (!judge) return judge.error();
  if (const Status enough = check_judges(options.bounds, judge->pictures()); !enough) {
    return enough.error();
  }
  auto found = search_bounds(*quantizer, options.bounds, judge_as_written(*judge, model));
  if (!found) return found.error();
  report = {std::move(found->frontier), found->chosen, std::move(found->missed)};
  return quantizer->finish(std::move(found->folded));
}

// ---- a calibration that is kept

Status check_cache_of(const BuildOptions& options) {
  if (options.cache.path.empty()) return {};
  if (options.calibration.empty() && !options.synthetic) {
    return usage_error(
        "--calib-cache keeps what calibration pictures told: --calib DATA names them");
  }
  return check_cache(options.cache);
}

CalibrationStore store_in(const CalibrationCache& cache, const CalibrationKey& key,
                          const Feed& pictures, BuildResult& result) {
  CalibrationStore store;
  store.load = [&]() {
    std::string replaced;
    auto loaded = load_calibration(cache, key, replaced);
    result.calibration_kept = loaded && *loaded != nullptr;
    if (!replaced.empty()) result.notes.push_back(std::move(replaced));
    return loaded;
  };
  store.save = [&](const Calibration& calibration) -> Status {
    if (const Status same = pictures.unchanged(); !same) return same;
    return save_calibration(cache, key, calibration);
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
  constexpr const char* methods[] = {"auto", "max", "percentile", "mse", "kl"};
  std::string out =
      concat("{\"method\":\"", methods[static_cast<int>(q.method)],
             "\",\"percentile\":", q.percentile, ",\"per_channel\":", q.per_channel_weights,
             ",\"auto_int16\":", q.auto_int16, ",\"seed\":", q.seed, ",\"int16\":[");
  if (options.all_int16) out += "\"*\"";
  for (size_t i = 0; !options.all_int16 && i < q.int16_nodes.size(); ++i) {
    out += concat(i ? "," : "", "\"", json_escaped(q.int16_nodes[i]), "\"");
  }
  out += "],\"disabled\":[";
  for (size_t i = 0; i < options.model.disabled_rewrites.size(); ++i) {
    out += concat(i ? "," : "", "\"", json_escaped(options.model.disabled_rewrites[i]), "\"");
  }
  out += "]";
  if (options.synthetic) out += ",\"calibration\":\"none\"";
  if (!options.model.output_node.empty()) {
    out += concat(",\"output\":\"", json_escaped(options.model.output_node), "\"");
  }
  if (search) out += concat(",\"search\":", search_json(options.bounds, *search));
  return out + "}";
}

Status attach_labels(const BuildOptions& options, Plan& plan) {
  if (options.labels.empty()) return {};
  const auto outputs = static_cast<size_t>(plan.tensors[plan.output].shape[3]);
  auto labels = read_labels(options.labels, static_cast<int>(score_count(outputs)));
  if (!labels) return labels.error();
  plan.labels = std::move(*labels);
  return {};
}

void attach_provenance(const std::string& model_sha256, const std::string& options,
                       const Checked& checked, Plan& plan) {
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

Result<std::vector<float>> run_golden(const Plan& plan, const std::string& isa, uint64_t seed) {
  auto program = Program::prepare(plan, isa);
  if (!program) return program.error();
  auto session = Session::create(*program, 1);
  if (!session) return session.error();
  std::vector<float> logits(static_cast<size_t>(plan.tensors[plan.output].shape[3]));
  if (const Status ran = (*session)->run(golden_input(plan, seed), logits); !ran) {
    return ran.error();
  }
  return logits;
}

Status attach_golden(Plan& plan) {
  for (const uint64_t seed : {uint64_t{1}, uint64_t{2}}) {
    auto reference = run_golden(plan, "reference", seed);
    if (!reference) return reference.error();
    plan.golden.push_back({seed, logits_digest(*reference)});
    auto fast = run_golden(plan, "", seed);
    if (!fast) return fast.error();
    if (logits_digest(*fast) != plan.golden.back().logits_xxh3) {
      return failed(concat("this machine's ", best_isa_name(machine_features()),
                           " kernels and the reference differ on golden input ", seed,
                           ": a fault in Octavo or in this machine; --isa reference avoids it"));
    }
  }
  return {};
}

}  // namespace

Result<BuildResult> build_plan(const std::string& model_path, const BuildOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  if (const Status possible = check_bounds(options); !possible) return possible.error();
  if (const Status possible = check_cache_of(options); !possible) return possible.error();
  const auto file = open_model_file(model_path, options.model);
  if (!file) return file.error();
  const Model* model = &file->model;
  auto checked = calibration_or_none(*model, options);
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
  if (!result.synthetic) {
    const Status warned = warn_of_overlap(options, *model, files, result.warnings);
    if (!warned) return warned.error();
  }
  const Preprocess seen = seen_by_graph(*model);
  warn_of_dark_dumps(*checked, options, result.warnings);
  QuantizeOptions how_to_quantize = options.quantize;
  if (const Status named = name_int16(*model, options, how_to_quantize, result.notes); !named) {
    return named.error();
  }
  Feed pictures(*model, *checked, options.dumps);
  const CalibrationFeed feed = pictures.calibration();
  const Preprocess* how = model->picture_input ? &seen : nullptr;
  if (how && feed.count > 0 && !result.synthetic) {
    const Status warned =
        warn_of_color_order(*model->graph, *how, feed, options.quantize, result.warnings);
    if (!warned) return warned.error();
  }
  CalibrationKey key;
  CalibrationStore store;
  if (!options.cache.path.empty()) {
    auto made =
        calibration_key(*model, {file->sha256, checked->sha256, options.model.disabled_rewrites,
                                 feed.pixels != nullptr, feed.views});
    if (!made) return made.error();
    key = std::move(*made);
    store = store_in(options.cache, key, pictures, result);
  }
  const CalibrationStore* kept = store.load ? &store : nullptr;
  if (options.bounds.any()) result.search.emplace();
  auto quantized = result.search ? search_plan(*model, options, how_to_quantize, how, feed, kept,
                                               pictures, *result.search)
                                 : quantize(*model->graph, how, feed, how_to_quantize, kept);
  if (const Status same = pictures.unchanged(); !same) return same.error();
  if (!quantized) return quantized.error();
  result.plan = std::move(quantized->plan);
  for (std::string& warning : quantized->warnings) result.warnings.push_back(std::move(warning));

  Plan& plan = result.plan;
  // Weights hold the file's own normalization; a float tensor still enters as the file says.
  if (model->picture_input) plan.preprocess = model->preprocess;
  if (const Status labelled = attach_labels(options, plan); !labelled) return labelled.error();
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
  if (const Status possible = check_cache_of(options); !possible) return possible.error();
  const auto file = open_model_file(model_path, options.model);
  if (!file) return file.error();
  const Model& model = file->model;
  if (has_roundings(*model.graph)) {
    return usage_error("the file itself says how everything is stored: 16 bits cannot be tried");
  }
  auto checked = calibration_or_none(model, options);
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
  Feed pictures(model, *checked, options.dumps);
  const CalibrationFeed feed = pictures.calibration();
  const Preprocess seen = seen_by_graph(model);
  CalibrationKey key;
  CalibrationStore store;
  BuildResult kept;
  if (!options.cache.path.empty()) {
    auto made =
        calibration_key(model, {file->sha256, checked->sha256, options.model.disabled_rewrites,
                                feed.pixels != nullptr, feed.views});
    if (!made) return made.error();
    key = std::move(*made);
    store = store_in(options.cache, key, pictures, kept);
  }
  const auto quantizer = Quantizer::create(*model.graph, model.picture_input ? &seen : nullptr,
                                           feed, options.quantize, store.load ? &store : nullptr);
  if (const Status same = pictures.unchanged(); !same) return same.error();
  if (!quantizer) return quantizer.error();
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
