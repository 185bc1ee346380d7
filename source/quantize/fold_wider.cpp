#include "quantize/fold_wider.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace octavo {

bool gains_by_widening(const Quantizer& quantizer, const Quantization& folded) {
  return quantizer.sees_few_pictures() || folded.report.logits_cosine < ample_logits_cosine;
}

Result<FoldedWider> fold_wider(const Quantizer& quantizer, Quantization first,
                               const WideCandidates& candidates) {
  std::optional<FoldedWider> best;  // better than `first`
  // Few pictures tell nothing of what they themselves clip.
  const bool by_others = candidates.of_other_pictures;
  const auto cosine_of = [&](const Quantization& q, const Widening& wide) {
    const double seen = q.report.logits_cosine;
    return by_others ? std::min(seen, expected_cosine(candidates, wide)) : seen;
  };
  Widening wide;
  double cosine = cosine_of(first, wide), highest = cosine;
  // Folds with `next` where that is another widening than the last one.
  const auto attempt = [&](Widening next) -> Status {
    if (next.tensors == wide.tensors && next.copied == wide.copied) return {};
    wide = std::move(next);
    auto wider = quantizer.fold(wide.tensors, wide.copied, &first);
    if (!wider) return wider.error();
    cosine = cosine_of(*wider, wide);
    if (cosine > highest) best = {*std::move(wider), wide};
    highest = std::max(highest, cosine);
    return {};
  };
  for (const WorthRung& rung : worth_rungs) {
    if (cosine >= rung.below || (rung.of_few_pictures && !by_others)) break;
    const Status tried = attempt(worth_widening(candidates, rung));
    if (!tried) return tried.error();
  }
  for (const auto& [below, share] : wide_rungs) {
    if (cosine >= below) break;
    const Status tried = attempt(widen_further(candidates, wide, cosine, share));
    if (!tried) return tried.error();
  }
  return best ? *std::move(best) : FoldedWider{std::move(first), {}};
}

}  // namespace octavo
