// Float graph + calibration pictures -> plan. Three stages, each testable alone:
//
//   cut_into_steps   which nodes make one step (bias, activation, residual, gate): the rounding
//                    points, and which of them have 16 bits                          (network.h)
//   calibrate        streams the pictures through the float graph, keeps statistics of every
//                    rounding point                                                (calibrate.h)
//   run_passes       scales, integer weights, what makes good for rounding, the plan and its
//                    report: a table of passes, each with a field of its own in a Quantization
//                                                                    (passes.h, quantization.h)
//
// Where bytes turn out too few, the passes run again with more 16 bits (widen.h).
//
// It knows neither kernels nor files. The same pictures in the same order give the
// same plan at any thread count: statistics merge in the order of the pictures.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "graph/graph.h"
#include "plan/plan.h"

namespace octavo {

enum class RangeMethod : uint8_t { automatic, maximum, percentile, mse, kl };

// One run of a pass, or of what comes before and between them.
struct PassRun {
  std::string_view name;
  size_t changed = 0;       // how many
  std::string_view counts;  // of what: "rows of weights"
  double milliseconds = 0;
};
using PassObserver = std::function<void(const PassRun&)>;

struct QuantizeOptions {
  RangeMethod method = RangeMethod::automatic;
  float percentile = 99.999f;
  bool per_channel_weights = true;
  std::vector<std::string>
      int16_nodes;  // outputs of these nodes become 16-bit; unknown: usage error
  // Where the logits are too far from the float network's, up to 5 % of the multiply-accumulates
  // may read 16 bits (widen.h); `warnings` says of which tensors. And for tensors that disturb the
  // logits far more than it costs, as far as the logits are not exact enough anyway.
  bool auto_int16 = true;
  std::vector<std::string> disabled;  // passes (passes.h) and rewrites (prepare.h), by name
  PassObserver ran;                   // called after each
  uint64_t seed = 1;
  int threads = 1;
  // Called from one thread at a time: done of total, and what is being done.
  std::function<void(size_t done, size_t total, const char* what)> progress;
  const std::atomic<bool>* stop = nullptr;  // set by an interrupt: Error `interrupted`
};

// Usage errors: a percentile out of range, a pass that is unknown or that another needs.
Status check_options(const QuantizeOptions& options);

// The calibration pictures, already decoded to the network's input; `load` is called
// from several threads, possibly more than once an index, and is deterministic.
struct CalibrationFeed {
  size_t count = 0;
  // Exactly one of the two is set: u8 pixels [h, w, c], or the float input itself.
  std::function<Result<std::vector<uint8_t>>(size_t)> pixels;
  std::function<Result<std::vector<float>>(size_t)> values;
  // Classes where known (-1: not), for the warning about few classes.
  std::vector<int> classes;
  std::vector<std::string> names;  // for warnings; may be empty
  // So many of the inputs, one after the other, are views of one picture.
  size_t views = 1;
};

struct Calibration;
// Where a calibration is kept from one build to the next. What is kept serves every method.
struct CalibrationStore {
  std::function<Result<std::shared_ptr<const Calibration>>()> load;  // null: none is kept
  std::function<Status(const Calibration&)> save;
};

struct KeptQuantization;
struct Quantization;
// The same of a quantization, which serves builds that differ in nothing a pass reads.
struct QuantizationStore {
  std::function<Result<std::shared_ptr<const KeptQuantization>>()> load;  // null: none is kept
  std::function<Status(const Quantization&, const std::vector<std::string>& warnings)> save;
};

struct Quantized {
  Plan plan;  // verified; labels, provenance and golden digests are the caller's to fill in
  std::vector<std::string> warnings;
};

// `graph` has been through run_rewrites. `how` is null where the model is not fed pictures.
Result<Quantized> quantize(const Graph& graph, const Preprocess* how, const CalibrationFeed& feed,
                           const QuantizeOptions& options, const CalibrationStore* store = nullptr,
                           const QuantizationStore* kept = nullptr);

}  // namespace octavo
