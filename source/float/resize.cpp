// ONNX Resize of height and width.
#include <algorithm>

#include "float/kernel.h"
#include "float/walk.h"
#include "graph/resize_taps.h"

namespace octavo {

namespace {

struct Resizing {
  Shape x, y;
  std::vector<ResizeTaps> rows, columns;

  void pixel(const float* picture, const ResizeTaps& v, const ResizeTaps& h, float* out) const {
    const int64_t channels = x[3];
    std::fill(out, out + channels, 0.0f);
    for (size_t i = 0; i < static_cast<size_t>(v.count); ++i) {
      for (size_t j = 0; j < static_cast<size_t>(h.count); ++j) {
        const float weight = v.weight[i] * h.weight[j];
        const float* in = picture + (v.index[i] * x[2] + h.index[j]) * channels;
        for (int64_t c = 0; c < channels; ++c) out[c] += weight * in[c];
      }
    }
  }

  void run(const Operands& operands) const {
    float* out = operands.output;
    for (int64_t n = 0; n < y[0]; ++n) {
      const float* picture = operands.inputs[0] + n * x[1] * x[2] * x[3];
      for (const ResizeTaps& v : rows) {
        for (const ResizeTaps& h : columns) {
          pixel(picture, v, h, out);
          out += x[3];
        }
      }
    }
  }
};

}  // namespace

Kernel make_resize(const Graph& graph, const Node& node) {
  const auto& op = std::get<Resize>(node.op);
  const Shape& x = shape_of(graph, node.inputs[0]);
  const Resizing resizing{x, shape_of(graph, node.output),
                          resize_taps(op, x[1], op.height, op.scale_h),
                          resize_taps(op, x[2], op.width, op.scale_w)};
  return {[resizing](const Operands& operands) { resizing.run(operands); }};
}

}  // namespace octavo
