// ConvTranspose and Col2Im, as convolutions. Every stride's phase of the result is a convolution
// of its own: all of them are one with stride^2 times the outputs, whose channels then become
// pixels; the file's pads are what is cut off.
#include <algorithm>

#include "base/text.h"
#include "onnx/operators.h"
#include "onnx/window.h"

namespace octavo::onnx {

namespace {

// Along one axis, result pixel stride * q + phase is the sum over j of x[q - j] times the tap
// of which tap * dilation = stride * j + phase.
struct Axis {
  int64_t size, kernel, stride, dilation, before, after, extra;

  int64_t result() const {
    return stride * (size - 1) + extra + (kernel - 1) * dilation + 1 - before - after;
  }
  int64_t taps() const { return (kernel - 1) * dilation / stride + 1; }
  // Pixels of each phase, so that all of the result is among them.
  int64_t rows() const { return std::max(size, (before + result() + stride - 1) / stride); }
  // Of the kernel that the convolution of a phase has at `place`, which counts from the top;
  // none: -1.
  int64_t tap(int64_t phase, int64_t place) const {
    const int64_t reach = stride * (taps() - 1 - place) + phase;
    return reach % dilation == 0 && reach / dilation < kernel ? reach / dilation : -1;
  }
};

struct Transposed {
  Axis vertical, horizontal;
  int64_t groups, inputs, outputs;  // channels of all groups

