// The closed set of operators of the intermediate representation.
//
// ONNX arrives in many dialects; source/onnx turns each into these few, and
// source/rewrite makes them fewer. Every operator has one output. Two-dimensional
// operators are NHWC by definition: the importer puts a Transpose on either side
// and the layout rewrite cancels them. `inputs` below is the order of Node::inputs.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "graph/grid.h"

namespace octavo {

using Shape = std::vector<int64_t>;

struct Pads {
  int top = 0, left = 0, bottom = 0, right = 0;
  bool operator==(const Pads&) const = default;
};

// inputs: x [n, h, w, c], weight [o, kh, kw, c / groups], optional bias [o].
// Padding is zero. Output [n, h', w', o], h' = floor((h + pads - dilation*(kh-1) - 1) / stride)
// + 1.
struct Conv2d {
  std::array<int, 2> stride{1, 1}, dilation{1, 1};  // vertical, horizontal
  Pads pads{};
  int groups = 1;
};

// inputs: a [..., m, k], b [..., k, n] (or [..., n, k] with transpose_b), optional bias [n].
// Leading dimensions broadcast as in ONNX MatMul; rank of a and b at least 2.
struct MatMul {
  bool transpose_b = false;
};

// inputs: a, b; broadcast as numpy does.
struct Binary {
  enum class Kind { add, subtract, multiply, divide, power, minimum, maximum } kind;
};

// input: x. alpha and beta mean: clip [alpha, beta]; hard_sigmoid
// max(0, min(1, alpha*x + beta)); leaky_relu and elu slope alpha; power x ^ alpha.
struct Unary {
  enum class Kind {
    relu,
    clip,
    leaky_relu,
    elu,
    sigmoid,
    hard_sigmoid,
    hard_swish,
    silu,
    gelu,
    gelu_tanh,
    tanh,
    erf,
    exp,
    log,
    sqrt,
    absolute,
    negate,
    reciprocal,
    power,
    softplus,
    mish,
    sine,
    cosine,
  } kind;
  float alpha = 0, beta = 0;
};

// input: x. A pair of QuantizeLinear and DequantizeLinear: the value that a code of the grid holds,
// (min(max(rint(x / scale) + zero_point, 0), highest) - zero_point) * scale.
// One scale and zero point, or one an entry along `axis`.
struct FakeQuantize {
  Grid grid;
  int axis = 0;  // never negative; counts only with more than one scale

  bool by_axis() const { return grid.by_channel(); }
  bool operator==(const FakeQuantize&) const = default;
};

// Of a power; others are defined for numbers that are not negative alone.
bool has_whole_exponent(const Unary& power);

// inputs: x, scale [c], shift [c]: x * scale + shift along `axis` (a batch
// normalization with its four vectors already merged in double precision).
struct ChannelAffine {
  int axis = 0;  // never negative
};

// input: x [n, h, w, c]. Padding never wins a maximum. With ceil_mode the output
// size rounds up and a window that would start in the padding on the far side is
// dropped; the overhang never counts in an average, padding only if count_include_pad.
struct Pool2d {
  enum class Kind { maximum, average } kind;
  std::array<int, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1};
  Pads pads{};
  bool ceil_mode = false;
  bool count_include_pad = false;
};

// input: x. axes sorted, never negative.
struct Reduce {
  enum class Kind { mean, sum, maximum, minimum, l2 } kind;
  std::vector<int> axes;
  bool keep_dims = true;
};

struct Softmax {  // input: x; over one axis, never negative
  int axis = 0;
};

struct LayerNorm {  // inputs: x, gamma [c], beta [c]; over the last axis
  float epsilon = 1e-5f;
};

struct Reshape {  // input: x; row-major order is kept; shape fully known
  Shape shape;
};

struct Transpose {  // input: x; output axis i is input axis perm[i]
  std::vector<int> perm;
};

struct Concat {  // inputs: one or more
  int axis = 0;
};

struct Slice {  // input: x; one entry an axis of x; step may be negative
  Shape starts, sizes, steps;
};

struct Gather {  // input: x; constant indices along an axis, never negative (channel shuffle is
                 // one)
  int axis = 0;
  std::vector<int64_t> indices;
};

struct Expand {  // input: x; broadcast to shape
  Shape shape;
};

struct Pad {  // input: x; one entry an axis, never negative
  enum class Mode { constant, reflect, edge } mode = Mode::constant;
  Shape before, after;
  float value = 0;
};

struct Resize {  // input: x [n, h, w, c]; to height and width
  enum class Mode { nearest, linear, cubic } mode = Mode::nearest;
  enum class Coordinates {
    half_pixel,
    align_corners,
    asymmetric,
    pytorch_half_pixel
  } coordinates = Coordinates::half_pixel;
  enum class Nearest {
    round_prefer_floor,
    round_prefer_ceil,
    floor,
    ceil
  } nearest = Nearest::round_prefer_floor;
  int64_t height = 0, width = 0;
  float cubic_coefficient = -0.75f;
  float scale_h = 1, scale_w = 1;  // output / input as the file states it
};

using Operator = std::variant<Conv2d, MatMul, Binary, Unary, FakeQuantize, ChannelAffine, Pool2d,
                              Reduce, Softmax, LayerNorm, Reshape, Transpose, Concat, Slice, Gather,
                              Expand, Pad, Resize>;

// "conv2d", "add", "hard_swish", "max_pool", ... : the name that tables show.
std::string_view operator_name(const Operator& op);

}  // namespace octavo
