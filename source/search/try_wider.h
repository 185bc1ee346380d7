// What 16 bits for a few more tensors would bring to a plan: tried, not estimated.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "quantize/quantizer.h"
#include "search/search.h"

namespace octavo {

struct WideTrial {
  FrontierPoint point;             // on top of what the plan has
  std::vector<std::string> nodes;  // that --int16 names for it, those of the plan among them
  bool settled = true;             // else build would widen further tensors by itself
};

struct WideTrials {
  std::vector<WideTrial> tried;  // the plan as it is, then by rising number
  size_t best = 0;               // most agreement, by the fewest tensors; 0 where none has more
};

// `present`: what the plan stores with 16 bits already, by wish or by build's own search.
// Candidates are taken in the order of rank_wide_candidates (widen.h), 1, 2, 4, ... of those that
// fit, while no more than a quarter of all multiply-accumulates read 16 bits.
Result<WideTrials> try_wider(const Quantizer& quantizer, const Widened& present,
                             const Judge& judge);

}  // namespace octavo
