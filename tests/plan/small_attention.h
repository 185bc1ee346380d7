// A plan with one step of every kind that format 0.2 added, written out, for tests that
// change one thing in it.
#pragma once

#include "plan/small_plan.h"

namespace octavo::testing {

// Tensors of small_attention by name. Step k makes tensor k + 1.
namespace attention {
enum : uint32_t {
  input,     // u8  [1, 4, 4, 3]
  stem,      // u8  [1, 4, 4, 4]  convolution
  grown,     // u8  [1, 2, 3, 4]  resize
  position,  // i16 [1, 2, 3, 4]  constant
  placed,    // i16 [1, 2, 3, 4]  add
  normal,    // u8  [1, 2, 3, 4]  layer norm
  key,       // i8  [1, 2, 3, 4]  L2 normalization
  scores,    // i16 [1, 2, 3, 3]  normal * key, transposed, + bias
  weights,   // u8  [1, 2, 3, 3]  softmax
  value,     // i8  [1, 2, 3, 4]  rescale
  mixed,     // u8  [1, 2, 3, 4]  weights * value
  swapped,   // u8  [1, 3, 2, 4]  permute
  logits,    // f32 [1, 1, 1, 4]  average
  tensor_count
};
}  // namespace attention

inline std::vector<uint16_t> small_exponentials(int shift) {
  std::vector<uint16_t> table;
  for (int i = 0; i < 256; ++i) {
    table.push_back(static_cast<uint16_t>(i * 16 >> shift > 15 ? 0 : 32768 >> (i * 16 >> shift)));
  }
  return table;
}

inline Plan small_attention() {
  using namespace attention;
  Plan plan = small_plan();
  const ElementType i16 = ElementType::i16, i8 = ElementType::i8;
  plan.tensors = {small_tensor("input", {1, 4, 4, 3}),
                  small_tensor("stem", {1, 4, 4, 4}),
                  small_tensor("grown", {1, 2, 3, 4}),
                  small_tensor("position", {1, 2, 3, 4}, i16),
                  small_tensor("placed", {1, 2, 3, 4}, i16),
                  small_tensor("normal", {1, 2, 3, 4}),
                  small_tensor("key", {1, 2, 3, 4}, i8),
                  small_tensor("scores", {1, 2, 3, 3}, i16),
                  small_tensor("weights", {1, 2, 3, 3}),
                  small_tensor("value", {1, 2, 3, 4}, i8),
                  small_tensor("mixed", {1, 2, 3, 4}),
                  small_tensor("swapped", {1, 3, 2, 4}),
                  small_tensor("logits", {1, 1, 1, 4}, ElementType::f32)};

  Epilogue to_u8 = small_epilogue(), to_i8 = small_epilogue(), to_i16 = small_epilogue();
  to_i8.lo = {-127};
  to_i8.hi = {127};
  to_i16.lo = {-2047};
  to_i16.hi = {2047};
  ConstantStep constant;
  for (int i = 0; i < 24; ++i) constant.values.push_back(static_cast<int16_t>(100 * i - 1200));
  PoolStep average;
  average.kernel = {3, 2};
  average.epilogue = small_epilogue();

  plan.steps = {
      {"stem", {}, small_convolution(1, 3, 4), {input}, stem},
      {"grown", {}, ResizeStep{{0, 3}, {64, 9}, {0, 1, 2}, {0, 128, 5}, to_u8}, {stem}, grown},
      {"position", {}, constant, {}, position},
      {"placed", {}, AddStep{{1.0f}, to_i16}, {grown, position}, placed},
      {"normal", {}, LayerNormStep{0.5f, {3.0f}, to_u8}, {placed}, normal},
      {"key", {}, L2NormalizeStep{0.25f, to_i8}, {normal}, key},
      {"scores", {}, MatMulStep{true, to_i16}, {normal, key}, scores},
      {"weights",
       {},
       SoftmaxStep{small_exponentials(4), small_exponentials(9), to_u8},
       {scores},
       weights},
      {"value", {}, RescaleStep{{0.0f}, to_i8}, {placed}, value},
      {"mixed", {}, MatMulStep{false, to_u8}, {weights, value}, mixed},
      {"swapped", {}, PermuteStep{{2, 3, 4}, {1, 0, 2}}, {mixed}, swapped},
      {"logits", {}, average, {swapped}, logits}};
  plan.output = logits;
  plan.labels.clear();
  return plan;
}

}  // namespace octavo::testing
