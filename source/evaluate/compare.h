// Who is to blame: each step of a plan against the float network on real pictures.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "evaluate/accuracy.h"
#include "evaluate/dataset.h"
#include "evaluate/step_error.h"
#include "model/model.h"

namespace octavo {

// The channel that has the most of a step's error.
struct WorstChannel {
  size_t channel = 0;
  double error_share = 0, sqnr_db = 0;  // of the step's squared error; the channel's own
  StoredRange range;                    // what it can store
  double beyond = 0;                    // share of the float network's values outside of that
  RangeHistogram histogram{};           // of the float network's values
};

// What the logits feel of one step: only its output is rounded, as the plan stores it.
struct LogitsEffect {
  double flips = 0;  // share of pictures with another Top-1
  double sqnr_db = 0;
};

struct LayerError {
  std::string name, op;
  // Accumulated: the plan's own tensors against float, over all pictures.
  double cosine = 1, sqnr_db = 0;
  // Alone: only this step quantized, as `build` measured it on calibration pictures.
  double cosine_alone = 1, sqnr_alone_db = 0;
  bool has_alone = false;
  std::optional<WorstChannel> worst;   // none of what is stored in float
  std::optional<LogitsEffect> effect;  // of steps that round, where it was asked for
};

struct Comparison {
  size_t pictures = 0;
  std::vector<LayerError> layers;  // in the plan's order
  int64_t top1_agree = 0;
  double logit_cosine = 1, logit_sqnr_db = 0, largest_logit_difference = 0;
  std::vector<std::string> unreadable;
};

struct CompareOptions : EvaluateOptions {
  bool effects = true;  // a run of the float network for each step that rounds, and picture
  std::vector<std::string> disabled;  // rewrites for steps that the plan was built without
};

// `plan` must have been built from `float_model`'s file: steps are found by name, and a
// step that the float network does not have is an Error naming it.
Result<Comparison> compare_layers(const Model& float_model, const Model& plan,
                                  const std::vector<Sample>& samples,
                                  const CompareOptions& options);

}  // namespace octavo
