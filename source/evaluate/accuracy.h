// Runs models over a data set: each picture decoded once a model, several pictures at
// once, results in the order of the pictures whatever the thread count.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "evaluate/dataset.h"
#include "evaluate/statistics.h"
#include "model/model.h"

namespace octavo {

// One picture: its Top-5 of each model, in order of rank.
struct PictureRecord {
  std::string path;
  int label = -1;
  std::vector<std::array<int32_t, 5>> top5;  // one entry a model; -1 where there are fewer classes
  std::vector<double> divergence;  // of model i + 1's scores from model 0's, nats; NaN: not defined
};

struct ModelAccuracy {
  int64_t right1 = 0, right5 = 0;
  Interval top1_ci95;            // fractions
  double images_per_second = 0;  // of the network alone, one thread a picture
};

// A model against the first one.
struct ModelComparison : Paired {
  Interval agree_ci95;             // fractions
  std::optional<Mean> divergence;  // of the scores, nats a picture; none where labels have
                                   // scores of their own
  std::vector<HarmedClass> harmed;
};

struct Evaluation {
  std::vector<PictureRecord> pictures;  // those that could be read
  std::vector<ModelAccuracy> models;
  std::vector<ModelComparison> paired;  // model i + 1 against model 0
  std::vector<std::string> unreadable;  // one sentence a picture
  std::vector<std::string> warnings;    // of pictures that count: one sentence each
};

struct EvaluateOptions {
  int threads = 1;
  double margin = default_margin;  // points of Top-1, for the verdicts
  std::function<void(size_t done, size_t total)> progress;
  const std::atomic<bool>* stop = nullptr;
};

// Errors: no picture could be read, a model that fails, interrupted.
Result<Evaluation> evaluate(const std::vector<Model>& models, const std::vector<Sample>& samples,
                            const EvaluateOptions& options);

// How many of `a` have the same bytes as one of `b` (calibration against evaluation).
Result<size_t> count_overlap(const std::vector<Sample>& a, const std::vector<Sample>& b);

}  // namespace octavo
