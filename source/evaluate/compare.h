// Who is to blame: each step of a plan against the float network on real pictures.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "evaluate/accuracy.h"
#include "evaluate/dataset.h"
#include "evaluate/model.h"

namespace octavo {

struct LayerError {
  std::string name, op;
  // Accumulated: the plan's own tensors against float, over all pictures.
  double cosine = 1, sqnr_db = 0;
  // Alone: only this step quantized, as `build` measured it on calibration pictures.
  double cosine_alone = 1, sqnr_alone_db = 0;
  bool has_alone = false;
};

struct Comparison {
  size_t pictures = 0;
  std::vector<LayerError> layers;       // in the plan's order
  int64_t top1_agree = 0;
  double logit_cosine = 1, largest_logit_difference = 0;
  std::vector<std::string> unreadable;
};

// `plan` must have been built from `float_model`'s file: steps are found by name, and a
// step that the float network does not have is an Error naming it.
Result<Comparison> compare_layers(const Model& float_model, const Model& plan,
                                  const std::vector<Sample>& samples,
                                  const EvaluateOptions& options);

}  // namespace octavo
