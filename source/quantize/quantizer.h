// One calibration, many foldings: what a network and its pictures say is measured once, and each
// choice of what is stored with 16 bits is folded from that.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "quantize/pass.h"
#include "quantize/widen.h"

namespace octavo {

struct Widened {
  std::vector<TensorId> tensors;
  std::vector<TensorId> copied;    // of which convolutions read a copy in bytes
  std::vector<std::string> nodes;  // that ask for it as `int16_nodes`
};

// cut_into_steps (network.h) for what the options name, which are checked.
Result<StepNetwork> cut_as_asked(const Graph& graph, const Preprocess* how,
                                 const QuantizeOptions& options);

class Quantizer {
 public:
  // Calibrates, or takes what `store` kept, with which every fold is the same to the bit. `how` and
  // `feed`, which has pictures, must outlive it.
  static Result<Quantizer> create(const Graph& graph, const Preprocess* how,
                                  const CalibrationFeed& feed, const QuantizeOptions& options,
                                  const CalibrationStore* store = nullptr);

  // With 16 bits for `wide`, beside those that the options and the network itself ask for;
  // convolutions read a copy in bytes of those that are `copied` (byte_copies.h). earlier: another
  // fold() of this quantizer without copies, or null; it saves time and changes nothing.
  Result<Quantization> fold(std::span<const TensorId> wide = {},
                            std::span<const TensorId> copied = {},
                            const Quantization* earlier = nullptr) const;
  // `folded` is fold()'s, maybe with some that are wide already, without copies. with_copies: as
  // rank_wide_candidates (widen.h). Where few pictures calibrate, ranges of half of them are judged
  // on the other half.
  Result<WideCandidates> wide_candidates(const Quantization& folded,
                                         bool with_copies = false) const;
  // What `plan`, made from this network, stores with 16 bits and fold() would not.
  Widened widened_in(const Plan& plan) const;
  // What calibration and weights warn of.
  std::vector<std::string> warnings(const Quantization& folded) const;
  // Its plan with its report, and what it warns of.
  Quantized finish(Quantization folded) const;

  const Graph& graph() const { return network_->graph; }
  // Each is fed in several views.
  bool sees_few_pictures() const { return feed_->views > 1; }
  // Pictures whose values repairs are not made from: they judge.
  std::vector<size_t> held_out() const;

 private:
  Quantizer(const Preprocess* how, const CalibrationFeed& feed, const QuantizeOptions& options)
      : how_(how), feed_(&feed), options_(options) {}
  Sweep sweep(const char* what) const;
  size_t pictures_read() const;
  Result<WideCandidates> candidates_by_halves(const Quantization& folded, bool with_copies) const;
  Result<std::shared_ptr<const Calibration>> calibrated(const CalibrationStore* store) const;
  PassInputs inputs(const StepNetwork& network, const Calibration& calibration,
                    std::span<const TensorId> wide) const;

  const Preprocess* how_;
  const CalibrationFeed* feed_;
  QuantizeOptions options_;
  std::unique_ptr<const StepNetwork> network_;
  std::shared_ptr<const Calibration> calibration_;
};

}  // namespace octavo
