// Where bytes are too few for the network as a whole: which tensors to store with 16 bits.
//
// A deep network may amplify what its first layers round, though every step alone is as good as
// bytes can be. Then 16 bits for a few tensors that cost little tell more than anything else.
#pragma once

#include "quantize/simulate.h"
#include "quantize/types.h"

namespace octavo {

// Logits below this cosine to the float network's are worth the search.
inline constexpr double least_logits_cosine = 0.98;
// Of all multiply-accumulates, those that may read 16 bits, the ones that types.h widens included.
inline constexpr double most_wide_macs = 0.05;

struct Widening {
  std::vector<TensorId> tensors;  // with those that share their stored values
  double macs_share = 0;          // of the network's, that read 16 bits when these do
};

// Rounds one tensor at a time in the float network, and takes the tensors whose rounding disturbs
// the logits most for the multiply-accumulates that read them, until what they disturb makes up
// for what `logits_cosine` (with all steps quantized) is short of, or no more fit.
Result<Widening> tensors_to_widen(const Graph& graph, const FormedSteps& formed,
                                  const Choice& choice, const StepTables& tables,
                                  const InputMapping& mapping, const CalibrationFeed& feed,
                                  const std::vector<size_t>& pictures, double logits_cosine,
                                  const Sweep& sweep);

}  // namespace octavo
