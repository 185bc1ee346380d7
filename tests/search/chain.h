// A chain of convolutions, each with a tensor that may become 16-bit.
#pragma once

#include <string>

#include "quantize/build_graph.h"
#include "quantize/small_pictures.h"

namespace octavo::testing {

inline Graph chain() {
  constexpr int depth = 7;
  GraphBuilder b({1, side, side, 3}, 5);
  TensorId x = b.graph.input;
  for (int i = 0; i < depth; ++i) {
    const std::string n = std::to_string(i);
    x = b.unary("relu" + n, Unary::Kind::relu, b.conv("conv" + n, x, 8, {3}));
  }
  b.conv("logits", b.global_pool("pool", x), 10);
  return b.graph;
}

}  // namespace octavo::testing
