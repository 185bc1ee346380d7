// Steps that run depth first: a few rows of the first, then those of the next that these suffice
// for, and so on. What one step makes the next reads while it is in a cache near the core, and of
// the maps between them no more is kept than a ring of their last rows. Steps round where they
// did, so that no bit depends on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "plan/plan.h"
#include "runtime/depth_first.h"

namespace octavo::runtime {

// Steps of a plan that follow each other, each of which alone reads what the one before makes.
struct Chain {
  size_t first = 0, last = 0;      // both included
  int32_t tile_rows = 1;           // of the last one's output at a time
  std::vector<int32_t> ring_rows;  // of the others' outputs that are kept, step by step
};

// In the order of the plan.
std::vector<Chain> find_chains(const Plan& plan, const DepthFirst& depth_first);

// Rows [begin, end) of a step's output.
struct RowRun {
  size_t step = 0;
  int32_t begin = 0, end = 0;
};

// How many rows of a step's output most of its runs make; 0: the whole map, for a step in no chain.
int32_t rows_of_a_run(const Plan& plan, const std::vector<Chain>& chains, size_t step);

// The way to the rows [begin, end) of the last step's output.
std::vector<RowRun> order_of(const Plan& plan, const Chain& chain, int32_t begin, int32_t end);

// Whether so many threads that share the last step's rows make at most a tenth more rows of the
// others than one does: what two of them need, both make.
bool can_be_shared(const Plan& plan, const Chain& chain, int threads);

}  // namespace octavo::runtime
