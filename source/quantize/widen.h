// Where bytes are too few for the network as a whole: which tensors to store with 16 bits.
//
// A deep network may amplify what its first layers round, though every step alone is as good as
// bytes can be. Then 16 bits for a few tensors that cost little tell more than anything else. And
// most of what disturbs the logits may come from tensors that cost next to nothing: the first maps
// of a network, which few channels read, or its last ones, which have few pixels.
#pragma once

#include "quantize/pass.h"

namespace octavo {

// Logits below this cosine to the float network's are worth the search.
inline constexpr double least_logits_cosine = 0.99;
// Above this one there is nothing to gain.
inline constexpr double ample_logits_cosine = 0.9995;
// Where the logits are below a cosine, the share of all multiply-accumulates that may read 16 bits,
// the ones that types.h widens included, and what that may add to a frame, as a share of its time:
// a few, and more only where these were not enough and the logits are poor.
struct WideRung {
  double below, share;
};
inline constexpr WideRung wide_rungs[] = {
    {least_logits_cosine, 0.05}, {0.985, 0.25}, {0.985, 0.5}, {0.985, 1}};

// Tensors that become 16-bit together, since they share their stored values.
struct WideCandidate {
  std::vector<TensorId> tensors;
  double noise = 0;  // power of what their rounding to bytes does to the logits, over the logits'
  double macs = 0;   // multiply-accumulates that read them
  double elements = 0;  // that it holds, and that are computed from it without products
  // One that a step rounds: named as 16-bit, it takes all of them along.
  TensorId first_rounded = 0;
};

struct WideCandidates {
  std::vector<WideCandidate> ranked;     // what disturbs most for the time that 16 bits add first
  double total_macs = 0, wide_macs = 0;  // of the network; those that read 16 bits already
  double total_elements = 0;             // of all that the network stores
};

// Rounds one tensor at a time in the float network, on a few of the calibration pictures.
Result<WideCandidates> rank_wide_candidates(const PassInputs& inputs, const Quantization& q);

struct Widening {
  std::vector<bool> taken;        // by candidate
  std::vector<TensorId> tensors;  // of those, with the ones that share their stored values
  double macs = 0;                // multiply-accumulates that read them
};

// Takes further candidates in their order until what they disturb makes up for
// what `logits_cosine`, that of a plan with those of `so_far`, is short of; or no more fit into the
// share of the multiply-accumulates and of the time.
Widening widen_further(const WideCandidates& candidates, Widening so_far, double logits_cosine,
                       double most_share);

// Where nothing is short of anything: those whose share of all candidates' noise is several times
// their share of the network's time, up to a twentieth of that.
Widening cheap_to_widen(const WideCandidates& candidates);

}  // namespace octavo
