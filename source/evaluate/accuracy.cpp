#include "evaluate/accuracy.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/parallel.h"
#include "base/text.h"
#include "model/input.h"

namespace octavo {

namespace {

using Clock = std::chrono::steady_clock;

// What becomes of one picture.
struct Outcome {
  PictureRecord record;
  std::string unreadable;       // why, if it is
  std::string warning;          // "" where all was well
  Status ran;                   // of the models
  std::vector<double> seconds;  // a model
};

bool same_input(const Model& a, const Model& b) {
  return a.input == b.input && a.picture_input == b.picture_input && a.preprocess == b.preprocess;
}

// One thread's classifiers, one a model.
class Worker {
 public:
  static Result<Worker> create(const std::vector<Model>& models) {
    Worker worker(models);
    for (const Model& model : models) {
      Result<Classifier> classifier = make_classifier(model, 1);
      if (!classifier) return classifier.error();
      worker.classifiers_.push_back(*std::move(classifier));
    }
    return worker;
  }

  Outcome classify_all(const Sample& sample) {
    Outcome out;
    out.record.path = sample.path;
    out.record.label = sample.label;
    const auto bytes = read_sample(sample);
    if (!bytes) return not_read(bytes.error(), std::move(out));
    // Models that are fed alike share one decoded picture.
    const Model* prepared_for = nullptr;
    NetworkInput input;
    for (size_t m = 0; m < models_->size(); ++m) {
      const Model& model = (*models_)[m];
      // Tensors that a float network takes may be beyond what a plan's pixels hold.
      const bool checked_alike =
          input.values.empty() || !prepared_for || prepared_for->is_float() == model.is_float();
      if (!prepared_for || !same_input(*prepared_for, model) || !checked_alike) {
        Result<NetworkInput> decoded =
            decode_network_input(model, sample.path, *bytes, sample.frame);
        if (!decoded) return not_read(decoded.error(), std::move(out));
        input = *std::move(decoded);
        if (out.warning.empty()) out.warning = input.warning;
        prepared_for = &model;
      }
      logits_.resize(static_cast<size_t>(model.outputs));
      const auto start = Clock::now();
      out.ran = classify(classifiers_[m], input, logits_);
      out.seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
      if (!out.ran) return out;
      out.record.top5.push_back(best_five(model.output_kind));
      scores_of(model, m == 0 ? first_scores_ : scores_);
      if (m > 0) out.record.divergence.push_back(divergence_from_first());
    }
    return out;
  }

 private:
  explicit Worker(const std::vector<Model>& models) : models_(&models) {}

  // Memory that runs out says nothing of the picture.
  static Outcome not_read(const Error& error, Outcome out) {
    if (error.kind == ErrorKind::unsupported) {
      out.ran = error;
    } else {
      out.unreadable = error.message;
    }
    return out;
  }

  std::array<int32_t, 5> best_five(OutputKind kind) const {
    std::array<int32_t, 5> best;
    best.fill(-1);
    const std::vector<Score> scores = top_scores(kind, logits_, 5);
    for (size_t k = 0; k < std::min(scores.size(), best.size()); ++k) best[k] = scores[k].index;
    return best;
  }

  // By class; none where labels have scores of their own.
  void scores_of(const Model& model, std::vector<float>& scores) const {
    scores.clear();
    if (is_multi_label(model.output_kind, logits_.size())) return;
    for (const Score& score : all_scores(model.output_kind, logits_)) scores.push_back(score.score);
  }

  double divergence_from_first() const {
    if (scores_.empty() || scores_.size() != first_scores_.size()) return std::nan("");
    return score_divergence(first_scores_, scores_);
  }

