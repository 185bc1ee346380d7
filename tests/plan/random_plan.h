// Random plans that pass verify(): DAGs of every kind of step, activation and element
// type, over odd shapes, with multipliers that keep the values spread over their
// range instead of all clamped. Every tensor reaches the output. For the tests of
// the plan, the runtime and the kernels: random_plan(seed) is the same everywhere.
#pragma once

#include <cstdint>

#include "plan/plan.h"

namespace octavo::testing {

struct RandomPlanOptions {
  int steps = 10;             // drawn, before the head that gathers what was not read
  int largest_side = 17;      // of the input picture
  int largest_channels = 40;  // of most tensors
  int classes = 11;
  bool int16 = true;              // some tensors are i16
  bool attention = true;          // also what format 0.2 added
  bool quotients = true;          // and quotients
  bool given_codes = true;        // also what quantized files store: u16, and lookups
  bool long_exponentials = true;  // and softmaxes by them
  // Strides and dilations that nothing reaches, of up to the limits; windows far larger than
  // the map, that lie in padding but for a pixel.
  bool hostile_windows = false;
  bool straight = false;  // convolutions and pools, each of what the one before makes
  bool extremes = false;  // weights of -128 and 127, zero points 0 and 255, narrow clamps
};

Plan random_plan(uint64_t seed, const RandomPlanOptions& options = {});

}  // namespace octavo::testing
