#include <algorithm>
#include <cmath>

#include "float/kernel.h"
#include "float/walk.h"

namespace octavo {

// The largest value is taken off first, so that nothing overflows.
Kernel make_softmax(const Graph& graph, const Node& node) {
  const Shape& x = shape_of(graph, node.inputs[0]);
  const auto axis = static_cast<size_t>(std::get<Softmax>(node.op).axis);
  const int64_t outer = product(x, 0, axis);
  const int64_t length = x[axis];
  const int64_t inner = product(x, axis + 1, x.size());
  return {[=](const Operands& operands) {
            for (int64_t o = 0; o < outer; ++o) {
              for (int64_t i = 0; i < inner; ++i) {
                const float* in = operands.inputs[0] + o * length * inner + i;
                float* y = operands.output + o * length * inner + i;
                float largest = in[0];
                for (int64_t k = 1; k < length; ++k) largest = std::max(largest, in[k * inner]);
                double sum = 0;
                for (int64_t k = 0; k < length; ++k) {
                  y[k * inner] = std::exp(in[k * inner] - largest);
                  sum += static_cast<double>(y[k * inner]);
                }
                const auto divisor = static_cast<float>(sum);
                for (int64_t k = 0; k < length; ++k) y[k * inner] /= divisor;
              }
            }
          },
          0, true};
}

Kernel make_layer_norm(const Graph& graph, const Node& node) {
  const Shape& x = shape_of(graph, node.inputs[0]);
  const double epsilon = static_cast<double>(std::get<LayerNorm>(node.op).epsilon);
  const int64_t channels = x.back();
  const int64_t rows = product(x, 0, x.size() - 1);
  return {
      [=](const Operands& operands) {
        const float* gamma = operands.inputs[1];
        const float* beta = operands.inputs[2];
        const float* in = operands.inputs[0];
        float* y = operands.output;
        for (int64_t row = 0; row < rows; ++row, in += channels, y += channels) {
          double sum = 0;
          for (int64_t c = 0; c < channels; ++c) sum += static_cast<double>(in[c]);
          const double mean = sum / static_cast<double>(channels);
          double squares = 0;
          for (int64_t c = 0; c < channels; ++c) {
            const double distance = static_cast<double>(in[c]) - mean;
            squares += distance * distance;
          }
          const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(channels) + epsilon);
          for (int64_t c = 0; c < channels; ++c) {
            const auto normal = static_cast<float>((static_cast<double>(in[c]) - mean) * inverse);
            y[c] = normal * gamma[c] + beta[c];
          }
        }
      },
      0, true};
}

}  // namespace octavo
