// How much memory a plan has a claim to: a plan says little and can ask for much, by padding,
// by kernels far larger than a map, by channels that are packed into wide vectors.
#pragma once

#include <cstddef>

#include "plan/plan.h"

namespace octavo::runtime {

// Weights, tables and constants, as the plan holds them.
size_t content_bytes(const Plan& plan);

// The largest sum of the tensors that live at one step, without padding.
size_t activation_bytes(const Plan& plan);

// What a program and a session of one thread may take: 12 times the content, 4 times the tensors,
// and 16 MiB for what does not shrink with a plan (tables of pixels, blocks of channels). Weights
// that are transformed (kernels/common/winograd.h) take 8 to 11 times their bytes, what is packed
// otherwise at most 4 in any real network.
size_t proportionate_bytes(const Plan& plan);

}  // namespace octavo::runtime
