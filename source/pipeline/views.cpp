#include "pipeline/views.h"

#include <algorithm>

#include "image/image.h"

namespace octavo {

namespace {

// The view's place in a sequence that fills the unit cube evenly (Roberts 2018), in 65536ths:
// multiples of 1 / g, 1 / g^2 and 1 / g^3, where g^4 = g + 1.
struct Place {
  int64_t size, x, y;
};
Place place_of(size_t view) {
  const auto part = [&](int64_t step) { return static_cast<int64_t>(view) * step & 65535; };
  return {part(53685), part(43978), part(36025)};
}

Picture window_of(const std::vector<uint8_t>& pixels, int height, int width, int channels,
                  const Place& place) {
  const auto side = [&](int64_t all) {
    return std::max<int64_t>(1, all * (65536 + place.size) / 131072);
  };
  const int64_t h = side(height), w = side(width);
  const int64_t top = (height - h) * place.y / 65535, left = (width - w) * place.x / 65535;
  Picture out{static_cast<int32_t>(w), static_cast<int32_t>(h), channels, {}};
  for (int64_t y = top; y < top + h; ++y) {
    const auto row = pixels.begin() + (y * width + left) * channels;
    out.pixels.insert(out.pixels.end(), row, row + w * channels);
  }
  return out;
}

void mirror(std::vector<uint8_t>& pixels, int width, int channels) {
  const auto c = static_cast<size_t>(channels), row = static_cast<size_t>(width) * c;
  for (size_t first = 0; first < pixels.size(); first += row) {
    for (size_t x = 0; x < static_cast<size_t>(width) / 2; ++x) {
      const auto left = pixels.begin() + static_cast<ptrdiff_t>(first + x * c);
      const auto right = pixels.begin() + static_cast<ptrdiff_t>(first + row - (x + 1) * c);
      std::swap_ranges(left, left + channels, right);
    }
  }
}

}  // namespace

size_t views_a_picture(size_t pictures) {
  constexpr size_t enough = 128, most = 16;
  return pictures == 0 ? 1 : std::clamp<size_t>((enough + pictures - 1) / pictures, 1, most);
}

std::vector<uint8_t> view_of(std::vector<uint8_t> pixels, int height, int width, int channels,
                             size_t view) {
  if (view > 1) {
    const Picture window = window_of(pixels, height, width, channels, place_of(view));
    pixels = resize(window, width, height, Interpolation::bilinear).pixels;
  }
  if (view % 2 == 1) mirror(pixels, width, channels);
  return pixels;
}

}  // namespace octavo
