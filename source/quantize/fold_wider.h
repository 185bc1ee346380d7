// 16 bits as `build` gives them by itself: where they are worth their time, and, as long as the
// logits are too far off, where they are not.
#pragma once

#include "quantize/quantizer.h"
#include "quantize/widen.h"

namespace octavo {

// Whether bytes, of which `folded` is made, leave anything to gain.
bool gains_by_widening(const Quantizer& quantizer, const Quantization& folded);

struct FoldedWider {
  Quantization quantization;
  Widening widening;  // of it: nothing where `first` was best
};
// Folds again along the rungs of widen.h; what is worse than before is dropped. `first`: fold()'s
// without copies; `candidates`: its, with copies.
Result<FoldedWider> fold_wider(const Quantizer& quantizer, Quantization first,
                               const WideCandidates& candidates);

}  // namespace octavo