  int64_t phases() const { return vertical.stride * horizontal.stride; }
  Shape weight_shape() const {
    return {outputs * phases(), vertical.taps(), horizontal.taps(), inputs / groups};
  }
};

// Weights [inputs, outputs / groups, kh, kw] as [outputs * phases, taps, taps, inputs / groups].
std::vector<float> phase_weights(const Transposed& op, const std::vector<float>& weights) {
  const Axis &v = op.vertical, &h = op.horizontal;
  const int64_t of_group = op.outputs / op.groups, depth = op.inputs / op.groups;
  std::vector<float> out;
  out.reserve(static_cast<size_t>(element_count(op.weight_shape())));
  for (int64_t row = 0; row < op.outputs * op.phases(); ++row) {
    const int64_t output = row / op.phases(), phase = row % op.phases();
    const int64_t group = output / of_group;
    for (int64_t place = 0; place < v.taps() * h.taps(); ++place) {
      const int64_t ky = v.tap(phase / h.stride, place / h.taps());
      const int64_t kx = h.tap(phase % h.stride, place % h.taps());
      for (int64_t c = 0; c < depth; ++c) {
        const int64_t from =
            (((group * depth + c) * of_group + output % of_group) * v.kernel + ky) * h.kernel + kx;
        out.push_back(ky < 0 || kx < 0 ? 0.0f : weights[static_cast<size_t>(from)]);
      }
    }
  }
  return out;
}

// [n, qh, qw, o * phases] to [n, qh * stride, qw * stride, o], and of that what the pads leave.
Value phases_as_pixels(NodeContext& node, const Transposed& op, const Value& x) {
  const Axis &v = op.vertical, &h = op.horizontal;
  if (node.failed()) return {};
  const Shape shape = x.shape();
  Value out = x;
  if (op.phases() > 1) {
    const Shape split{shape[0], shape[1], shape[2], op.outputs, v.stride, h.stride};
    out = node.emit_part("phases", Reshape{split}, {out});
    out = node.emit_part("phases", Transpose{{0, 1, 4, 2, 5, 3}}, {out});
    out = node.emit_part(
        "phases", Reshape{{shape[0], shape[1] * v.stride, shape[2] * h.stride, op.outputs}}, {out});
  }
  const Shape whole{shape[0], v.result(), h.result(), op.outputs};
  if (node.failed() || out.shape() == whole) return out;
  return node.emit_part("cut", Slice{{0, v.before, h.before, 0}, whole, {1, 1, 1, 1}}, {out});
}

// x [n, h, w, c]; returns the result in the same layout. `bias` may be absent.
Value transposed_convolution(NodeContext& node, const Transposed& op,
                             const std::vector<float>& weights, const Value& x, const Value& bias) {
  const Axis &v = op.vertical, &h = op.horizontal;
  if (v.result() < 1 || h.result() < 1) {
    node.fail(concat("its result would be ", v.result(), " x ", h.result()));
    return {};
  }
  constexpr double most = int64_t{1} << 31;
  double count = 1;  // sizes of a hostile file overflow integers
  for (const int64_t size : op.weight_shape()) count *= static_cast<double>(size);
  const auto elements = static_cast<int64_t>(std::min(count, most));
  if (count >= most || !node.budget().spend(elements, elements)) {
    node.fail("its kernel asks for more memory than the file's size allows");
    return {};
  }
  Conv2d conv;
  conv.groups = static_cast<int>(op.groups);
  conv.pads = {static_cast<int>(v.taps() - 1), static_cast<int>(h.taps() - 1),
               static_cast<int>(v.rows() - v.size), static_cast<int>(h.rows() - h.size)};
  std::vector<Value> inputs{x, make_reals(op.weight_shape(), phase_weights(op, weights))};
  if (!bias.is_absent()) {
    const Value column = node.emit_part("bias", Reshape{{op.outputs, 1}}, {bias});
    const Value all = node.emit_part("bias", Expand{{op.outputs, op.phases()}}, {column});
    inputs.push_back(node.emit_part("bias", Reshape{{op.outputs * op.phases()}}, {all}));
  }
  return phases_as_pixels(node, op, node.emit(conv, inputs));
}

Axis axis_of(const Window& window, size_t axis, int64_t size, int64_t extra) {
  const Pads& pads = window.pads;
  return {size,
          window.kernel[axis],
          window.stride[axis],
          window.dilation[axis],
          axis == 0 ? pads.top : pads.left,
          axis == 0 ? pads.bottom : pads.right,
          extra};
}

// What the spec leaves to the runtime: how an odd pixel of padding is split.
bool refuses_stated_sizes(NodeContext& node) {
  const std::string mode = node.text("auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "VALID" && !mode.empty()) {
    node.fail(concat("auto_pad is ", quoted(mode), "; export it with pads"));
  } else if (node.integers("output_shape")) {
    node.fail("its output_shape is stated; export it with pads and output_padding");
  }
  return node.failed();
}

Outputs convolve_transposed(NodeContext& node) {
  const Constant* weight = node.constant(1, "the weight");
  if (weight == nullptr || refuses_stated_sizes(node)) return {};
  const Shape shape = weight->shape;
  if (shape.size() != 3 && shape.size() != 4) {
    return node.fail(concat("its weight is ", list_text(shape),
                            ", only convolutions of one or two dimensions are known"));
  }
  if (!weight->reals) return node.fail("its weight is not of floats");
  const std::optional<Window> window = read_window(node, Shape(shape.begin() + 2, shape.end()));
  const int64_t groups = node.integer("group", 1);
  if (groups < 1 || shape[0] % groups != 0) {
    return node.fail(concat("group is ", groups, " for a weight ", list_text(shape)));
  }
  const size_t dimensions = shape.size() - 2;
  const Shape extra = node.integers("output_padding").value_or(Shape(dimensions, 0));
  if (extra.size() != dimensions || *std::min_element(extra.begin(), extra.end()) < 0 ||
      *std::max_element(extra.begin(), extra.end()) > 1 << 16) {
    return node.fail(concat("output_padding is ", list_text(extra)));
  }
  if (!window) return {};
  const Shape x = node.input(0).shape();
  if (x[1] != shape[0]) {
    return node.fail(concat("its weight ", list_text(shape), " does not fit ", list_text(x)));
  }
  Value bias;
  if (node.has_input(2)) {
    const Constant* values = node.constant(2, "the bias");
    if (values == nullptr) return {};
    if (values->size() != shape[1] * groups) {
      return node.fail(concat("its bias is ", list_text(values->shape)));
    }
    bias = *values;
  }
  const bool row = dimensions == 1;
  const Transposed op{axis_of(*window, 0, row ? 1 : x[2], row ? 0 : extra[0]),
                      axis_of(*window, 1, x.back(), extra.back()), groups, shape[0],
                      shape[1] * groups};
  return {to_nchw(node,
                  transposed_convolution(node, op, *weight->reals, to_nhwc(node, node.input(0)), bias))};
}

// Two numbers of an attribute, `otherwise` each if it is left out; nothing where they are no
// sizes of a window.
std::optional<std::array<int, 2>> pair(NodeContext& node, std::string_view name, int otherwise) {
  const Shape found = node.integers(name).value_or(Shape(2, otherwise));
  const auto fits = [](int64_t value) { return value >= 1 && value <= 1 << 16; };
  if (found.size() == 2 && fits(found[0]) && fits(found[1])) {
    return std::array{static_cast<int>(found[0]), static_cast<int>(found[1])};
  }
  node.fail(concat(name, " is ", list_text(found), ", expected two positive numbers"));
  return std::nullopt;
}

// [n, c * kh * kw, blocks] to [n, c, height, width]: every block is added where it was taken
// from. That is a transposed convolution whose kernels are ones: block entry (c, ky, kx) goes to
// channel c at (ky, kx).
Outputs columns_to_image(NodeContext& node) {
  const std::optional<Shape> image = node.integers_input(1, "the image's size");
  const std::optional<Shape> block = node.integers_input(2, "the block's size");
  const auto strides = pair(node, "strides", 1), dilations = pair(node, "dilations", 1);
  const Shape pads = node.integers("pads").value_or(Shape(4, 0));
  const Shape x = node.input(0).shape();
  if (!image || !block || !strides || !dilations) return {};
  if (image->size() != 2 || block->size() != 2 || pads.size() != 4 || x.size() != 3) {
    return node.fail("only images of two dimensions are known");
  }
  constexpr int64_t most = 1 << 16;
  for (const Shape* sizes : {&*image, &*block}) {
    for (const int64_t size : *sizes) {
      if (size < 1 || size > most) return node.fail(concat("a size is ", size));
    }
  }
  if (*std::min_element(pads.begin(), pads.end()) < 0 ||
      *std::max_element(pads.begin(), pads.end()) > most) {
    return node.fail(concat("pads are ", list_text(pads)));
  }
  std::array<Axis, 2> axes{};
  for (size_t i = 0; i < 2; ++i) {
    Axis& axis = axes[i];
    axis = {1, (*block)[i], (*strides)[i], (*dilations)[i], pads[i], pads[i + 2], 0};
    const int64_t left = (*image)[i] - axis.result();
    if (left < 0) return node.fail("its block is larger than the image");
    axis.size += left / axis.stride;
    axis.extra = left % axis.stride;
  }
  const int64_t taps = axes[0].kernel * axes[1].kernel;
  if (x[1] % taps != 0 || x[2] != axes[0].size * axes[1].size) {
    return node.fail(concat(list_text(x), " is not blocks of ", list_text(*block), " of ",
                            list_text(*image)));
  }
  const int64_t channels = x[1] / taps;
  const Transposed op{axes[0], axes[1], channels, x[1], channels};
  if (!node.budget().spend(x[1] * taps, x[1] * taps)) {
    return node.fail("asks for more memory than the file's size allows");
  }
  std::vector<float> ones(static_cast<size_t>(x[1] * taps), 0.0f);
  for (int64_t c = 0; c < x[1]; ++c) ones[static_cast<size_t>(c * taps + c % taps)] = 1;
  const Value map =
      node.emit_part("map", Reshape{{x[0], x[1], axes[0].size, axes[1].size}}, {node.input(0)});
  const Value blocks = node.emit_part("to_nhwc", Transpose{{0, 2, 3, 1}}, {map});
  const Value sum = transposed_convolution(node, op, ones, blocks, {});
  return {node.emit_part("to_nchw", Transpose{{0, 3, 1, 2}}, {sum})};
}

}  // namespace

std::vector<OperatorRow> transposed_convolution_operators() {
  return {
      {"ConvTranspose", 2, 3, {1, 11, 22}, convolve_transposed},
      {"Col2Im", 3, 3, {18}, columns_to_image},
  };
}

}  // namespace octavo::onnx
