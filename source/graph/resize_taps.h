// Which input samples each output sample of a Resize is made of, along one axis. Coordinates
// are computed in float32, as ONNX Runtime does: at ties of `nearest` a wider type would pick
// another pixel.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "graph/operator.h"

namespace octavo {

struct ResizeTaps {
  int count = 1;  // 1 nearest, 2 linear, 4 cubic
  std::array<int64_t, 4> index{};
  std::array<float, 4> weight{1, 0, 0, 0};
};

// One entry an output index. scale: outputs / inputs as the file states it.
std::vector<ResizeTaps> resize_taps(const Resize& op, int64_t inputs, int64_t outputs, float scale);

}  // namespace octavo
