// The sliding windows of convolutions and pools as the runtime takes them. This is the only
// place that reads a step's strides and dilations: a plan may hold any number where there is
// no second window or no second tap to reach, up to far beyond the map, and what is never
// used must not enter a size. Here it is 1.
#pragma once

#include <algorithm>
#include <cstdint>

#include "plan/plan.h"

namespace octavo::runtime {

// One axis, 0 vertical and 1 horizontal. For a plan that has passed verify() every window lies
// in the map with its padding, so that all that follows stays below plan_limit::elements.
struct Window {
  int32_t kernel = 1, stride = 1, dilation = 1, before = 0, after = 0, outputs = 1;

  int32_t extent() const { return (kernel - 1) * dilation + 1; }
  // The entry that output i's window begins with; negative in the padding.
  int32_t first(int32_t i) const { return i * stride - before; }
  // The last entry of the map or its padding that any window reads.
  int32_t last_read() const { return first(outputs - 1) + extent() - 1; }
};

inline Window window_of(const ConvolutionStep& op, size_t axis, const PlanTensor& output) {
  const int32_t kernel = op.kernel[axis], outputs = output.shape[1 + axis];
  return {kernel,
          outputs > 1 ? op.stride[axis] : 1,
          kernel > 1 ? op.dilation[axis] : 1,
          op.pads[axis],
          op.pads[2 + axis],
          outputs};
}

inline Window window_of(const PoolStep& op, size_t axis, const PlanTensor& output) {
  const int32_t outputs = output.shape[1 + axis];
  return {op.kernel[axis], outputs > 1 ? op.stride[axis] : 1, 1, op.pads[axis], op.pads[2 + axis],
          outputs};
}

}  // namespace octavo::runtime
