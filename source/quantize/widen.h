// Where bytes are too few for the network as a whole: which tensors to store with 16 bits.
//
// A deep network may amplify what its first layers round, though every step alone is as good as
// bytes can be. Then 16 bits for a few tensors that cost little tell more than anything else. And
// most of what disturbs the logits may come from tensors that cost next to nothing: the first maps
// of a network, which few channels read, or its last ones, which have few pixels.
#pragma once

#include <span>

#include "quantize/pass.h"

namespace octavo {

// Logits below this cosine to the float network's are worth the search.
inline constexpr double least_logits_cosine = 0.99;
// Above this one there is nothing to gain.
inline constexpr double ample_logits_cosine = 0.9995;
// 16 bits that are worth it: where the logits are below a cosine, those that take so many times
// their share of the added time off the noise, as long as they add no more than `share` to a frame.
// Below 0.997 (22 dB) a visible part of the answers is another one than float's: there they may
// cost more, and bring less. Few pictures leave ranges unsure, which 16 bits have room for.
struct WorthRung {
  double below, least_gain, share;
  bool of_few_pictures = false;
};
inline constexpr WorthRung worth_rungs[] = {
    {ample_logits_cosine, 2, 0.08}, {0.997, 1, 0.2}, {0.997, 0.25, 0.3, true}};
// Where the logits are below a cosine nevertheless, the share of all multiply-accumulates that may
// read 16 bits, the ones that types.h widens included, and of the time: no more, whatever it is
// worth, and more only where that was not enough and the logits are poor.
struct WideRung {
  double below, share;
};
inline constexpr WideRung wide_rungs[] = {
    {least_logits_cosine, 0.2}, {0.985, 0.25}, {0.985, 0.5}, {0.985, 1}};

// Tensors that become 16-bit together, since they share their stored values.
struct WideCandidate {
  std::vector<TensorId> tensors;
  double noise = 0;  // power of what their rounding to bytes does to the logits, over the logits'
  double macs = 0;   // multiply-accumulates that read them
  double work = 0;   // what 16 bits add to a frame, in multiply-accumulates of bytes
  // One that a step rounds: named as 16-bit, it takes all of them along.
  TensorId first_rounded = 0;
  // Whether convolutions read a copy of it in bytes (byte_copies.h), or the words after all,
  // which is what a second candidate adds to a first one.
  enum class Readers { all_alike, copy, no_longer_copy } readers = Readers::all_alike;
};

struct WideCandidates {
  std::vector<WideCandidate> ranked;     // what disturbs most for the time that 16 bits add first
  double total_macs = 0, wide_macs = 0;  // of the network; those that read 16 bits already
  double total_work = 0;                 // of a frame in bytes
  // The noise is that of pictures which the ranges were not made from.
  bool of_other_pictures = false;
};

// Rounds one tensor at a time in the float network, on a few of `pictures`, which the inputs' feed
// has. with_copies: where these pay, a tensor is two candidates, the copy first.
Result<WideCandidates> rank_wide_candidates(const PassInputs& inputs, const Quantization& q,
                                            std::span<const size_t> pictures, bool with_copies);

struct Widening {
  std::vector<bool> taken;        // by candidate
  std::vector<TensorId> tensors;  // of those, with the ones that share their stored values
  std::vector<TensorId> copied;   // of which convolutions read a copy in bytes
  double macs = 0;                // multiply-accumulates that read them
};

// Takes further candidates in their order until what they disturb makes up for
// what `logits_cosine`, that of a plan with those of `so_far`, is short of; or no more fit into the
// share of the multiply-accumulates and of the time.
Widening widen_further(const WideCandidates& candidates, Widening so_far, double logits_cosine,
                       double most_share);

// Those whose share of all candidates' noise is at least rung.least_gain times what 16 bits for
// them add to the network's time, up to rung.share of that.
Widening worth_widening(const WideCandidates& candidates, const WorthRung& rung);

// The first `count` of those that `so_far` has not, whatever they are worth, on top of it.
Widening first_to_widen(const WideCandidates& candidates, size_t count, Widening so_far = {});

// The logits' cosine that the noise of those which are not taken amounts to.
double expected_cosine(const WideCandidates& candidates, const Widening& widening);

}  // namespace octavo
