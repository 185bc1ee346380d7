// Golden inputs of a plan on a path of this machine: what is answered must be the same everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "plan/plan.h"

namespace octavo {

struct GoldenPath {
  std::string isa;  // "" for the best
  int threads = 1;
  size_t most_memory = 0;  // as ModelOptions has it
};
struct GoldenRun {
  std::string isa;                // that ran
  std::vector<uint64_t> digests;  // of the logits, one a seed
};
Result<GoldenRun> run_golden(const Plan& plan, std::span<const uint64_t> seeds,
                             const GoldenPath& path);

}  // namespace octavo
