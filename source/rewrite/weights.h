// Convolution, matrix product and layer normalization seen alike: y[o] = sum of w x + bias,
// with weights in double precision for folding.
#pragma once

#include <optional>
#include <vector>

#include "rewrite/pattern.h"

namespace octavo {

struct Linear {
  std::vector<double> weight;      // in the constant's own order
  Shape shape;                     // of the weight
  std::vector<double> bias;        // [outputs], zeros where the node has none
  size_t outputs = 0, inputs = 0;  // channels of the whole node, over all groups
  size_t groups = 1;
  bool output_major = true;  // weight [o, ..., i], else [i, o]
  std::string weight_name, bias_name;

  // Output and input channel of a weight by its position.
  size_t output_of(size_t index) const;
  size_t input_of(size_t index) const;
};

// A Conv2d, or a MatMul with a constant matrix on the right; nothing where its weights
// may not be copied.
std::optional<Linear> linear_of(const Editor& editor, NodeId id);

// The node computes `op` with these weights and this bias from x now; false, and nothing
// done, where a value is not finite in float. A bias of zeros is left out.
bool put_linear(Editor& editor, NodeId id, const Operator& op, TensorId x, const Linear& linear);

}  // namespace octavo
