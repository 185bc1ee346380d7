#include "onnx/window.h"

#include <algorithm>

#include "base/text.h"

namespace octavo::onnx {

namespace {

constexpr int64_t most_window = 1 << 16;  // of a kernel, stride, dilation or pad

// What has one dimension is a row of height 1.
bool is_row(const NodeContext& node) {
  return node.input(0).shape().size() == 3;
}

std::array<int, 2> small_pair(NodeContext& node, std::string_view name, int otherwise) {
  if (is_row(node)) return {1, small_numbers(node, name, 1, 1, otherwise)[0]};
  const std::vector<int> pair = small_numbers(node, name, 2, 1, otherwise);
  return {pair[0], pair[1]};
}

// SAME: ceil(size / stride) outputs; the odd pixel of padding goes behind (UPPER) or
// before (LOWER).
std::array<int, 2> same_pads(int64_t size, int kernel, int stride, int dilation, bool upper) {
  const int64_t outputs = (size + stride - 1) / stride;
  const int64_t span = int64_t{dilation} * (kernel - 1) + 1;
  const int64_t total = std::max<int64_t>((outputs - 1) * stride + span - size, 0);
  const int less = static_cast<int>(total / 2), more = static_cast<int>(total - total / 2);
  return upper ? std::array{less, more} : std::array{more, less};
}

Pads read_pads(NodeContext& node, const Window& window) {
  const std::string mode = node.text("auto_pad", "NOTSET");
  std::vector<int> pads = small_numbers(node, "pads", is_row(node) ? 2 : 4, 0, 0);
  if (is_row(node)) pads = {0, pads[0], 0, pads[1]};
  if (mode == "NOTSET" || mode.empty()) return {pads[0], pads[1], pads[2], pads[3]};
  if (mode == "VALID") return {};
  if (mode != "SAME_UPPER" && mode != "SAME_LOWER") {
    node.fail(concat("auto_pad is ", quoted(mode)));
    return {};
  }
  const bool upper = mode == "SAME_UPPER";
  Shape x = node.input(0).shape();
  if (is_row(node)) x.insert(x.begin() + 2, 1);
  const auto [top, bottom] =
      same_pads(x[2], window.kernel[0], window.stride[0], window.dilation[0], upper);
  const auto [left, right] =
      same_pads(x[3], window.kernel[1], window.stride[1], window.dilation[1], upper);
  return {top, left, bottom, right};
}

}  // namespace

std::vector<int> small_numbers(NodeContext& node, std::string_view name, size_t count, int least,
                               int otherwise) {
  const std::vector<int64_t> found =
      node.integers(name).value_or(std::vector<int64_t>(count, otherwise));
  std::vector<int> out(count, otherwise);
  if (found.size() != count) {
    node.fail(concat(name, " has ", found.size(), " entries, expected ", count));
    return out;
  }
  for (size_t i = 0; i < count; ++i) {
    if (found[i] < least || found[i] > most_window) {
      node.fail(concat(name, " is ", list_text(found), ", expected numbers from ", least, " to ",
                       most_window));
      return out;
    }
    out[i] = static_cast<int>(found[i]);
  }
  return out;
}

std::optional<Window> read_window(NodeContext& node, std::optional<Shape> kernel) {
  const Shape& x = node.input(0).shape();
  if (x.size() != 3 && x.size() != 4) {
    node.fail(
        concat("its input is ", list_text(x), ", only [n, c, h, w] and rows [n, c, w] are known"));
    return std::nullopt;
  }
  const std::optional<Shape> stated = node.integers("kernel_shape");
  if (!stated && !kernel) node.fail("kernel_shape is missing");
  if (stated && kernel && *stated != *kernel) {
    node.fail(
        concat("kernel_shape is ", list_text(*stated), ", the weight's is ", list_text(*kernel)));
  }
  if (node.failed()) return std::nullopt;
  Shape size = stated ? *stated : *kernel;
  if (is_row(node) && size.size() == 1) size.insert(size.begin(), 1);
  if (size.size() != 2 || size[0] < 1 || size[1] < 1 || size[0] > most_window ||
      size[1] > most_window) {
    node.fail(concat("kernel_shape is ", list_text(size), ", expected two positive numbers"));
    return std::nullopt;
  }
  Window window;
  window.kernel = {static_cast<int>(size[0]), static_cast<int>(size[1])};
  window.stride = small_pair(node, "strides", 1);
  window.dilation = small_pair(node, "dilations", 1);
  window.pads = read_pads(node, window);
  if (node.failed()) return std::nullopt;
  return window;
}

std::optional<SolidWindow> read_solid_window(NodeContext& node, std::optional<Shape> kernel) {
  const std::vector<int> sizes = small_numbers(node, "kernel_shape", 3, 1, 1);
  const auto strides = small_numbers(node, "strides", 3, 1, 1);
  const auto dilations = small_numbers(node, "dilations", 3, 1, 1);
  const auto pads = small_numbers(node, "pads", 6, 0, 0);
  const std::string mode = node.text("auto_pad", "NOTSET");
  const std::optional<Shape> stated = node.integers("kernel_shape");
  if (node.failed()) return std::nullopt;
  if (!kernel) kernel = Shape(sizes.begin(), sizes.end());
  const auto passes = [&](size_t i) {
    return (*kernel)[i] == 1 && strides[i] == 1 && pads[i] == 0 && pads[i + 3] == 0;
  };
  SolidWindow out;
  while (out.through < 3 && !passes(out.through)) ++out.through;
  const Shape& x = node.input(0).shape();
  if (out.through == 3 || (mode != "NOTSET" && mode != "VALID") || (stated && *stated != *kernel) ||
      x.size() != 5) {
    node.fail(concat("its input is ", list_text(x), " and its kernel ", list_text(*kernel),
                     "; of windows of three dimensions those are known whose kernel, stride and "
                     "pads leave one of them as it is"));
    return std::nullopt;
  }
  out.first = out.through == 0 ? 1 : 0;
  out.second = out.through == 2 ? 1 : 2;
  const auto size = [&](size_t i) { return static_cast<int>((*kernel)[i]); };
  out.window = {{size(out.first), size(out.second)},
                {strides[out.first], strides[out.second]},
                {dilations[out.first], dilations[out.second]},
                {pads[out.first], pads[out.second], pads[out.first + 3], pads[out.second + 3]}};
  return out;
}

Value to_nhwc(NodeContext& node, const Value& x) {
  const Shape& shape = x.shape();
  if (shape.size() != 3) return node.emit_part("to_nhwc", Transpose{{0, 2, 3, 1}}, {x});
  const Value map = node.emit_part("map", Reshape{{shape[0], shape[1], 1, shape[2]}}, {x});
  return node.emit_part("to_nhwc", Transpose{{0, 2, 3, 1}}, {map});
}

Value to_nchw(NodeContext& node, const Value& x) {
  const Value out = node.emit_part("to_nchw", Transpose{{0, 3, 1, 2}}, {x});
  if (node.failed() || !is_row(node)) return out;
  const Shape& shape = out.shape();
  return node.emit_part("row", Reshape{{shape[0], shape[1], shape[3]}}, {out});
}

}  // namespace octavo::onnx
