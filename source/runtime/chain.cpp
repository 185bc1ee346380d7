#include "runtime/chain.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "runtime/layout.h"
#include "runtime/window.h"

namespace octavo::runtime {

namespace {

constexpr size_t most_steps = 4;  // each adds rows that two threads both make
constexpr int32_t most_tile_rows = 16;
// Each tile has a table of all rows that it reads. Under a taller window, the tables of all tiles
// would together be many times as long as the map.
constexpr int32_t most_window_rows = 64;
// The tasks of a tile take about a thousand bytes: rows must be longer for that to be little.
constexpr size_t least_row_bytes = 256;

// How the rows of a step's output follow from its input's; none where they do not one by one.
std::optional<Window> row_window(const Plan& plan, const Step& step) {
  const PlanTensor& output = plan.tensors[step.output];
  if (output.shape[0] != 1 || plan.tensors[step.inputs[0]].shape[0] != 1) return std::nullopt;
  if (const auto* op = std::get_if<ConvolutionStep>(&step.op)) return window_of(*op, 0, output);
  if (const auto* op = std::get_if<PoolStep>(&step.op)) return window_of(*op, 0, output);
  return std::nullopt;
}

int32_t rows_of(const Plan& plan, size_t step) {
  return plan.tensors[plan.steps[step].output].shape[1];
}

size_t row_bytes(const Plan& plan, size_t step) {
  const PlanTensor& tensor = plan.tensors[plan.steps[step].output];
  return static_cast<size_t>(tensor.shape[2]) * static_cast<size_t>(tensor.shape[3]) *
         static_cast<size_t>(element_size(tensor.type));
}

size_t weight_bytes(const Step& step) {
  const auto* convolution = std::get_if<ConvolutionStep>(&step.op);
  return convolution == nullptr ? 0 : convolution->weights.size();
}

std::vector<uint32_t> count_readers(const Plan& plan) {
  std::vector<uint32_t> readers(plan.tensors.size(), 0);
  for (const Step& step : plan.steps) {
    for (const uint32_t input : step.inputs) ++readers[input];
  }
  ++readers[plan.output];
  return readers;
}

// Rows [begin, end) of its input that a window's rows [from, to) of the output read.
struct Reach {
  int32_t begin = 0, end = 0;
};
Reach reach_of(const Window& window, int32_t rows, int32_t from, int32_t to) {
  const int64_t last = int64_t{window.first(to - 1)} + window.extent();
  return {std::clamp(window.first(from), 0, rows),
          static_cast<int32_t>(std::clamp<int64_t>(last, 0, rows))};
}

// Of a core's level-2 cache, or a moderate guess.
size_t level2_bytes() {
#if defined(_SC_LEVEL2_CACHE_SIZE)
  const long bytes = ::sysconf(_SC_LEVEL2_CACHE_SIZE);  // 0 on Arm
  if (bytes > 0) return static_cast<size_t>(bytes);
#endif
  std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index2/size");  // "512K"
  size_t size = 0;
  char unit = 0;
  if (file >> size >> unit && unit == 'K' && size < (size_t{1} << 20)) return size << 10;
  return size_t{512} << 10;
}

class Finder {
 public:
  Finder(const Plan& plan, const DepthFirst& depth_first)
      : plan_(plan),
        always_(depth_first.where == DepthFirst::Where::possible),
        cache_bytes_(depth_first.cache_bytes > 0 ? depth_first.cache_bytes : level2_bytes()),
        readers_(count_readers(plan)) {}

  std::vector<Chain> find() const {
    std::vector<Chain> chains;
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      std::optional<Chain> chain = chain_from(i);
      if (!chain) continue;
      i = chain->last;
      chains.push_back(*std::move(chain));
    }
    return chains;
  }

 private:
  bool fits_a_tile(const Step& step) const {
    const auto window = row_window(plan_, step);
    return window && window->extent() <= most_window_rows;
  }

  // Whether the step and the one behind it can be neighbours in a chain, and it pays.
  bool are_linked(size_t step) const {
    if (step + 1 >= plan_.steps.size()) return false;
    const Step &here = plan_.steps[step], &next = plan_.steps[step + 1];
    if (next.inputs.empty() || next.inputs[0] != here.output || readers_[here.output] != 1) {
      return false;
    }
    if (here.inputs.empty() || !fits_a_tile(here) || !fits_a_tile(next)) return false;
    if (always_) return true;
    const size_t row = row_bytes(plan_, step);
    return row >= least_row_bytes &&
           row * static_cast<size_t>(rows_of(plan_, step)) > cache_bytes_ / 2;
  }

