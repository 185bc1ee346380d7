// Which nodes of a float graph make one integer step. A step ends in the one rounding
// that its output gets (docs/numerics.md, "The epilogue"): bias, activation, residual
// and clamp belong to it, so the outputs of the steps are the rounding points.
//
// The decision is made here and nowhere else, alike on every machine.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "graph/graph.h"
#include "plan/plan.h"
#include "quantize/refusal.h"

namespace octavo {

// What a step computes, with what its kind needs to know beside its nodes.
namespace form {
struct Convolution {
  // A quantized file's weights are integers that stay as they are (weights.h): bytes, or words
  // where the file stores what they multiply in 16 bits.
  enum class Kept : uint8_t { none, bytes, words } kept = Kept::none;
};
struct Pool {
  Pool2d op;  // with the kernel of a global one written out
};
// a * a_factor[c] + b * b_factor[c], one entry a channel.
struct Add {
  std::vector<double> a_factor, b_factor;
};
struct Multiply {};
struct Divide {};
// x * factor[c] + offset[c], one entry a channel.
struct Rescale {
  std::vector<double> factor, offset;
};
// Its nodes are one function of a stored value, up to the rounding (lookup.h).
struct Lookup {};
struct LayerNorm {
  double epsilon = 0;
  std::vector<double> factor, offset;  // a channel
};
struct L2Normalize {
  double least_norm = 0;
};
struct Softmax {};
struct MatMul {
  bool transpose_b = false;
  std::vector<double> factor;  // of the product, a channel
};
struct Resize {};
struct Gather {
  std::vector<int32_t> channels;  // of the input
};
struct Concat {};
struct Reshape {};
struct Permute {
  std::vector<int32_t> dims, perm;  // the input's dimensions and their new order
};
struct Constant {};
}  // namespace form

using StepForm =
    std::variant<form::Convolution, form::Pool, form::Add, form::Multiply, form::Divide,
                 form::Rescale, form::Lookup, form::LayerNorm, form::L2Normalize, form::Softmax,
                 form::MatMul, form::Resize, form::Gather, form::Concat, form::Reshape,
                 form::Permute, form::Constant>;

// Of values that a quantized file rounds.
inline ElementType type_of(const Grid& grid) {
  return grid.highest > 255 ? ElementType::u16 : ElementType::u8;
}

struct FormedStep {
  StepForm form;
  uint32_t node = 0;  // the node that gives the step its arithmetic
  // All of its nodes, ascending; the last makes `output`. None where that is a constant.
  std::vector<uint32_t> nodes;
  std::vector<TensorId> inputs;     // stored tensors as the plan's step wants them, residual last
  TensorId accumulated = 0;         // what the activation reads; the output where there is none
  std::optional<Unary> activation;  // inside the step; relu and clip only where a residual follows
  TensorId activated = 0;           // output of the activation
  bool has_residual = false;
  float lo = -std::numeric_limits<float>::infinity();  // clamp of the output, real values
  float hi = std::numeric_limits<float>::infinity();
  TensorId output = 0;
  std::optional<Grid> rounding;  // a quantized file's; none: calibration decides

  template <class Form>
  bool is() const {
    return std::holds_alternative<Form>(form);
  }
  template <class Form>
  const Form* as() const {  // null where it is another
    return std::get_if<Form>(&form);
  }
};

// A maximum, a selection, a joining, another shape or order: stored values move unchanged, so
// their scales move along.
bool moves_only(const FormedStep& step);

// A convolution by the integers of a file.
bool keeps_weights(const FormedStep& step);

// A layer norm or an L2 normalization.
bool normalizes(const FormedStep& step);

// Whether input `i` of the step must have one scale and zero point for all of its channels:
// normalizations and products sum over them.
bool needs_one_scale(const FormedStep& step, size_t i);

struct FormedSteps {
  std::vector<FormedStep> steps;  // in an order in which inputs are made before they are read
  // For every tensor of the graph the stored tensor that holds its values: itself, or
  // what a change of shape without effect ([1, 1, 1, c] to [1, c]) read.
  std::vector<TensorId> stored_as;
  std::optional<Grid> input_rounding;  // of the network's input, if it is no picture
};

struct Formation {
  FormedSteps formed;  // of the nodes that can, where others are refused
  std::vector<Refusal> refused;
};

// Partitions a verified graph that has been through the rewrites and prepare_for_steps.
Formation form_what_can(const Graph& graph);
// `rejected`, naming all that are refused, where any is.
Result<FormedSteps> form_steps(const Graph& graph);

// The four dimensions [n, h, w, c] under which a tensor is stored; rank 2 is [n, 1, 1, c], and
// more than four leave their first ones to n. Empty if its size does not fit.
std::optional<std::array<int32_t, 4>> stored_shape(const Shape& shape);

inline int64_t channel_count(const Tensor& tensor) {
  return tensor.shape.empty() ? 1 : tensor.shape.back();
}

// A constant operand as one value a channel of a tensor with `channels` of them; empty
// if it varies along any other axis.
std::vector<double> by_channel(const Tensor& constant, int64_t channels);

// The bounds that an activation's result keeps to whatever its argument.
struct RealRange {
  float lo = -std::numeric_limits<float>::infinity();
  float hi = std::numeric_limits<float>::infinity();
};
RealRange activation_bounds(const Unary& unary);

// What integers of the rounding can say, of channel c and of any.
RealRange range_of(const Grid& rounding, size_t c);
RealRange range_of(const Grid& rounding);

// x * 1 + 0: it only stores what another tensor holds, as another type or in other units.
bool is_copy(const FormedStep& step);

}  // namespace octavo
