// Where the error is: each step's output in the simulation against the float network.
#pragma once

#include "quantize/simulate.h"

namespace octavo {

// Inner products of a float tensor a and its quantized form b, over many pictures.
struct Agreement {
  double aa = 0, bb = 0, ab = 0, noise = 0;  // noise: (a - b)^2

  void add(std::span<const float> a, std::span<const float> b);
  double cosine() const;
  double sqnr_db() const;  // at most 200: equal
};

struct QuantizationReport {
  // One row a step: with all steps quantized, and alone, that is each step on the float network's
  // values for its inputs. `step` counts formed.steps.
  std::vector<StepReport> steps;
  // Of the logits, all steps quantized: the mean of the pictures', each of which counts alike
  // whatever the size of its logits.
  double logits_cosine = 1;
};

// Pictures far beyond the others are left out of the steps in which they are.
Result<QuantizationReport> report_steps(const Graph& graph, const FormedSteps& formed,
                                        const Choice& choice, const StepTables& tables,
                                        const InputMapping& mapping, const CalibrationFeed& feed,
                                        const std::vector<size_t>& pictures, const FarPictures& far,
                                        const Sweep& sweep);

}  // namespace octavo
