// One calibration, many foldings: what a network and its pictures say is measured once, and each
// choice of what is stored with 16 bits is folded from that.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "quantize/calibrate.h"
#include "quantize/choose.h"
#include "quantize/lower.h"
#include "quantize/quantize.h"
#include "quantize/types.h"
#include "quantize/widen.h"

namespace octavo {

// A network cut into steps.
struct StepNetwork {
  Graph graph;
  InputMapping mapping;
  FormedSteps formed;
  StoredTypes types;
};
// `graph` has been through run_rewrites. The errors of form_steps and stored_types, and those of
// a preprocessing that does not fit the network.
Result<StepNetwork> cut_into_steps(const Graph& graph, const Preprocess* how,
                                   const QuantizeOptions& options);
ChooseOptions choose_options(const StepNetwork& network, const QuantizeOptions& options);

struct Folded {
  Choice choice;
  StepTables tables;
  Plan plan;                 // with its report
  double logits_cosine = 1;  // QuantizationReport's
};

struct Widened {
  std::vector<TensorId> tensors;
  std::vector<std::string> nodes;  // that ask for it as `int16_nodes`
};

class Quantizer {
 public:
  // Calibrates, or takes what `store` kept, with which every fold is the same to the bit. `how` and
  // `feed`, which has pictures, must outlive it.
  static Result<Quantizer> create(const Graph& graph, const Preprocess* how,
                                  const CalibrationFeed& feed, const QuantizeOptions& options,
                                  const CalibrationStore* store = nullptr);

  // With 16 bits for `wide`, beside those that the options and the network itself ask for.
  Result<Folded> fold(std::span<const TensorId> wide = {}) const;
  // `folded` is fold()'s.
  Result<WideCandidates> wide_candidates(const Folded& folded) const;
  // What `plan`, made from this network, stores with 16 bits and fold() would not.
  Widened widened_in(const Plan& plan) const;
  // Its plan, and what calibration warns of.
  Quantized finish(Folded folded) const;

  const Graph& graph() const { return network_->graph; }
  // Pictures whose values repairs are not made from: they judge.
  std::vector<size_t> held_out() const;

 private:
  Quantizer(const Preprocess* how, const CalibrationFeed& feed, const QuantizeOptions& options)
      : how_(how), feed_(&feed), options_(options) {}
  Sweep sweep(const char* what) const;

  const Preprocess* how_;
  const CalibrationFeed* feed_;
  QuantizeOptions options_;
  std::unique_ptr<const StepNetwork> network_;
  std::shared_ptr<const Calibration> calibration_;
};

}  // namespace octavo
