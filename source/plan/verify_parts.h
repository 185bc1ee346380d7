// The parts of verify(): what holds for a tensor, an epilogue, a step.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "plan/limits.h"
#include "plan/plan.h"

namespace octavo::plan_check {

// A step under examination: its errors say which one.
struct StepPlace {
  const Plan& plan;
  size_t index;

  const Step& step() const { return plan.steps[index]; }
  const PlanTensor& input(size_t i) const { return plan.tensors[step().inputs[i]]; }
  const PlanTensor& output() const { return plan.tensors[step().output]; }

  template <class... Parts>
  Error error(const Parts&... parts) const {
    return rejected(concat("step ", index, " ", quoted(step().name), " (",
                           step_operator_name(step().op), "): ", parts...));
  }
};

inline int32_t channels(const PlanTensor& tensor) {
  return tensor.shape[3];
}

// One entry, or one a channel.
template <class T>
bool fits_channels(const std::vector<T>& values, int32_t channel_count) {
  return values.size() == 1 || values.size() == static_cast<size_t>(channel_count);
}
template <class T>
T of_channel(const std::vector<T>& values, int32_t channel) {
  return values.size() == 1 ? values[0] : values[static_cast<size_t>(channel)];
}

inline bool is_multiplier(float value) {
  const float magnitude = std::fabs(value);  // a NaN fails both comparisons
  return magnitude >= plan_limit::smallest_multiplier &&
         magnitude <= plan_limit::largest_multiplier;
}
inline bool is_addend(float value) {
  return std::fabs(value) <= plan_limit::largest_addend;
}

// The product of positive factors, or -1 where one is not positive or the product
// exceeds plan_limit::elements.
int64_t bounded_product(std::initializer_list<int64_t> factors);

// Length one or one a channel, every entry a multiplier.
Status verify_multipliers(const StepPlace& at, std::string_view what,
                          const std::vector<float>& values);

Status verify_tensor(const Plan& plan, size_t index);
// Everything of an epilogue; `residual` is null where the step takes none.
Status verify_epilogue(const StepPlace& at, const Epilogue& epilogue, const PlanTensor* residual);
// The step alone: its inputs exist and are made. largest_stored holds for every tensor
// made so far the largest magnitude that it can store; the output's is added.
Status verify_step(const StepPlace& at, std::vector<int32_t>& largest_stored);

}  // namespace octavo::plan_check
