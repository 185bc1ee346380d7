// A plan beside the float network that it was built from: time, and accuracy where there are
// pictures.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "evaluate/accuracy.h"
#include "evaluate/dataset.h"
#include "model/model.h"

namespace octavo {

struct BesideFloat {
  double float_ms = 0, ms_one = 0, ms_all = 0;  // the plan by one thread, and by all
  int threads = 1;                              // all
  std::optional<Evaluation> evaluation;         // float first
};

// samples: null where accuracy is not asked for. options.threads: all.
Result<BesideFloat> measure_beside_float(const Model& float_model, const Model& plan,
                                         const std::vector<Sample>* samples,
                                         const EvaluateOptions& options);

}  // namespace octavo
