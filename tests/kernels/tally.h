// What the tests of equality share: which rows were tried how often, and sizes to try.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "kernels/avxvnni/evex.h"
#include "kernels/random_case.h"
#include "kernels/tile_emulator.h"

namespace octavo::kernels {

inline bool runs_here(FeatureSet features) {
  return (features & ~tested_features()) == 0;
}

// A fixed seed unless OCTAVO_TEST_SEED asks for another; always printed.
inline uint64_t seed() {
  const char* text = std::getenv("OCTAVO_TEST_SEED");
  const uint64_t value = text == nullptr ? 20261124 : std::strtoull(text, nullptr, 10);
  std::printf("seed %llu\n", static_cast<unsigned long long>(value));
  return value;
}

// How often a row was tried; a row that was never tried is a hole in this test. The
// reference is tried too: against itself in other channel ranges, and against the traps.
template <class Kernel>
class Tally {
 public:
  explicit Tally(std::span<const Kernel> rows) : rows_(rows.begin(), rows.end()) {}

  // Calls try_one(kernel) for each runnable row that accepts.
  template <class Shape, class Try>
  void each(const Shape& shape, const Try& try_one) {
    for (const Kernel& kernel : rows_) {
      if (!runs_here(kernel.requires_features) || !takes(kernel, shape)) continue;
      ++count_[kernel.name];
      try_one(kernel);
    }
  }
  void report() {
    for (const Kernel& kernel : rows_) {
      if (!runs_here(kernel.requires_features)) {
        std::printf("NOT RUN on this machine: %s\n", kernel.name);
        continue;
      }
      std::printf("%-40s %d cases\n", kernel.name, count_[kernel.name]);
      EXPECT_GE(count_[kernel.name], 5) << kernel.name << " was hardly tried";
    }
  }

 private:
  std::vector<Kernel> rows_;
  std::map<std::string, int> count_;
};

inline int32_t any_channels(Random& random) {
  return random.one_of({random.between(1, 20), random.between(1, 150), 16, 32, 64, 96, 128,
                        random.between(1, 40) * 8});
}

}  // namespace octavo::kernels
