// Branches that are added or subtracted are one convolution: kernels of different size are padded
// with zeros to the larger one, and a branch that only scales channels, or is the input itself, is
// a kernel with one entry. Networks trained with such branches (RepVGG, MobileOne, RepGhost,
// RepViT, FastViT; two classifier heads that are averaged) come out as in their deployed form.
#include "rewrite/pattern.h"
#include "rewrite/table.h"
#include "rewrite/weights.h"

namespace octavo {

namespace {

constexpr std::array<int, 2> one{1, 1};

// Where the smaller kernel lies in the larger one, if both see the same pixels.
std::optional<std::array<int64_t, 2>> offset_in(const Conv2d& large, const Shape& large_shape,
                                                const Conv2d& small, const Shape& small_shape) {
  const std::array<int64_t, 2> offset{large.pads.top - small.pads.top,
                                      large.pads.left - small.pads.left};
  for (size_t axis = 0; axis < 2; ++axis) {
    const bool inside =
        offset[axis] >= 0 && offset[axis] + small_shape[axis + 1] <= large_shape[axis + 1];
    if (!inside) return std::nullopt;
  }
  const bool same_grid = small_shape[1] == large_shape[1] && small_shape[2] == large_shape[2]
                             ? large.dilation == small.dilation
                             : large.dilation == one && small.dilation == one;
  if (!same_grid || large.stride != small.stride || large.groups != small.groups) {
    return std::nullopt;
  }
  return offset;
}

// A term of the sum: +1 or -1 times a tensor.
struct Branch {
  TensorId tensor;
  double sign;
};

void scale_by(Linear& linear, double sign) {
  for (double& w : linear.weight) w *= sign;
  for (double& b : linear.bias) b *= sign;
}

void add_kernel(Linear& large, const Linear& small, const std::array<int64_t, 2>& offset) {
  const Shape& a = large.shape;
  const Shape& b = small.shape;
  for (int64_t o = 0; o < b[0]; ++o) {
    for (int64_t y = 0; y < b[1]; ++y) {
      for (int64_t x = 0; x < b[2]; ++x) {
        const int64_t to = ((o * a[1] + y + offset[0]) * a[2] + x + offset[1]) * a[3];
        const int64_t from = ((o * b[1] + y) * b[2] + x) * b[3];
        for (int64_t i = 0; i < b[3]; ++i) {
          large.weight[static_cast<size_t>(to + i)] += small.weight[static_cast<size_t>(from + i)];
        }
      }
    }
  }
  for (size_t o = 0; o < large.bias.size(); ++o) large.bias[o] += small.bias[o];
}

// What a branch's maker multiplies by, its sign included.
std::optional<Linear> signed_linear(const Editor& editor, const Branch& branch) {
  auto linear = linear_of(editor, editor.maker(branch.tensor));
  if (linear) scale_by(*linear, branch.sign);
  return linear;
}

// Both operands convolve the same tensor, and nothing else reads them.
bool merge_convolutions(Editor& editor, NodeId id, const Branch& first, const Branch& second) {
  const auto* large = made_by<Conv2d>(editor, first.tensor);
  const auto* small = made_by<Conv2d>(editor, second.tensor);
  if (!large || !small) return false;
  const TensorId x = operand(editor, first.tensor, 0);
  if (x != operand(editor, second.tensor, 0)) return false;
  auto sum = signed_linear(editor, first);
  const auto other = signed_linear(editor, second);
  if (!sum || !other) return false;
  const auto offset = offset_in(*large, sum->shape, *small, other->shape);
  if (!offset) return false;
  add_kernel(*sum, *other, *offset);
  const Conv2d op = *large;
  return put_linear(editor, id, op, x, *sum);
}

bool merge_products(Editor& editor, NodeId id, const Branch& first, const Branch& second) {
  const auto* a = made_by<MatMul>(editor, first.tensor);
  const auto* b = made_by<MatMul>(editor, second.tensor);
  if (!a || !b) return false;
  const TensorId x = operand(editor, first.tensor, 0);
  if (x != operand(editor, second.tensor, 0)) return false;
  auto sum = signed_linear(editor, first);
  const auto other = signed_linear(editor, second);
  if (!sum || !other || a->transpose_b != b->transpose_b) return false;
  for (size_t i = 0; i < sum->weight.size(); ++i) sum->weight[i] += other->weight[i];
  for (size_t i = 0; i < sum->bias.size(); ++i) sum->bias[i] += other->bias[i];
  const MatMul op = *a;
  return put_linear(editor, id, op, x, *sum);
}

// x s + t of each channel.
struct Scaled {
  std::vector<double> scale, shift;
};

std::optional<Scaled> scaled_input(const Editor& editor, const Branch& branch, TensorId x) {
  if (branch.tensor == x) {
    const auto channels = static_cast<size_t>(editor.shape(x).back());
    return Scaled{std::vector<double>(channels, branch.sign), std::vector<double>(channels, 0.0)};
  }
  if (!made_by<ChannelAffine>(editor, branch.tensor)) return std::nullopt;
  const auto affine = affine_along(editor, editor.maker(branch.tensor), 3);
  if (!affine || operand(editor, branch.tensor, 0) != x) return std::nullopt;
  Scaled out{{affine->scale.begin(), affine->scale.end()},
             {affine->shift.begin(), affine->shift.end()}};
  for (double& scale : out.scale) scale *= branch.sign;
  for (double& shift : out.shift) shift *= branch.sign;
  return out;
}

// conv(x) + (x s + t): s goes to the weight at which the kernel meets its own pixel.
bool merge_scaled_branch(Editor& editor, NodeId id, const Branch& first, const Branch& second) {
  const auto* conv = made_by<Conv2d>(editor, first.tensor);
  if (!conv || conv->stride != one) return false;
  const TensorId x = operand(editor, first.tensor, 0);
  const auto scaled = scaled_input(editor, second, x);
  if (!scaled) return false;
  auto sum = signed_linear(editor, first);
  if (!sum || sum->inputs != sum->outputs) return false;
  const Shape& kernel = sum->shape;
  const std::array<int64_t, 2> own{conv->pads.top / conv->dilation[0],
                                   conv->pads.left / conv->dilation[1]};
  const bool meets = own[0] * conv->dilation[0] == conv->pads.top && own[0] < kernel[1] &&
                     own[1] * conv->dilation[1] == conv->pads.left && own[1] < kernel[2];
  if (!meets) return false;
  for (int64_t o = 0; o < kernel[0]; ++o) {
    const int64_t at = ((o * kernel[1] + own[0]) * kernel[2] + own[1]) * kernel[3] + o % kernel[3];
    const auto channel = static_cast<size_t>(o);
    sum->weight[static_cast<size_t>(at)] += scaled->scale[channel];
    sum->bias[channel] += scaled->shift[channel];
  }
  const Conv2d op = *conv;
  return put_linear(editor, id, op, x, *sum);
}

// The two terms of a sum or a difference of one shape.
std::optional<std::array<Branch, 2>> branches_of(const Editor& editor, TensorId output) {
  auto terms = binary_operands(editor, output, Binary::Kind::add);
  const double sign = terms ? 1.0 : -1.0;
  if (!terms) terms = binary_operands(editor, output, Binary::Kind::subtract);
  if (!terms || editor.shape(terms->a) != editor.shape(terms->b)) return std::nullopt;
  return std::array<Branch, 2>{Branch{terms->a, 1.0}, Branch{terms->b, sign}};
}

// Nothing else reads either term: what is computed for others as well is not merged.
bool merge_terms(Editor& editor, NodeId id) {
  const auto branches = branches_of(editor, editor.node(id).output);
  if (!branches) return false;
  const auto& [a, b] = *branches;
  if (editor.reader_count(a.tensor) != 1 || editor.reader_count(b.tensor) != 1) return false;
  return merge_convolutions(editor, id, a, b) || merge_convolutions(editor, id, b, a) ||
         merge_products(editor, id, a, b) || merge_scaled_branch(editor, id, a, b) ||
         merge_scaled_branch(editor, id, b, a);
}

// conv(x) + x in front of a batch normalization, which then has a convolution to go into. Elsewhere
// a step takes x as its residual.
bool merge_normalized_input(Editor& editor, NodeId id) {
  if (!std::holds_alternative<ChannelAffine>(editor.node(id).op)) return false;
  const TensorId sum = editor.node(id).inputs[0];
  const auto branches = branches_of(editor, sum);
  if (!branches || editor.reader_count(sum) != 1) return false;
  const auto& [a, b] = *branches;
  const auto merge_into = [&](const Branch& convolution, const Branch& input) {
    return made_by<Conv2d>(editor, convolution.tensor) != nullptr &&
           editor.reader_count(convolution.tensor) == 1 &&
           operand(editor, convolution.tensor, 0) == input.tensor &&
           merge_scaled_branch(editor, editor.maker(sum), convolution, input);
  };
  return merge_into(a, b) || merge_into(b, a);
}

bool merge(Editor& editor, NodeId id) {
  return merge_terms(editor, id) || merge_normalized_input(editor, id);
}

}  // namespace

int merge_parallel(Graph& graph) {
  return rewrite_nodes(graph, merge);
}

}  // namespace octavo