  const std::vector<Model>* models_;
  std::vector<Classifier> classifiers_;
  std::vector<float> logits_, first_scores_, scores_;
};

Status check_models(const std::vector<Model>& models) {
  if (models.empty()) return usage_error("there is no model to evaluate");
  for (const Model& model : models) {
    if (model.classes != models.front().classes) {
      return usage_error(concat(quoted(models.front().path), " has ", models.front().classes,
                                " classes and ", quoted(model.path), " has ", model.classes,
                                ": they cannot be compared on one data set"));
    }
  }
  return {};
}

// Whether picture i is right, for one model.
std::vector<uint8_t> right_pictures(const std::vector<PictureRecord>& pictures, size_t model) {
  std::vector<uint8_t> right;
  for (const PictureRecord& picture : pictures) {
    right.push_back(picture.label >= 0 && picture.top5[model][0] == picture.label);
  }
  return right;
}

ModelAccuracy accuracy_of(const std::vector<PictureRecord>& pictures, size_t model,
                          double images_per_second) {
  ModelAccuracy out;
  for (const PictureRecord& picture : pictures) {
    const auto& top5 = picture.top5[model];
    if (picture.label < 0) continue;
    out.right1 += top5[0] == picture.label;
    out.right5 += std::find(top5.begin(), top5.end(), picture.label) != top5.end();
  }
  out.top1_ci95 = wilson95(out.right1, static_cast<int64_t>(pictures.size()));
  out.images_per_second = images_per_second;
  return out;
}

ModelComparison compare_with_first(const std::vector<PictureRecord>& pictures, size_t model,
                                   double margin) {
  const std::vector<uint8_t> first = right_pictures(pictures, 0);
  const std::vector<uint8_t> second = right_pictures(pictures, model);
  ModelComparison out{compare_paired(first, second, margin), {}, {}, {}};
  std::vector<double> divergences;
  std::vector<int32_t> labels;
  for (const PictureRecord& picture : pictures) {
    out.agree += picture.top5[0][0] == picture.top5[model][0];
    divergences.push_back(picture.divergence[model - 1]);
    labels.push_back(picture.label);
  }
  out.agree_ci95 = wilson95(out.agree, out.n);
  if (!std::isnan(divergences.front())) out.divergence = mean95(divergences);
  out.harmed = harmed_classes(labels, first, second);
  return out;
}

Result<Evaluation> merge(std::vector<Outcome> outcomes, size_t models, size_t threads,
                         double margin) {
  Evaluation out;
  std::vector<double> seconds(models, 0);
  for (Outcome& outcome : outcomes) {
    if (!outcome.unreadable.empty()) {
      out.unreadable.push_back(std::move(outcome.unreadable));
      continue;
    }
    if (!outcome.warning.empty()) out.warnings.push_back(std::move(outcome.warning));
    for (size_t m = 0; m < models; ++m) seconds[m] += outcome.seconds[m];
    out.pictures.push_back(std::move(outcome.record));
  }
  if (out.pictures.empty()) {
    return rejected(concat("none of the ", outcomes.size(), " pictures can be read; the first: ",
                           out.unreadable.empty() ? "no picture" : out.unreadable.front()));
  }
  for (size_t m = 0; m < models; ++m) {
    const auto done = static_cast<double>(out.pictures.size() * threads);
    out.models.push_back(accuracy_of(out.pictures, m, seconds[m] > 0 ? done / seconds[m] : 0));
    if (m > 0) out.paired.push_back(compare_with_first(out.pictures, m, margin));
  }
  return out;
}

Result<uint64_t> sample_size(const Sample& sample) {
  if (!sample.archive.empty()) return sample.size;
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(sample.path, error);
  if (error) return failed(concat("cannot read ", quoted(sample.path), ": ", error.message()));
  return size;
}

// Two 64-bit halves of XXH3-128.
using Digest = std::pair<uint64_t, uint64_t>;

Result<Digest> digest_of(const Sample& sample) {
  const auto bytes = read_sample(sample);
  if (!bytes) return bytes.error();
  const XXH128_hash_t hash = XXH3_128bits((*bytes).data(), (*bytes).size());
  return Digest{hash.high64, hash.low64};
}

}  // namespace

Result<Evaluation> evaluate(const std::vector<Model>& models, const std::vector<Sample>& samples,
                            const EvaluateOptions& options) {
  if (Status checked = check_models(models); !checked) return checked.error();
  std::vector<Worker> workers;
  const size_t wanted = static_cast<size_t>(std::max(options.threads, 1));
  for (size_t t = 0; t < std::min(wanted, std::max<size_t>(samples.size(), 1)); ++t) {
    Result<Worker> worker = Worker::create(models);
    if (!worker) return worker.error();
    workers.push_back(*std::move(worker));
  }

  std::vector<Outcome> outcomes(samples.size());
  Parallel how{static_cast<int>(workers.size()), options.stop, {}};
  if (options.progress) {
    how.progress = [&](size_t done) { options.progress(done, samples.size()); };
  }
  const Status ran = for_each_index(samples.size(), how, [&](size_t i, size_t worker) -> Status {
    outcomes[i] = workers[worker].classify_all(samples[i]);
    if (outcomes[i].ran) return {};
    const Error& error = outcomes[i].ran.error();
    return Error{error.kind, concat(quoted(samples[i].path), ": ", error.message)};
  });
  if (!ran) return ran.error();
  return merge(std::move(outcomes), models.size(), workers.size(), options.margin);
}

// Only files that share their size with one of the other set are read at all. A file that
// cannot be read overlaps with nothing: reading it for its own purpose names it.
Result<size_t> count_overlap(const std::vector<Sample>& a, const std::vector<Sample>& b) {
  std::map<uint64_t, std::vector<const Sample*>> by_size;
  for (const Sample& sample : b) {
    if (const auto size = sample_size(sample)) by_size[*size].push_back(&sample);
  }
  std::map<uint64_t, std::set<Digest>> digests;  // of b, by size, as they are needed
  size_t overlap = 0;
  for (const Sample& sample : a) {
    const auto size = sample_size(sample);
    if (!size) continue;
    const auto candidates = by_size.find(*size);
    if (candidates == by_size.end()) continue;
    const auto [known, is_new] = digests.try_emplace(*size);
    for (const Sample* other : is_new ? candidates->second : std::vector<const Sample*>()) {
      if (const auto digest = digest_of(*other)) known->second.insert(*digest);
    }
    if (const auto digest = digest_of(sample)) overlap += known->second.count(*digest);
  }
  return overlap;
}

}  // namespace octavo
