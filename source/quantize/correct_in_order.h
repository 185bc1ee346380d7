// Bias correction in the network's order (empirical bias correction, Nagel et al. 2019): what the
// layers before a convolution shift, by clipping most of all, its own bias takes back too.
//
// All convolutions at once would overshoot, since each answers again for those before it. So they
// are corrected a few that follow each other at a time, in order, with the corrections so far in
// the simulated network, and so damped that a chain of them cannot make a shift larger.
#pragma once

#include "quantize/pass.h"

namespace octavo {

// How many groups at most, each of which costs a run over the pictures of calibration.repair from
// the group before it to its end; how many convolutions a group has at least.
inline constexpr size_t most_correction_groups = 16, least_corrected_together = 4;
// Of the shift that is seen: the last of `together` that each pass on all of a shift s has
// s (1 - damping * together) left, which is nothing.
constexpr double correction_damping(size_t together) {
  return 1.0 / static_cast<double>(together);
}
// Means of fewer values tell the pictures and not the network.
inline constexpr uint64_t least_corrected_values = 1000;

// By step: in place of q.bias_shifts, what is added to each real bias; as they are where the means
// of all channels together are no nearer in the end. Empty where those are.
Result<std::vector<std::vector<double>>> correct_in_order(const PassInputs& inputs,
                                                          const Quantization& q);

}  // namespace octavo
