// How the kernel benchmarks take time, and the buffers they work on.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace octavo::bench {

inline double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class F>
double fastest(const F& run) {
  double best = 1e9;
  const double stop = seconds() + 0.03;
  for (int i = 0; i < 5 || seconds() < stop; ++i) {
    const double start = seconds();
    run();
    best = std::min(best, seconds() - start);
  }
  return best;
}

// One buffer, 64-byte aligned, of `rows` rows and the slack behind the last.
struct Rows {
  Rows(int32_t rows, int64_t row_bytes)
      : storage(static_cast<size_t>(rows * row_bytes + 2 * kernels::slack_bytes)) {
    const auto address = reinterpret_cast<uintptr_t>(storage.data());
    std::byte* first = storage.data() + (64 - address % 64) % 64;
    for (size_t i = 0; i < storage.size(); ++i) storage[i] = static_cast<std::byte>(i * 37 % 251);
    for (int32_t r = 0; r < rows; ++r) row.push_back(first + r * row_bytes);
  }
  const std::byte* const* table() const { return row.data(); }

  std::vector<std::byte> storage;
  std::vector<std::byte*> row;
};

// What the kernel prepares of the constants, which are pointed to it.
template <class Kernel, class Constants>
Rows prepared_by(const Kernel& kernel, Constants& constants) {
  const size_t bytes = kernel.prepare == nullptr ? 0 : kernel.prepared_bytes(constants.shape);
  Rows prepared(1, static_cast<int64_t>(bytes));
  if (kernel.prepare != nullptr) kernel.prepare(constants, prepared.row[0]);
  constants.prepared = prepared.row[0];
  return prepared;
}

}  // namespace octavo::bench
