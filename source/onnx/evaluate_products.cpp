// Folding of matrix products and convolutions: plain loops, sums in double precision.
// Position encodings need them; the budget keeps them small.
#include "onnx/evaluate_rules.h"

namespace octavo::onnx::evaluate_rules {

Folded fold(const MatMul& op, std::span<const Constant> inputs, const Shape& out) {
  if (!inputs[0].reals || !inputs[1].reals)
    return rejected("a matrix product of integers is not known");
  const int64_t rows = out[out.size() - 2], columns = out.back();
  const int64_t depth = inputs[0].shape.back();
  const auto spread = [&](const Constant& operand) {
    Shape shape(out.begin(), out.end() - 2);
    shape.insert(shape.end(), operand.shape.end() - 2, operand.shape.end());
    return broadcast_to(operand, shape);
  };
  const Constant a = spread(inputs[0]), b = spread(inputs[1]);
  const int64_t along_k = op.transpose_b ? 1 : columns, along_n = op.transpose_b ? depth : 1;
  std::vector<float> values;
  values.reserve(static_cast<size_t>(element_count(out)));
  for (int64_t matrix = 0; matrix < element_count(out) / (rows * columns); ++matrix) {
    const float* left = a.reals->data() + matrix * rows * depth;
    const float* right = b.reals->data() + matrix * depth * columns;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t column = 0; column < columns; ++column) {
        double sum = inputs.size() > 2 ? inputs[2].number(static_cast<size_t>(column)) : 0;
        for (int64_t k = 0; k < depth; ++k) {
          sum += double{left[row * depth + k]} * double{right[k * along_k + column * along_n]};
        }
        values.push_back(static_cast<float>(sum));
      }
    }
  }
  return {make_reals(out, std::move(values))};
}

namespace {

// One output pixel of one channel: the sum over the window.
double convolve(const Conv2d& op, const Constant& x, const Constant& weight, int64_t image,
                int64_t top, int64_t left, int64_t channel) {
  const int64_t height = x.shape[1], width = x.shape[2], depth = x.shape[3];
  const int64_t kernel_h = weight.shape[1], kernel_w = weight.shape[2], group_in = weight.shape[3];
  const int64_t first = channel / (weight.shape[0] / op.groups) * group_in;
  double sum = 0;
  for (int64_t ky = 0; ky < kernel_h; ++ky) {
    const int64_t y = top + ky * op.dilation[0];
    if (y < 0 || y >= height) continue;
    for (int64_t kx = 0; kx < kernel_w; ++kx) {
      const int64_t column = left + kx * op.dilation[1];
      if (column < 0 || column >= width) continue;
      const float* pixel =
          x.reals->data() + ((image * height + y) * width + column) * depth + first;
      const float* taps =
          weight.reals->data() + ((channel * kernel_h + ky) * kernel_w + kx) * group_in;
      for (int64_t c = 0; c < group_in; ++c) sum += double{pixel[c]} * double{taps[c]};
    }
  }
  return sum;
}

}  // namespace

Folded fold(const Conv2d& op, std::span<const Constant> inputs, const Shape& out) {
  if (!inputs[0].reals || !inputs[1].reals)
    return rejected("a convolution of integers is not known");
  std::vector<float> values;
  values.reserve(static_cast<size_t>(element_count(out)));
  for (int64_t image = 0; image < out[0]; ++image) {
    for (int64_t row = 0; row < out[1]; ++row) {
      for (int64_t column = 0; column < out[2]; ++column) {
        for (int64_t channel = 0; channel < out[3]; ++channel) {
          const double bias =
              inputs.size() > 2 ? inputs[2].number(static_cast<size_t>(channel)) : 0;
          values.push_back(static_cast<float>(
              bias + convolve(op, inputs[0], inputs[1], image, row * op.stride[0] - op.pads.top,
                              column * op.stride[1] - op.pads.left, channel)));
        }
      }
    }
  }
  return {make_reals(out, std::move(values))};
}

}  // namespace octavo::onnx::evaluate_rules
