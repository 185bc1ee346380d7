#include <algorithm>
#include <cmath>

#include "float/kernel.h"
#include "float/walk.h"

namespace octavo {

namespace {

float softplus(float x) {
  return std::max(x, 0.0f) + std::log1p(std::exp(-std::fabs(x)));
}
float clip(float x, float low, float high) {
  return std::min(std::max(x, low), high);
}

template <class Function>
Kernel each_element(int64_t count, Function function) {
  return {[count, function](const Operands& operands) {
            const float* x = operands.inputs[0];
            float* y = operands.output;
            for (int64_t i = 0; i < count; ++i) y[i] = function(x[i]);
          },
          0, true};
}

// Rows of two operands, each of which steps by one or stays where it is or, rarely, jumps.
template <class Function>
Kernel each_pair(const Walk<2>& walk, Function function) {
  const auto& row = walk.axes.back();
  const int64_t size = row.size, a_step = row.strides[0], b_step = row.strides[1];
  return {[=](const Operands& operands) {
            float* y = operands.output;
            for_each_row(walk, [&](const std::array<int64_t, 2>& offsets) {
              const float* a = operands.inputs[0] + offsets[0];
              const float* b = operands.inputs[1] + offsets[1];
              if (a_step == 1 && b_step == 1) {
                for (int64_t i = 0; i < size; ++i) y[i] = function(a[i], b[i]);
              } else if (a_step == 1 && b_step == 0) {
                const float fixed = *b;
                for (int64_t i = 0; i < size; ++i) y[i] = function(a[i], fixed);
              } else {
                for (int64_t i = 0; i < size; ++i) y[i] = function(a[i * a_step], b[i * b_step]);
              }
              y += size;
            });
          },
          0, true};
}

}  // namespace

Kernel make_unary(const std::shared_ptr<OneDnn>& onednn, const Graph& graph, const Node& node) {
  const int64_t count = product(shape_of(graph, node.output));
  const auto [kind, alpha, beta] = std::get<Unary>(node.op);
  const float a = alpha, b = beta;
  switch (kind) {
    case Unary::Kind::sigmoid:
    case Unary::Kind::silu:
    case Unary::Kind::gelu:
    case Unary::Kind::gelu_tanh:
    case Unary::Kind::tanh:
    case Unary::Kind::exp:
      return make_activation(onednn, count, kind);
    case Unary::Kind::relu:
      return each_element(count, [](float x) { return x < 0 ? 0.0f : x; });
    case Unary::Kind::clip:
      return each_element(count, [a, b](float x) { return clip(x, a, b); });
    case Unary::Kind::leaky_relu:
      return each_element(count, [a](float x) { return x < 0 ? a * x : x; });
    case Unary::Kind::elu:
      return each_element(count, [a](float x) { return x < 0 ? a * std::expm1(x) : x; });
    case Unary::Kind::hard_sigmoid:
      return each_element(count, [a, b](float x) { return clip(a * x + b, 0, 1); });
    case Unary::Kind::hard_swish:
      return each_element(count, [](float x) { return x * clip(x / 6.0f + 0.5f, 0, 1); });
    case Unary::Kind::erf:
      return each_element(count, [](float x) { return std::erf(x); });
    case Unary::Kind::log:
      return each_element(count, [](float x) { return std::log(x); });
    case Unary::Kind::sqrt:
      return each_element(count, [](float x) { return std::sqrt(x); });
    case Unary::Kind::absolute:
      return each_element(count, [](float x) { return std::fabs(x); });
    case Unary::Kind::negate:
      return each_element(count, [](float x) { return -x; });
    case Unary::Kind::reciprocal:
      return each_element(count, [](float x) { return 1.0f / x; });
    case Unary::Kind::power:
      return each_element(count, [a](float x) { return std::pow(x, a); });
    case Unary::Kind::softplus:
      return each_element(count, [](float x) { return softplus(x); });
    case Unary::Kind::mish:
      return each_element(count, [](float x) { return x * std::tanh(softplus(x)); });
    case Unary::Kind::sine:
      return each_element(count, [](float x) { return std::sin(x); });
    case Unary::Kind::cosine:
      return each_element(count, [](float x) { return std::cos(x); });
  }
  return {};
}

Kernel make_binary(const Graph& graph, const Node& node) {
  const Shape& y = shape_of(graph, node.output);
  const Walk<2> walk = make_walk<2>(y, {broadcast_strides(shape_of(graph, node.inputs[0]), y),
                                        broadcast_strides(shape_of(graph, node.inputs[1]), y)});
  switch (std::get<Binary>(node.op).kind) {
    case Binary::Kind::add:
      return each_pair(walk, [](float a, float b) { return a + b; });
    case Binary::Kind::subtract:
      return each_pair(walk, [](float a, float b) { return a - b; });
    case Binary::Kind::multiply:
      return each_pair(walk, [](float a, float b) { return a * b; });
    case Binary::Kind::divide:
      return each_pair(walk, [](float a, float b) { return a / b; });
    case Binary::Kind::power:
      // A square is what LayerNorm asks for; the product is its correctly rounded value.
      return each_pair(walk, [](float a, float b) { return b == 2 ? a * a : std::pow(a, b); });
    case Binary::Kind::minimum:
      return each_pair(walk, [](float a, float b) { return a < b || std::isnan(a) ? a : b; });
    case Binary::Kind::maximum:
      return each_pair(walk, [](float a, float b) { return a > b || std::isnan(a) ? a : b; });
  }
  return {};
}

Kernel make_fake_quantize(const Graph& graph, const Node& node) {
  const auto& op = std::get<FakeQuantize>(node.op);
  const Shape& x = shape_of(graph, node.inputs[0]);
  const auto axis = static_cast<size_t>(op.axis);
  // One scale is one a tensor of a single channel.
  const int64_t outer = op.by_axis() ? product(x, 0, axis) : 1;
  const int64_t inner = op.by_axis() ? product(x, axis + 1, x.size()) : product(x);
  if (op.by_axis() && inner == 1) {
    return {[count = product(x),
             rows = RowRounding::of(op.grid, op.grid.scale.size())](const Operands& operands) {
              float* y = operands.output;
              if (y != operands.inputs[0]) std::copy_n(operands.inputs[0], count, y);
              rows.apply({y, static_cast<size_t>(count)});
            },
            0, true};
  }
  return {[=, grid = op.grid](const Operands& operands) {
            const float* in = operands.inputs[0];
            float* y = operands.output;
            for (int64_t o = 0; o < outer; ++o) {
              for (size_t c = 0; c < grid.scale.size(); ++c, in += inner, y += inner) {
                for (int64_t i = 0; i < inner; ++i) y[i] = grid.rounded(in[i], c);
              }
            }
          },
          0, true};
}

Kernel make_channel_affine(const Graph& graph, const Node& node) {
  const Shape& x = shape_of(graph, node.inputs[0]);
  const auto axis = static_cast<size_t>(std::get<ChannelAffine>(node.op).axis);
  const int64_t outer = product(x, 0, axis);
  const int64_t channels = x[axis];
  const int64_t inner = product(x, axis + 1, x.size());
  return {[=](const Operands& operands) {
            const float* in = operands.inputs[0];
            const float* scale = operands.inputs[1];
            const float* shift = operands.inputs[2];
            float* y = operands.output;
            for (int64_t o = 0; o < outer; ++o) {
              if (inner == 1) {
                for (int64_t c = 0; c < channels; ++c) y[c] = in[c] * scale[c] + shift[c];
              } else {
                for (int64_t c = 0; c < channels; ++c) {
                  for (int64_t i = 0; i < inner; ++i) {
                    y[c * inner + i] = in[c * inner + i] * scale[c] + shift[c];
                  }
                }
              }
              in += channels * inner;
              y += channels * inner;
            }
          },
          0, true};
}

}  // namespace octavo
