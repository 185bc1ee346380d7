// Steps that move stored values without changing them: pixels of a gather, of a concat,
// and the elements of a reshape (those of a permute: permute.h); and lookups, which change
// each to an entry of a table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/layout.h"

namespace octavo::runtime {

// The channels of a gather, and what is regular about them.
struct GatherChannels {
  struct Run {
    int32_t from = 0, to = 0, count = 0;  // channels
  };
  std::vector<int32_t> from;  // one entry an output channel
  std::vector<Run> runs;      // from, in consecutive pieces; empty where these are short
  // Two interleaved runs, as a shuffle of two groups makes them:
  // from[2 i] = first + i, from[2 i + 1] = second + i.
  bool is_interleaved = false;
  int32_t first = 0, second = 0;
};

GatherChannels analyse_gather(const std::vector<int32_t>& channels);

// `width` pixels of one row each; x is their source, y what they become.
struct PixelRows {
  const std::byte* x = nullptr;
  std::byte* y = nullptr;
  ptrdiff_t x_pixel_bytes = 0, x_row_bytes = 0, y_pixel_bytes = 0, y_row_bytes = 0;
  int32_t rows = 0, width = 0;
};

void copy_pixels(const PixelRows& rows, ptrdiff_t bytes);
void gather_pixels(const PixelRows& rows, const GatherChannels& channels, int32_t element_bytes);

// What each value becomes, in the type of the output: 256 entries, or 256 a channel; 65536 for
// words.
inline constexpr size_t lookup_levels = 256;
struct LookupTables {
  const std::byte* entries = nullptr;
  int32_t channels = 0;
  bool by_channel = false;
  int32_t index_bytes = 1, element_bytes = 1;
};
void look_up_pixels(const PixelRows& rows, const LookupTables& tables);

// All of x, in row-major order, under the shape of y.
void reshape(const std::byte* x, const TensorLayout& x_layout, std::byte* y,
             const TensorLayout& y_layout);

// The pixels that are not part of a tensor, in some of its rows: zero points.
struct HaloRows {
  const std::byte* zeros = nullptr;  // as many pixels of zero points as the halo has
  std::byte* left = nullptr;         // before row 0; null if that is not among the rows
  std::byte* right = nullptr;        // behind the first of the rows
  ptrdiff_t pixel_bytes = 0, row_bytes = 0, channel_bytes = 0;
  int32_t rows = 0, left_pixels = 0, pixels = 0;
};

void fill_halo(const HaloRows& halo);

}  // namespace octavo::runtime
