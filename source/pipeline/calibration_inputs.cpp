#include "pipeline/calibration_inputs.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/parallel.h"
#include "base/text.h"
#include "evaluate/file_tree.h"
#include "model/float_model.h"
#include "pipeline/sha256.h"
#include "pipeline/synthetic_pictures.h"
#include "pipeline/views.h"
#include "quantize/roundings.h"

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

// Memory, or the caller's wish: neither says anything of the input.
bool ends_a_build(const Error& error) {
  return error.kind == ErrorKind::unsupported || error.kind == ErrorKind::interrupted;
}

Result<NetworkInput> load_sample(const Model& model, const Sample& sample,
                                 const BuildOptions& options) {
  if (options.inputs.count > 0) return options.inputs.load(model, sample.frame.value_or(0));
  const std::optional<Dumps>& dumps = options.dumps;
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

// The plan will clip what the float network is fed as it is.
std::string warning_of(const Model& model, const Sample& sample, const NetworkInput& input) {
  if (!model.picture_input || input.values.empty()) return input.warning;
  const BeyondPixels found = beyond_pixels(model.preprocess, input.values);
  if (found.count == 0) return input.warning;
  return concat(quoted(sample.path), ": ", beyond_pixels_text(found),
                "; --mean and --std say how values become pixels");
}

Result<CheckedInputs> check_samples(std::vector<Sample> samples, const Model& model,
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
    auto input = load_sample(model, samples[i], build);
    if (!input && ends_a_build(input.error())) return input.error();
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

  CheckedInputs out;
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
Result<CheckedInputs> calibration_samples(const Model& model, const BuildOptions& options) {
  DataSetOptions data;
  data.labels_needed = false;
  auto samples =
      options.dumps ? open_dumps(options.calibration) : open_dataset(options.calibration, data);
  if (!samples) return samples.error();
  if (!options.dumps) *samples = one_input_each(model, std::move(*samples));
  const size_t count = options.samples == 0 ? samples->size() : options.samples;
  auto chosen = spread_samples(std::move(*samples), count, options.quantize.seed);
  if (options.dumps) {
    auto checked = check_samples(std::move(chosen), model, options);
    if (checked) checked->tensors = !options.dumps->pixels;
    return checked;
  }
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
  checked->tensors = tensors;
  return checked;
}

// The caller's, of which the first that can be read says what they are.
Result<CheckedInputs> caller_samples(const Model& model, const BuildOptions& options) {
  std::optional<bool> known;
  for (size_t i = 0; !known && i < options.inputs.count; ++i) {
    const auto input = options.inputs.load(model, i);
    if (input) {
      known = input->pixels.empty();
    } else if (ends_a_build(input.error())) {
      return input.error();
    }
  }
  const bool tensors = known.value_or(false);
  BuildOptions of_one_kind = options;
  of_one_kind.inputs.load = [&](const Model& asking, size_t i) -> Result<NetworkInput> {
    auto input = options.inputs.load(asking, i);
    if (!input || input->pixels.empty() == tensors) return input;
    return rejected(
        concat("calibration input ", i,
               tensors ? " is a picture, among tensors" : " is a tensor, among pictures"));
  };
  std::vector<Sample> samples(options.inputs.count);
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i].path = concat("calibration input ", i);
    samples[i].frame = i;
  }
  auto checked = check_samples(std::move(samples), model, of_one_kind);
  if (checked) checked->tensors = tensors;
  return checked;
}

NetworkInput synthetic_input(const Model& model, size_t i) {
  const auto& [height, width, channels] = model.input;
  return {synthetic_picture(height, width, channels, i), {}, {}};
}

// In place of pictures that nobody has.
Result<CheckedInputs> synthetic_samples(const Model& model, const BuildOptions& options) {
  if (!model.picture_input) {
    return rejected(
        "--calib none makes pictures, and this network is fed tensors: name some to "
        "--calib");
  }
  constexpr size_t most = 64;  // as many as repairs are made from
  CheckedInputs out;
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

}  // namespace

Result<CheckedInputs> calibration_inputs(const Model& model, const BuildOptions& options) {
  if (options.synthetic) return synthetic_samples(model, options);
  if (options.inputs.count > 0) return caller_samples(model, options);
  if (!options.calibration.empty()) return calibration_samples(model, options);
  if (has_roundings(model.graph())) return CheckedInputs{};
  return usage_error(
      "--calib DATA is required for a float model, or --config FILE.yaml (octavo build --help)");
}

CalibrationFeed InputFeed::calibration() {
  CalibrationFeed feed;
  const std::vector<Sample>& files = checked_.samples;
  if (files.empty()) return feed;
  feed.views = views();
  feed.count = files.size() * feed.views;
  for (const Sample& sample : files) {
    feed.classes.insert(feed.classes.end(), feed.views, sample.label);
    feed.names.insert(feed.names.end(), feed.views, sample.path);
  }
  if (checked_.tensors) {
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

size_t InputFeed::views() const {
  if (checked_.synthetic || checked_.samples.empty() || checked_.tensors) return 1;
  return views_a_picture(checked_.samples.size());
}

Result<NetworkInput> InputFeed::input(size_t i) {
  if (const auto there = kept(i)) return *there;
  auto out = checked_.synthetic ? synthetic_input(model_, i) : read(i);
  if (out) keep(i, *out);
  return out;
}

std::shared_ptr<const NetworkInput> InputFeed::kept(size_t i) const {
  const std::lock_guard lock(mutex_);
  return kept_[i];
}

// Those that are read first: every pass goes over them in the same order, so that of a set that is
// too large the ones that were used last would never be there when they are wanted.
void InputFeed::keep(size_t i, const NetworkInput& input) {
  constexpr size_t most_bytes = size_t{64} << 20;
  const size_t bytes = input.pixels.size() + input.values.size() * sizeof(float);
  const std::lock_guard lock(mutex_);
  if (kept_[i] != nullptr || kept_bytes_ + bytes > most_bytes) return;
  kept_[i] = std::make_shared<const NetworkInput>(input);
  kept_bytes_ += bytes;
}

Result<NetworkInput> InputFeed::read(size_t i) {
  const Sample& sample = checked_.samples[i];
  auto loaded = load_sample(model_, sample, options_);
  if (loaded) {
    const auto digest = digest_of(*loaded);
    if (!digest) return digest.error();
    if (*digest == checked_.digests[i]) return loaded;
  } else if (ends_a_build(loaded.error())) {
    return loaded;
  }
  Error changed =
      rejected(concat(quoted(sample.path), " changed while the plan was made from it",
                      loaded ? std::string() : concat(" (", loaded.error().message, ")"),
                      ": build again when nothing writes to the calibration set"));
  const std::lock_guard lock(mutex_);
  if (!changed_) changed_ = changed;
  return changed;
}

Status InputFeed::unchanged() const {
  const std::lock_guard lock(mutex_);
  return changed_ ? Status(*changed_) : Status();
}

}  // namespace octavo
