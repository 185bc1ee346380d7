#include "runtime/cut.h"

#include <algorithm>

namespace octavo::runtime {

namespace {

// Meeting after a step costs about a microsecond; less work than this is not shared.
constexpr double least_shared_ns = 2000;

struct Range {
  int32_t begin = 0, end = 0;
};

// `size` in at most `parts` ranges that begin at multiples of `step`.
std::vector<Range> split(int32_t size, int32_t step, int parts) {
  const int64_t units = (int64_t{size} + step - 1) / step;
  const int64_t count = std::min<int64_t>(units, parts);
  std::vector<Range> ranges;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t begin = units * i / count * step, end = units * (i + 1) / count * step;
    ranges.push_back(
        {static_cast<int32_t>(begin), static_cast<int32_t>(std::min<int64_t>(end, size))});
  }
  return ranges;
}

// The share of the busiest thread, relative to a perfect split; beyond all bounds where
// this way of cutting is not allowed. What is begun of a step costs as much as the whole of it.
double imbalance(int32_t size, int32_t step, int threads) {
  if (step == 0) return 1e9;
  const auto steps = [&](int32_t n) { return (int64_t{n} + step - 1) / step; };
  int64_t most = 0;
  for (const Range& range : split(size, step, threads)) {
    most = std::max(most, steps(range.end - range.begin));
  }
  return static_cast<double>(most * threads) /
         static_cast<double>(std::max<int64_t>(steps(size), 1));
}

}  // namespace

std::vector<Cut> cut_work(const WorkShape& shape, int threads) {
  const Cut whole{0, shape.rows, 0, shape.columns, 0, shape.channels};
  if (threads == 1 || shape.nanoseconds < least_shared_ns) return {whole};

  // Rows cut the input, channels the weights: the larger of both is better read once.
  const double by_rows = imbalance(shape.rows, 1, threads);
  const double by_columns = imbalance(shape.columns, shape.column_step, threads);
  double by_channels = imbalance(shape.channels, shape.channel_step, threads);
  if (shape.weight_bytes < shape.input_bytes) by_channels *= 1.1;
  if (shape.weight_bytes > 2 * shape.input_bytes) by_channels *= 0.9;
  const double best = std::min({by_rows, by_columns, by_channels});

  std::vector<Cut> cuts;
  if (best == by_rows) {
    for (const Range& rows : split(shape.rows, 1, threads)) {
      cuts.push_back({rows.begin, rows.end, 0, shape.columns, 0, shape.channels});
    }
  } else if (best == by_columns) {
    for (const Range& columns : split(shape.columns, shape.column_step, threads)) {
      cuts.push_back({0, shape.rows, columns.begin, columns.end, 0, shape.channels});
    }
  } else {
    for (const Range& channels : split(shape.channels, shape.channel_step, threads)) {
      cuts.push_back({0, shape.rows, 0, shape.columns, channels.begin, channels.end});
    }
  }
  return cuts;
}

}  // namespace octavo::runtime
