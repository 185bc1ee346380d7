// How the work of one step is shared among threads.
#pragma once

#include <cstdint>
#include <vector>

namespace octavo::runtime {

// A part of a step's output.
struct Cut {
  int32_t row_begin = 0, row_end = 0, column_begin = 0, column_end = 0, channel_begin = 0,
          channel_end = 0;
};

struct WorkShape {
  int32_t rows = 1, columns = 1, channels = 1;
  int32_t column_step = 0;   // columns can be cut at its multiples; 0: not at all
  int32_t channel_step = 0;  // likewise
  int64_t weight_bytes = 0;  // that each piece reads for its channels
  int64_t input_bytes = 0;   // that each piece reads for its rows
  double nanoseconds = 0;    // on one thread, roughly
};

// At most `threads` parts that together are the whole, none empty.
std::vector<Cut> cut_work(const WorkShape& shape, int threads);

}  // namespace octavo::runtime
