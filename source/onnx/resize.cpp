// Resize and the older Upsample, over height and width.
#include <cmath>

#include "base/text.h"
#include "onnx/operators.h"
#include "onnx/window.h"

namespace octavo::onnx {

namespace {

// The size of every axis and the scale that the file states for it.
struct Target {
  Shape sizes;
  std::vector<float> scales;
};

std::optional<Resize::Mode> read_mode(NodeContext& node) {
  const std::string mode = node.text("mode", "nearest");
  if (mode == "nearest") return Resize::Mode::nearest;
  if (mode == "linear" || mode == "bilinear") return Resize::Mode::linear;
  if (mode == "cubic") return Resize::Mode::cubic;
  node.fail(concat("mode ", quoted(mode), " is not known"));
  return std::nullopt;
}

std::optional<std::vector<float>> floats_input(NodeContext& node, size_t index) {
  const Constant* scales = node.constant(index, "the list of scales");
  if (scales == nullptr) return std::nullopt;
  if (scales->reals) return *scales->reals;
  node.fail("its scales must be floats");
  return std::nullopt;
}

// ONNX Runtime computes floor(size * scale) in float32, and so do the exporters' shapes.
std::optional<Target> scaled_target(NodeContext& node, const std::vector<float>& scales) {
  const Shape& x = node.input(0).shape();
  Target target{x, std::vector<float>(x.size(), 1)};
  if (scales.size() != x.size()) {
    node.fail(concat(scales.size(), " scales for ", list_text(x)));
    return std::nullopt;
  }
  for (size_t axis = 0; axis < x.size(); ++axis) {
    const float size = std::floor(static_cast<float>(x[axis]) * scales[axis]);
    if (!(size >= 1) || size > 0x1p24f) {
      node.fail(concat("scales ", list_text(scales), " are impossible for ", list_text(x)));
      return std::nullopt;
    }
    target.sizes[axis] = static_cast<int64_t>(size);
    target.scales[axis] = scales[axis];
  }
  return target;
}

std::optional<Target> sized_target(NodeContext& node, const Shape& sizes) {
  const Shape& x = node.input(0).shape();
  if (sizes.size() != x.size()) {
    node.fail(concat("sizes ", list_text(sizes), " for ", list_text(x)));
    return std::nullopt;
  }
  Target target{sizes, {}};
  for (size_t axis = 0; axis < x.size(); ++axis) {
    target.scales.push_back(static_cast<float>(sizes[axis]) / static_cast<float>(x[axis]));
  }
  return target;
}

// Entries for some axes only (since opset 18) spread over all of them.
template <class Number>
std::vector<Number> spread(NodeContext& node, const std::vector<Number>& entries,
                           std::vector<Number> out) {
  const std::optional<Shape> axes = node.integers("axes");
  if (!axes) return entries;
  if (axes->size() != entries.size()) {
    node.fail(concat(entries.size(), " entries for axes ", list_text(*axes)));
    return entries;
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto axis = static_cast<size_t>(node.normalized_axis((*axes)[i], out.size()));
    if (node.failed()) return entries;
    out[axis] = entries[i];
  }
  return out;
}

bool has_elements(const NodeContext& node, size_t index) {
  return node.has_input(index) && element_count(node.input(index).shape()) > 0;
}

std::optional<Target> read_target(NodeContext& node) {
  const Shape& x = node.input(0).shape();
  const std::vector<float> ones(x.size(), 1);
  if (has_elements(node, 3)) {
    const std::optional<Shape> sizes = node.integers_input(3, "the list of sizes");
    if (!sizes) return std::nullopt;
    node.integers("axes");
    return sized_target(node, spread(node, *sizes, x));
  }
  const std::optional<std::vector<float>> scales = floats_input(node, 2);
  if (!scales) return std::nullopt;
  return scaled_target(node, spread(node, *scales, ones));
}

// [n, c, h, w] with c kept, or [n, h, w, c] with c kept; [n, c, w] is a map of one row.
Value resized(NodeContext& node, Resize op, Target target) {
  Value x = node.input(0);
  const Shape stated = target.sizes;
  if (stated == x.shape()) return x;
  if (x.shape().size() == 3) {
    Shape one_row = x.shape();
    one_row.insert(one_row.begin() + 2, 1);
    x = node.emit_part("row", Reshape{one_row}, {x});
    target.sizes.insert(target.sizes.begin() + 2, 1);
    target.scales.insert(target.scales.begin() + 2, 1);
  }
  const Shape from = x.shape();
  if (from.size() != 4) {
    node.fail(concat("its input is ", list_text(from), ", only three and four axes are known"));
    return {};
  }
  const bool channels_first = target.sizes[1] == from[1];
  const size_t height = channels_first ? 2 : 1;
  if (target.sizes[0] != from[0] || (!channels_first && target.sizes[3] != from[3])) {
    node.fail(concat("from ", list_text(node.input(0).shape()), " to ", list_text(stated),
                     ", only height and width can change"));
    return {};
  }
  op.height = target.sizes[height];
  op.width = target.sizes[height + 1];
  op.scale_h = target.scales[height];
  op.scale_w = target.scales[height + 1];
  const Value map =
      channels_first ? to_nchw(node, node.emit(op, {to_nhwc(node, x)})) : node.emit(op, {x});
  return stated.size() == 4 ? map : node.emit_part("line", Reshape{stated}, {map});
}

// Before opset 11: output pixel i lies at i / scale; nearest takes the floor when it
// enlarges and the ceiling when it shrinks.
Outputs resize_asymmetric(NodeContext& node, const std::vector<float>& scales) {
  const std::optional<Resize::Mode> mode = read_mode(node);
  const std::optional<Target> target = scaled_target(node, scales);
  if (!mode || !target) return {};
  Resize op{*mode, Resize::Coordinates::asymmetric, Resize::Nearest::floor};
  bool enlarges = false, shrinks = false;
  for (const float scale : target->scales) {
    enlarges = enlarges || scale > 1;
    shrinks = shrinks || scale < 1;
  }
  if (enlarges && shrinks) return node.fail("enlarges one axis and shrinks another");
  if (shrinks) op.nearest = Resize::Nearest::ceil;
  return {resized(node, op, *target)};
}

Outputs upsample(NodeContext& node) {
  const std::optional<std::vector<float>> scales =
      node.version() < 9 ? node.reals("scales") : floats_input(node, 1);
  if (!scales) return node.fail("its scales are missing");
  return resize_asymmetric(node, *scales);
}

std::optional<Resize::Nearest> read_nearest(NodeContext& node) {
  const std::string mode = node.text("nearest_mode", "round_prefer_floor");
  if (mode == "round_prefer_floor") return Resize::Nearest::round_prefer_floor;
  if (mode == "round_prefer_ceil") return Resize::Nearest::round_prefer_ceil;
  if (mode == "floor") return Resize::Nearest::floor;
  if (mode == "ceil") return Resize::Nearest::ceil;
  node.fail(concat("nearest_mode ", quoted(mode), " is not known"));
  return std::nullopt;
}

// half_pixel_symmetric differs from half_pixel only where size * scale is not whole.
bool scales_exactly(const Shape& from, const Target& target) {
  for (size_t axis = 0; axis < from.size(); ++axis) {
    const double exact = static_cast<double>(from[axis]) * double{target.scales[axis]};
    if (std::abs(exact - static_cast<double>(target.sizes[axis])) > 1e-4) return false;
  }
  return true;
}

std::optional<Resize::Coordinates> read_coordinates(NodeContext& node, const Target& target) {
  const std::string mode = node.text("coordinate_transformation_mode", "half_pixel");
  if (mode == "half_pixel") return Resize::Coordinates::half_pixel;
  if (mode == "align_corners") return Resize::Coordinates::align_corners;
  if (mode == "asymmetric") return Resize::Coordinates::asymmetric;
  if (mode == "pytorch_half_pixel") return Resize::Coordinates::pytorch_half_pixel;
  if (mode == "half_pixel_symmetric" && scales_exactly(node.input(0).shape(), target)) {
    return Resize::Coordinates::half_pixel;
  }
  node.fail(concat("coordinate_transformation_mode ", quoted(mode), " is not known"));
  return std::nullopt;
}

Outputs resize(NodeContext& node) {
  if (node.version() == 10) {
    const std::optional<std::vector<float>> scales = floats_input(node, 1);
    if (!scales) return {};
    return resize_asymmetric(node, *scales);
  }
  const std::optional<Resize::Mode> mode = read_mode(node);
  const std::optional<Resize::Nearest> nearest = read_nearest(node);
  const float coefficient = node.real("cubic_coeff_a", -0.75f);
  node.real("extrapolation_value", 0);  // of a crop, which is refused
  if (node.integer("antialias", 0) != 0) return node.fail("antialias is not known");
  if (node.integer("exclude_outside", 0) != 0 && mode == Resize::Mode::cubic) {
    return node.fail("exclude_outside is not known");
  }
  if (node.text("keep_aspect_ratio_policy", "stretch") != "stretch") {
    return node.fail("keep_aspect_ratio_policy is not known");
  }
  const std::optional<Target> target = read_target(node);
  if (!mode || !nearest || !target) return {};
  const std::optional<Resize::Coordinates> coordinates = read_coordinates(node, *target);
  if (!coordinates) return {};
  Resize op{*mode, *coordinates, *nearest};
  op.cubic_coefficient = coefficient;
  return {resized(node, op, *target)};
}

}  // namespace

std::vector<OperatorRow> resize_operators() {
  return {
      {"Resize", 1, 4, {10, 11, 13, 18, 19}, resize},
      {"Upsample", 1, 2, {7, 9}, upsample, {1, 10}},
  };
}

}  // namespace octavo::onnx
