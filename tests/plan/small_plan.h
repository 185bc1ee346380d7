// A plan with one step of every kind, written out, for tests that change one thing in it.
#pragma once

#include <utility>
#include <vector>

#include "plan/plan.h"

namespace octavo::testing {

// Tensors and steps of small_plan by name. Step k makes tensor k + 1.
namespace small {
enum : uint32_t {
  input,     // u8  [1, 4, 4, 3]
  stem,      // u8  [1, 4, 4, 4]  convolution 3x3
  block,     // u8  [1, 4, 4, 4]  pointwise, hard swish, plus stem
  pooled,    // u8  [1, 2, 2, 4]  maximum 2x2
  mean,      // u8  [1, 1, 1, 4]  average 2x2
  gated,     // u8  [1, 2, 2, 4]  pooled * mean
  sum,       // u8  [1, 2, 2, 4]  gated + pooled
  smooth,    // i16 [1, 2, 2, 4]  rescale by a table
  shuffled,  // i16 [1, 2, 2, 4]  gather
  joined,    // i16 [1, 2, 2, 8]  concat
  flat,      // i16 [1, 1, 1, 32] reshape
  logits,    // f32 [1, 1, 1, 5]  fully connected
  tensor_count
};
constexpr uint32_t step_of(uint32_t tensor) {
  return tensor - 1;
}
}  // namespace small

inline PlanTensor small_tensor(std::string name, std::array<int32_t, 4> shape,
                               ElementType type = ElementType::u8) {
  return {std::move(name), shape, type, {0.05f}, {type == ElementType::u8 ? 7 : 0}};
}

inline ConvolutionStep small_convolution(int32_t kernel, int32_t inputs, int32_t outputs) {
  ConvolutionStep step;
  step.kernel = {kernel, kernel};
  step.pads = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
  const int32_t taps = kernel * kernel * inputs;
  for (int32_t i = 0; i < outputs * taps; ++i) {
    step.weights.push_back(static_cast<int8_t>(i * 37 % 255 - 127));
  }
  for (int32_t o = 0; o < outputs; ++o) step.bias.push_back(100 * o - 150);
  step.epilogue.multiplier = {0.002f};
  return step;
}

inline Epilogue small_epilogue() {
  Epilogue epilogue;
  epilogue.multiplier = {0.5f};
  return epilogue;
}

inline Plan small_plan() {
  using namespace small;
  Plan plan;
  plan.tensors = {small_tensor("input", {1, 4, 4, 3}),
                  small_tensor("stem", {1, 4, 4, 4}),
                  small_tensor("block", {1, 4, 4, 4}),
                  small_tensor("pooled", {1, 2, 2, 4}),
                  small_tensor("mean", {1, 1, 1, 4}),
                  small_tensor("gated", {1, 2, 2, 4}),
                  small_tensor("sum", {1, 2, 2, 4}),
                  small_tensor("smooth", {1, 2, 2, 4}, ElementType::i16),
                  small_tensor("shuffled", {1, 2, 2, 4}, ElementType::i16),
                  small_tensor("joined", {1, 2, 2, 8}, ElementType::i16),
                  small_tensor("flat", {1, 1, 1, 32}, ElementType::i16),
                  small_tensor("logits", {1, 1, 1, 5}, ElementType::f32)};

  ConvolutionStep block_step = small_convolution(1, 4, 4);
  block_step.epilogue.activation = Activation::hard_swish;
  block_step.epilogue.alpha = 1.0f / 6;
  block_step.epilogue.beta = 0.5f;
  block_step.epilogue.output_multiplier = {20, 21, 22, 23};
  block_step.epilogue.has_residual = true;
  block_step.epilogue.residual_multiplier = {0.75f};

  PoolStep maximum;
  maximum.kind = PoolStep::Kind::maximum;
  maximum.kernel = maximum.stride = {2, 2};
  PoolStep average;
  average.kernel = {2, 2};
  average.epilogue = small_epilogue();

  RescaleStep rescale{{0.25f}, small_epilogue()};
  rescale.epilogue.activation = Activation::table;
  rescale.epilogue.output_multiplier = {0.001f};
  for (int i = 0; i < 65; ++i)
    rescale.epilogue.table.push_back(static_cast<int16_t>(400 * i - 9000));
  rescale.epilogue.lo = {-2047};
  rescale.epilogue.hi = {2047};

  ConvolutionStep head = small_convolution(1, 32, 5);

  plan.steps = {{"stem", {"bn", "relu"}, small_convolution(3, 3, 4), {input}, stem},
                {"block", {}, block_step, {stem, stem}, block},
                {"pooled", {}, maximum, {block}, pooled},
                {"mean", {}, average, {pooled}, mean},
                {"gated", {"sigmoid"}, MultiplyStep{small_epilogue()}, {pooled, mean}, gated},
                {"sum", {}, AddStep{{-0.5f}, small_epilogue()}, {gated, pooled}, sum},
                {"smooth", {}, rescale, {sum}, smooth},
                {"shuffled", {}, GatherStep{{2, 0, 3, 1}}, {smooth}, shuffled},
                {"joined", {}, ConcatStep{}, {smooth, shuffled}, joined},
                {"flat", {}, ReshapeStep{}, {joined}, flat},
                {"logits", {}, head, {flat}, logits}};
  plan.input = input;
  plan.output = logits;
  plan.preprocess.height = plan.preprocess.width = 4;
  plan.preprocess.mean = {123, 117, 104};
  plan.preprocess.std = {58, 57, 57};
  plan.labels = {"ant", "bee", "cat", "dog", "elk"};
  plan.provenance.tool_version = "0.1.0";
  plan.provenance.options = "{}";
  plan.report = {{0, 0.99f, 40, 0.999f, 45}};
  plan.golden = {{1, 2}};
  return plan;
}

// The operator of the step that makes `tensor`.
template <class Operator>
Operator& operator_of(Plan& plan, uint32_t tensor) {
  return std::get<Operator>(plan.steps[small::step_of(tensor)].op);
}

}  // namespace octavo::testing
