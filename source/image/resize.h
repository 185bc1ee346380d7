// Inside source/image: a window of a resized picture, from rows that are made on demand.
#pragma once

#include <functional>

#include "image/image.h"

namespace octavo::image {

// Interleaved pixels of `channels` (1 or 3), a row at a time. row(y, first, end) points
// at pixel `first` and holds until the next call.
struct RowSource {
  int32_t width = 0, height = 0, channels = 3;
  std::function<const uint8_t*(int32_t y, int32_t first, int32_t end)> row;
};

struct Window {
  int32_t left = 0, top = 0, width = 0, height = 0;
};

// The source resized to width x height, of which only the window is computed, from only
// those rows and columns that it depends on. The window lies inside the resized picture.
Picture resize_window(const RowSource& source, int32_t width, int32_t height,
                      Interpolation interpolation, const Window& window);

}  // namespace octavo::image
