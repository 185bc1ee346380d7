#include "graph/resize_taps.h"

#include <algorithm>
#include <cmath>

namespace octavo {

namespace {

float source_coordinate(Resize::Coordinates mode, int64_t output, int64_t outputs, int64_t inputs,
                        float scale) {
  const auto at = static_cast<float>(output);
  switch (mode) {
    case Resize::Coordinates::half_pixel:
      return (at + 0.5f) / scale - 0.5f;
    case Resize::Coordinates::pytorch_half_pixel:
      return outputs > 1 ? (at + 0.5f) / scale - 0.5f : 0.0f;
    case Resize::Coordinates::align_corners:
      return outputs > 1 ? at * static_cast<float>(inputs - 1) / static_cast<float>(outputs - 1)
                         : 0.0f;
    case Resize::Coordinates::asymmetric:
      return at / scale;
  }
  return 0;
}

float rounded(Resize::Nearest mode, float x) {
  switch (mode) {
    case Resize::Nearest::round_prefer_floor:
      return std::ceil(x - 0.5f);
    case Resize::Nearest::round_prefer_ceil:
      return std::floor(x + 0.5f);
    case Resize::Nearest::floor:
      return std::floor(x);
    case Resize::Nearest::ceil:
      return std::ceil(x);
  }
  return 0;
}

ResizeTaps linear_taps(float x, int64_t inputs) {
  const float clamped = std::clamp(x, 0.0f, static_cast<float>(inputs - 1));
  const auto low = static_cast<int64_t>(clamped);
  const float fraction = clamped - static_cast<float>(low);
  return {2, {low, std::min(low + 1, inputs - 1)}, {1 - fraction, fraction}};
}

// Keys' kernel with coefficient `a`; samples beyond the border repeat it.
ResizeTaps cubic_taps(float x, int64_t inputs, float a) {
  const float floor = std::floor(x);
  const float t = x - floor;
  const auto near = [a](float d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  const auto far = [a](float d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  ResizeTaps taps{4, {}, {far(t + 1), near(t), near(1 - t), far(2 - t)}};
  for (int i = 0; i < 4; ++i) {
    taps.index[static_cast<size_t>(i)] =
        std::clamp<int64_t>(static_cast<int64_t>(floor) - 1 + i, 0, inputs - 1);
  }
  return taps;
}

}  // namespace

std::vector<ResizeTaps> resize_taps(const Resize& op, int64_t inputs, int64_t outputs,
                                    float scale) {
  std::vector<ResizeTaps> taps;
  taps.reserve(static_cast<size_t>(outputs));
  for (int64_t i = 0; i < outputs; ++i) {
    // A scale from a file may be anything: the coordinate is kept near the picture.
    const float far = static_cast<float>(inputs) + 4;
    float x = source_coordinate(op.coordinates, i, outputs, inputs, scale);
    x = x >= -4 && x <= far ? x : (x > far ? far : -4.0f);
    if (op.mode == Resize::Mode::linear) {
      taps.push_back(linear_taps(x, inputs));
    } else if (op.mode == Resize::Mode::cubic) {
      taps.push_back(cubic_taps(x, inputs, op.cubic_coefficient));
    } else {
      const auto index = static_cast<int64_t>(rounded(op.nearest, x));
      taps.push_back({1, {std::clamp<int64_t>(index, 0, inputs - 1)}, {1}});
    }
  }
  return taps;
}

}  // namespace octavo
