// Bounds: which tensors need 16 bits for a plan to keep to what its user asked of it.
//
// Candidates are taken in the order of what their rounding does to the logits for the time that 16
// bits add (quantize/widen.h), so that a plan is named by how many of them it takes, accuracy grows
// with that number and so does time. The search looks for the least number that keeps the bounds of
// accuracy; where there are bounds of time alone, for the greatest that keeps those. Without bounds
// of time the first step from bytes is what `build` gives 16 bits by itself.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "quantize/quantizer.h"

namespace octavo {

struct Bounds {
  std::optional<double> min_agreement{};  // percent of pictures with the float network's Top-1
  std::optional<double> max_drop{};       // points of Top-1
  std::optional<double> max_slowdown{};   // time of a picture, over that of bytes alone
  std::optional<double> max_ms{};         // time of a picture by one thread

  bool of_accuracy() const { return min_agreement || max_drop; }
  bool of_time() const { return max_slowdown || max_ms; }
  bool any() const { return of_accuracy() || of_time(); }
};

// A plan on pictures that judge, beside the float network.
struct Judgement {
  size_t pictures = 0;
  double agreement = 0;        // percent
  std::optional<double> drop;  // points; none without labels
  double ms = 0;               // a picture, by one thread
};
using Judge = std::function<Result<Judgement>(const Plan& plan)>;

struct FrontierPoint {
  size_t taken = 0;       // steps from bytes alone
  size_t tensors = 0;     // that they hold
  double macs_share = 0;  // of all multiply-accumulates, that read these
  Judgement judged;
  double slowdown = 1;
};

struct Found {
  Quantization folded;
  std::vector<FrontierPoint> frontier;  // what was tried, by `taken`
  size_t chosen = 0;                    // of the frontier
  std::vector<TensorId> wide;           // what `folded` stores with 16 bits beside the usual
  std::string missed;                   // what stands in the way; "" where all bounds are kept
};

// So that a search may go on where another one was interrupted.
struct SearchMemory {
  std::vector<FrontierPoint> known;                 // what that one tried: `taken` and `judged`
  std::function<void(const FrontierPoint&)> tried;  // is told of each plan that is judged
};

// Bounds that no plan can keep give the nearest plan and `missed`, not an Error.
Result<Found> search_bounds(const Quantizer& quantizer, const Bounds& bounds, const Judge& judge,
                            const SearchMemory& memory = {});

}  // namespace octavo
