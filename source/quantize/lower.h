// The chosen integers as a Plan: multipliers, clamps, folded biases, tables.
#pragma once

#include <optional>

#include "plan/plan.h"
#include "quantize/choose.h"
#include "quantize/table.h"

namespace octavo {

// By step: the table of a step whose activation needs one.
using StepTables = std::vector<std::optional<ActivationTable>>;
// A convolution whose bias can take its table's centre gets it in `choice`.
StepTables make_tables(const FormedSteps& formed, const Calibration& calibration, Choice& choice);

// Clamp of a step's output in stored values, for one channel.
StoredLevels stored_clamp(const FormedStep& step, const StoredTensor& tensor, size_t channel);

// The bias of every output of a convolution as the plan stores it.
std::vector<int32_t> stored_bias(const IntegerConvolution& convolution);

// Steps and tensors only; a verified plan, or what is wrong with it.
Result<Plan> lower(const Graph& graph, const FormedSteps& formed, const Choice& choice,
                   const StepTables& tables, const Preprocess* how);

}  // namespace octavo
