// Branches that are added are one convolution: kernels of different size are padded with
// zeros to the larger one, and a branch that only scales channels is a kernel with one
// entry. Networks trained with such branches (RepVGG, MobileOne, RepGhost; two classifier
// heads that are averaged) come out as in their deployed form.
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

// Both operands convolve the same tensor, and nothing else reads them.
bool merge_convolutions(Editor& editor, NodeId id, TensorId first, TensorId second) {
  const auto* large = made_by<Conv2d>(editor, first);
  const auto* small = made_by<Conv2d>(editor, second);
  if (!large || !small || operand(editor, first, 0) != operand(editor, second, 0)) return false;
  auto sum = linear_of(editor, editor.maker(first));
  const auto other = linear_of(editor, editor.maker(second));
  if (!sum || !other) return false;
  const auto offset = offset_in(*large, sum->shape, *small, other->shape);
  if (!offset) return false;
  add_kernel(*sum, *other, *offset);
  const Conv2d op = *large;
  return put_linear(editor, id, op, operand(editor, first, 0), *sum);
}

bool merge_products(Editor& editor, NodeId id, TensorId first, TensorId second) {
  const auto* a = made_by<MatMul>(editor, first);
  const auto* b = made_by<MatMul>(editor, second);
  if (!a || !b || operand(editor, first, 0) != operand(editor, second, 0)) return false;
  auto sum = linear_of(editor, editor.maker(first));
  const auto other = linear_of(editor, editor.maker(second));
  if (!sum || !other || a->transpose_b != b->transpose_b) return false;
  for (size_t i = 0; i < sum->weight.size(); ++i) sum->weight[i] += other->weight[i];
  for (size_t i = 0; i < sum->bias.size(); ++i) sum->bias[i] += other->bias[i];
  const MatMul op = *a;
  return put_linear(editor, id, op, operand(editor, first, 0), *sum);
}

// conv(x) + (x s + t): s goes to the weight at which the kernel meets its own pixel.
bool merge_affine_branch(Editor& editor, NodeId id, TensorId first, TensorId second) {
  const auto* conv = made_by<Conv2d>(editor, first);
  if (!conv || !made_by<ChannelAffine>(editor, second)) return false;
  const TensorId x = operand(editor, first, 0);
  const auto affine = affine_along(editor, editor.maker(second), 3);
  if (!affine || operand(editor, second, 0) != x || conv->stride != one) return false;
  auto sum = linear_of(editor, editor.maker(first));
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
    sum->weight[static_cast<size_t>(at)] += affine->scale[channel];
    sum->bias[channel] += affine->shift[channel];
  }
  const Conv2d op = *conv;
  return put_linear(editor, id, op, x, *sum);
}

bool merge(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto terms = binary_operands(editor, node.output, Binary::Kind::add);
  if (!terms || editor.shape(terms->a) != editor.shape(terms->b)) return false;
  if (editor.reader_count(terms->a) != 1 || editor.reader_count(terms->b) != 1) return false;
  const auto [a, b] = *terms;
  return merge_convolutions(editor, id, a, b) || merge_convolutions(editor, id, b, a) ||
         merge_products(editor, id, a, b) || merge_affine_branch(editor, id, a, b) ||
         merge_affine_branch(editor, id, b, a);
}

}  // namespace

int merge_parallel(Graph& graph) {
  return rewrite_nodes(graph, merge);
}

}  // namespace octavo
