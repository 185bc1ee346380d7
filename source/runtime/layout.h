// Where every tensor of a plan lies in a session's arena.
//
// A tensor whose consumers pad has columns of zero points right of every row; those of
// one row serve the next as its left columns. Inputs of a Concat and outputs of a
// channel slice live inside the wider tensor, so that neither is copied. What is between the steps
// of a chain is a ring of rows, and in the rings of each thread instead.
#pragma once

#include <vector>

#include "plan/element_type.h"
#include "plan/plan.h"
#include "runtime/chain.h"
#include "runtime/memory.h"

namespace octavo::runtime {

struct TensorLayout {
  int32_t images = 1;  // maps, one below the other
  int32_t height = 0;  // rows of all of them
  int32_t width = 0, channels = 0;
  int32_t element_bytes = 1;
  int32_t halo_left = 0;  // pixels before the first row
  int32_t halo = 0;       // pixels after every row, halo_left of them at least
  ptrdiff_t pixel_bytes = 0, row_bytes = 0;
  size_t offset = 0;            // of pixel (0, 0) in the arena, or of row 0 in the rings
  int32_t ring_rows = 0;        // row r is where row r % ring_rows is; 0: every row has its place
  bool is_view = false;         // lives inside another tensor
  bool needs_zero_row = false;  // a consumer pads above or below
  // A row of zero points, halo_left + width + halo pixels; the same for the halo. Null
  // where no consumer pads. zero_row points to the pixel of column 0.
  const std::byte* zero_row = nullptr;

  int32_t image_height() const { return height / images; }
  ptrdiff_t channel_bytes() const { return ptrdiff_t{channels} * element_bytes; }
  // The whole map can be taken for one row.
  bool is_flat() const { return row_bytes == width * pixel_bytes; }
};

struct Layout {
  std::vector<TensorLayout> tensors;
  size_t arena_bytes = 0;
  std::vector<Chain> chains;
  size_t ring_bytes = 0;  // of one thread
};

// arena_bytes is SIZE_MAX where a tensor is larger than any memory.
Layout plan_layout(const Plan& plan, std::vector<Chain> chains = {});

}  // namespace octavo::runtime
