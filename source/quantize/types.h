// Which stored tensors are bytes, signed bytes or 16-bit.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"
#include "quantize/steps.h"

namespace octavo {

struct StoredTypes {
  std::vector<ElementType> of;  // by tensor; the same on both sides of what only moves values
  std::vector<TensorId> named;  // the 16-bit tensors that the caller asked for
};

// u8, but
//   i8   for the right operand of a product of two activations
//   i16  where 16 bits cost next to nothing and tell: constants, what Softmax reads (an error in
//        its argument is a factor of its result), what a normalization reads and nothing
//        multiplies (all of its channels share one scale), and tensors of one pixel that only
//        convolutions read, as after a global pool (an error of a pooled feature reaches every
//        class)
//   u8   or u16, as a quantized file says; i16 for what it leaves in float
//   i16  for the outputs of the steps that hold the nodes named in `int16_nodes`
//
// Usage errors: an unknown name, with the nearest one; a node that stores nothing of its own;
// a right operand, which cannot be 16-bit.
Result<StoredTypes> stored_types(const Graph& graph, const FormedSteps& formed,
                                 const std::vector<std::string>& int16_nodes);

}  // namespace octavo
