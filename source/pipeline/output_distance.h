// How far a plan's logits are from the float network's, in the four words of hb_mapper.
#pragma once

#include <cstddef>
#include <functional>

#include "base/result.h"
#include "model/input.h"
#include "model/model.h"
#include "plan/plan.h"

namespace octavo {

// d = plan - float over n logits: l1 = mean |d|, l2 = |d| / n, both averaged over the inputs;
// chebyshev = max |d|; cosine over all inputs. l2 is hb_mapper's: its length is divided by n,
// not by the root of n.
struct OutputDistance {
  size_t inputs = 0;
  double cosine = 1, l1 = 0, l2 = 0, chebyshev = 0;
};

Result<OutputDistance> measure_output(const Model& float_model, const Plan& plan, size_t count,
                                      const std::function<Result<NetworkInput>(size_t)>& load);

}  // namespace octavo