  // The rings for tiles of so many rows, the last steps' first; none where they are no smaller
  // than a map.
  std::optional<std::vector<int32_t>> rings_for(size_t first, size_t last,
                                                int32_t tile_rows) const {
    std::vector<int32_t> rings(last - first);
    int64_t rows = std::min(tile_rows, rows_of(plan_, last));
    for (size_t step = last; step > first; --step) {
      const Window window = *row_window(plan_, plan_.steps[step]);
      const int32_t all = rows_of(plan_, step - 1);
      rows = std::min<int64_t>((rows - 1) * window.stride + window.extent(), all);
      if (rows == all) return std::nullopt;
      rings[step - 1 - first] = static_cast<int32_t>(rows);
    }
    return rings;
  }

  // The rings, and the weights that each tile reads again.
  size_t kept_bytes(size_t first, const std::vector<int32_t>& rings) const {
    size_t bytes = weight_bytes(plan_.steps[first + rings.size()]);
    for (size_t i = 0; i < rings.size(); ++i) {
      bytes += static_cast<size_t>(rings[i]) * row_bytes(plan_, first + i) +
               weight_bytes(plan_.steps[first + i]);
    }
    return bytes;
  }

  std::optional<Chain> chain_of(size_t first, size_t last) const {
    std::optional<Chain> best;
    for (int32_t rows = 1; rows <= most_tile_rows; rows *= 2) {
      auto rings = rings_for(first, last, rows);
      if (!rings) break;
      if (kept_bytes(first, *rings) > cache_bytes_ / 4 && (best || !always_)) break;
      best = Chain{first, last, rows, *std::move(rings)};
    }
    return best;
  }

  std::optional<Chain> chain_from(size_t first) const {
    std::optional<Chain> longest;
    for (size_t last = first; last - first + 1 < most_steps && are_linked(last); ++last) {
      std::optional<Chain> chain = chain_of(first, last + 1);
      if (!chain) break;
      longest = std::move(chain);
    }
    return longest;
  }

  const Plan& plan_;
  const bool always_;
  const size_t cache_bytes_;
  const std::vector<uint32_t> readers_;
};

}  // namespace

std::vector<Chain> find_chains(const Plan& plan, const DepthFirst& depth_first) {
  if (depth_first.where == DepthFirst::Where::nowhere) return {};
  return Finder(plan, depth_first).find();
}

int32_t rows_of_a_run(const Plan& plan, const std::vector<Chain>& chains, size_t step) {
  const auto holds = [&](const Chain& chain) { return chain.first <= step && step <= chain.last; };
  const auto chain = std::find_if(chains.begin(), chains.end(), holds);
  if (chain == chains.end()) return 0;
  // What a tile needs beside the rows that the one before has made.
  int64_t rows = chain->tile_rows;
  for (size_t later = chain->last; later > step; --later)
    rows *= row_window(plan, plan.steps[later])->stride;
  return static_cast<int32_t>(std::min<int64_t>(rows, rows_of(plan, step)));
}

std::vector<RowRun> order_of(const Plan& plan, const Chain& chain, int32_t begin, int32_t end) {
  const size_t steps = chain.last - chain.first + 1;
  std::vector<int32_t> made(steps, 0);  // rows of each step's output up to here
  std::vector<RowRun> order;
  for (int32_t row = begin; row < end; row += chain.tile_rows) {
    std::vector<RowRun> tile(steps);
    tile.back() = {chain.last, row, std::min(row + chain.tile_rows, end)};
    for (size_t i = steps - 1; i > 0; --i) {
      const size_t step = chain.first + i - 1;
      const Window window = *row_window(plan, plan.steps[step + 1]);
      const RowRun& of = tile[i];
      tile[i - 1] = {step, made[i - 1], made[i - 1]};
      if (of.begin == of.end) continue;
      const Reach reach = reach_of(window, rows_of(plan, step), of.begin, of.end);
      tile[i - 1].begin = std::max(made[i - 1], reach.begin);
      tile[i - 1].end = std::max(tile[i - 1].begin, reach.end);
    }
    for (size_t i = 0; i < steps; ++i) {
      if (tile[i].begin < tile[i].end) order.push_back(tile[i]);
      made[i] = std::max(made[i], tile[i].end);
    }
  }
  return order;
}

bool can_be_shared(const Plan& plan, const Chain& chain, int threads) {
  if (threads == 1) return true;
  const int64_t rows = rows_of(plan, chain.last);
  if (threads > rows) return false;
  const auto made_by = [&](int64_t pieces) {
    int64_t made = 0;
    for (int64_t i = 0; i < pieces; ++i) {
      const auto begin = static_cast<int32_t>(rows * i / pieces);
      const auto end = static_cast<int32_t>(rows * (i + 1) / pieces);
      for (const RowRun& run : order_of(plan, chain, begin, end)) {
        if (run.step != chain.last) made += run.end - run.begin;
      }
    }
    return made;
  };
  return 10 * made_by(threads) <= 11 * made_by(1);
}

}  // namespace octavo::runtime
