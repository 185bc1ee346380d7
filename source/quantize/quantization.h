// A quantized network as a value: a field for each pass (passes.h), in the order in which they run.
// A pass reads the fields of those before it and returns its own; nothing that is there is changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "quantize/quantize.h"
#include "quantize/stored.h"
#include "quantize/table.h"

namespace octavo {

struct QuantizationReport {
  // One row a step: with all steps quantized, and alone, that is each step on the float network's
  // values for its inputs. `step` counts formed.steps.
  std::vector<StepReport> steps;
  // Of the logits, all steps quantized: the mean of the pictures', each of which counts alike
  // whatever the size of its logits.
  double logits_cosine = 1;
};

// By step: the table of a step whose activation needs one.
using StepTables = std::vector<std::optional<ActivationTable>>;

struct Quantization {
  // Tensors of which the network of these fields has copies (byte_copies.h): no pass's field.
  std::vector<TensorId> copied;
  std::vector<StoredTensor> scales;   // by tensor, as statistics want them; no scale where nothing
                                      // is stored
  std::vector<StoredTensor> tensors;  // the same with room for the sums made of them
  std::vector<IntegerConvolution> convolutions;   // by step; empty for other kinds
  std::vector<std::vector<int16_t>> compensated;  // by step: weights that make good for each other
                                                  // (compensate.h), in place of the convolution's
  std::vector<std::vector<int16_t>> learned;      // by step: weights whose errors cost less still
                                                  // (learn_rounding.h), in place of those
  StepTables tables;                              // by step
  std::vector<std::vector<double>> bias_shifts;   // by step: what is added to each real bias
  // By step: the same with what the steps before it shift, in place of it (correct_in_order.h).
  std::vector<std::vector<double>> shifts_in_order;
  Plan plan;                                      // verified, without a report
  QuantizationReport report;

  // Of a step that is one, as far as the passes have come.
  StoredConvolution convolution(size_t step) const;
};

// Its plan, with its report.
Quantized with_report(Quantization quantization, std::vector<std::string> warnings);

}  // namespace octavo
