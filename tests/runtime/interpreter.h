// A whole-plan interpreter written from docs/numerics.md alone, with naive loops and
// nothing of the runtime's or the kernels' code: the outside opinion of their tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plan/plan.h"

namespace octavo::testing {

struct Interpretation {
  std::vector<std::vector<int32_t>> stored;  // of each tensor, row-major; the logits' is empty
  std::vector<float> logits;
};

Interpretation interpret(const Plan& plan, std::span<const std::byte> input);

// The stored values as the bytes of their type.
std::vector<std::byte> as_bytes(const std::vector<int32_t>& stored, ElementType type);

}  // namespace octavo::testing
