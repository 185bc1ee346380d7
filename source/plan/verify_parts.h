// The parts of verify(): what holds for a tensor, an epilogue, a step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "plan/element_type.h"
#include "plan/limits.h"
#include "plan/plan.h"

namespace octavo::plan_check {

// A step under examination: its errors say which one.
struct StepPlace {
  const Plan& plan;
  size_t index;
  const std::vector<bool>& uniform;  // of each tensor: one scale and zero point for all channels

  const Step& step() const { return plan.steps[index]; }
  const PlanTensor& input(size_t i) const { return plan.tensors[step().inputs[i]]; }
  const PlanTensor& output() const { return plan.tensors[step().output]; }
  // Said once a tensor: a plan may let many steps read one of many channels.
  bool is_input_uniform(size_t i) const { return uniform[step().inputs[i]]; }
  bool is_output_uniform() const { return uniform[step().output]; }

  template <class... Parts>
  Error error(const Parts&... parts) const {
    return rejected(concat("step ", index, " ", quoted(step().name), " (",
                           step_operator_name(step().op), "): ", parts...));
  }
};

inline int32_t channels(const PlanTensor& tensor) {
  return tensor.shape[3];
}

// Stored values of constants and lookups: those of u16 as the int16 of the same bits.
inline int32_t held_value(ElementType type, int16_t bits) {
  return type == ElementType::u16 ? static_cast<uint16_t>(bits) : bits;
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

template <class T>
bool is_uniform(const std::vector<T>& values) {
  return std::all_of(values.begin(), values.end(), [&](T value) { return value == values[0]; });
}
inline bool is_uniform(const PlanTensor& tensor) {
  return is_uniform(tensor.scale) && is_uniform(tensor.zero_point);
}

inline int64_t elements(const PlanTensor& tensor) {  // bounded by verify_tensor
  return int64_t{tensor.shape[0]} * tensor.shape[1] * tensor.shape[2] * tensor.shape[3];
}

// Length one or one a channel, every entry a multiplier.
Status verify_multipliers(const StepPlace& at, std::string_view what,
                          const std::vector<float>& values);

Error wrong_shape(const StepPlace& at);
// Whether a sum, `what`, that can reach `bound` stays inside the bits that input 0's type gives it.
Status verify_sum(const StepPlace& at, int64_t bound, const std::string& what);
// The output has the element type of every input.
Status verify_moved_type(const StepPlace& at);
// Whether values mean the same that go from any channel c to one congruent to it modulo `period`,
// which divides the channels of both: so far they share scale and zero point.
Status verify_moved_freely(const StepPlace& at, int32_t period);
// Length one or one a channel, every entry within 2^80 of zero.
Status verify_offset(const StepPlace& at, const std::vector<float>& offset);

// The steps of attention and of what stands around it (verify_attention.cpp).
Status verify_operator(const StepPlace& at, const LayerNormStep& step, int32_t largest_stored);
Status verify_operator(const StepPlace& at, const L2NormalizeStep& step, int32_t largest_stored);
Status verify_operator(const StepPlace& at, const SoftmaxStep& step);
Status verify_operator(const StepPlace& at, const MatMulStep& step,
                       const std::vector<int32_t>& largest_stored);
Status verify_operator(const StepPlace& at, const ResizeStep& step);
Status verify_operator(const StepPlace& at, const PermuteStep& step);
Status verify_operator(const StepPlace& at, const ConstantStep& step);
Status verify_operator(const StepPlace& at, const LookupStep& step);

Status verify_tensor(const Plan& plan, size_t index);
// Everything of an epilogue; `residual` is null where the step takes none.
Status verify_epilogue(const StepPlace& at, const Epilogue& epilogue, const PlanTensor* residual);
// The step alone: its inputs exist and are made. largest_stored holds for every tensor
// made so far the largest magnitude that it can store; the output's is added.
Status verify_step(const StepPlace& at, std::vector<int32_t>& largest_stored);

}  // namespace octavo::plan_check
