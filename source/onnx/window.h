// Inside the room: what Conv and the pools have in common. ONNX is NCHW, the
// intermediate representation NHWC.
#pragma once

#include "onnx/context.h"

namespace octavo::onnx {

struct Window {
  std::array<int, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1};
  Pads pads;
};

// From the attributes kernel_shape, strides, dilations, pads and auto_pad of a node whose
// first input is [n, c, h, w]; `kernel` where kernel_shape is left out (Conv: by the
// weight). Fails for 1-D and 3-D. auto_pad is worked out for the input's size.
std::optional<Window> read_window(NodeContext& node, std::optional<Shape> kernel);

// A window over [n, c, d0, d1, d2] that passes over one of the three dimensions entry by entry, so
// that it is one over maps of the other two. All three count from 0.
struct SolidWindow {
  size_t through = 0, first = 1, second = 2;
  Window window;  // over first and second
};
std::optional<SolidWindow> read_solid_window(NodeContext& node, std::optional<Shape> kernel);

// `count` numbers from `least` to 2^16 from an attribute of a window, `otherwise` each if it is
// left out.
std::vector<int> small_numbers(NodeContext& node, std::string_view name, size_t count, int least,
                               int otherwise);

Value to_nhwc(NodeContext& node, const Value& x);
// The last step: the value that the file calls the node's output.
Value to_nchw(NodeContext& node, const Value& x);

}  // namespace octavo::onnx
