#include <algorithm>
#include <cmath>
#include <limits>

#include "float/kernel.h"
#include "float/walk.h"

namespace octavo {

namespace {

// The taps of one window along one axis that lie inside the picture, and how many of
// its taps an average counts when padding counts: inside picture and padding, never
// in the overhang of ceil_mode.
struct Window {
  int64_t first = 0, last = 0;  // tap indices [first, last)
  int64_t start = 0;            // input index of tap 0
  int64_t with_padding = 0;
};

// How many taps of a window lie before `end`.
int64_t taps_before(int64_t end, int64_t start, int kernel, int dilation) {
  return std::clamp<int64_t>((end - start + dilation - 1) / dilation, 0, kernel);
}

Window window_at(int64_t output, int64_t size, int before, int after, int kernel, int stride,
                 int dilation) {
  Window window;
  window.start = output * stride - before;
  window.first = taps_before(0, window.start, kernel, dilation);
  window.last = taps_before(size, window.start, kernel, dilation);
  window.with_padding = taps_before(size + after, window.start, kernel, dilation);
  return window;
}

struct Pooling {
  Pool2d op;
  Shape x, y;

  template <class Accumulate>
  void over_window(const Window& v, const Window& h, const float* picture,
                   Accumulate accumulate) const {
    for (int64_t i = v.first; i < v.last; ++i) {
      for (int64_t j = h.first; j < h.last; ++j) {
        const int64_t row = v.start + i * op.dilation[0], column = h.start + j * op.dilation[1];
        accumulate(picture + (row * x[2] + column) * x[3]);
      }
    }
  }

  void maximum(const Window& v, const Window& h, const float* picture, float* out) const {
    const int64_t channels = x[3];
    std::fill(out, out + channels, -std::numeric_limits<float>::infinity());
    over_window(v, h, picture, [&](const float* pixel) {
      for (int64_t c = 0; c < channels; ++c) out[c] = out[c] < pixel[c] ? pixel[c] : out[c];
    });
  }

  void average(const Window& v, const Window& h, const float* picture, float* out,
               double* sums) const {
    const int64_t channels = x[3];
    std::fill(sums, sums + channels, 0.0);
    over_window(v, h, picture, [&](const float* pixel) {
      for (int64_t c = 0; c < channels; ++c) sums[c] += static_cast<double>(pixel[c]);
    });
    const int64_t inside = (v.last - v.first) * (h.last - h.first);
    const int64_t counted = op.count_include_pad ? v.with_padding * h.with_padding : inside;
    for (int64_t c = 0; c < channels; ++c) {
      out[c] = static_cast<float>(counted > 0 ? sums[c] / static_cast<double>(counted) : 0.0);
    }
  }

  void run(const Operands& operands) const {
    auto* sums = reinterpret_cast<double*>(operands.scratch);
    float* out = operands.output;
    for (int64_t n = 0; n < y[0]; ++n) {
      const float* picture = operands.inputs[0] + n * x[1] * x[2] * x[3];
      for (int64_t i = 0; i < y[1]; ++i) {
        const Window v = window_at(i, x[1], op.pads.top, op.pads.bottom, op.kernel[0], op.stride[0],
                                   op.dilation[0]);
        for (int64_t j = 0; j < y[2]; ++j, out += x[3]) {
          const Window h = window_at(j, x[2], op.pads.left, op.pads.right, op.kernel[1],
                                     op.stride[1], op.dilation[1]);
          if (op.kind == Pool2d::Kind::maximum) {
            maximum(v, h, picture, out);
          } else {
            average(v, h, picture, out, sums);
          }
        }
      }
    }
  }
};

// Accumulates rows of the input into sums kept in double precision: in one place where
// the row is reduced (step 0), or in as many as the row has elements.
template <class Fold>
void reduce_rows(const Walk<1>& walk, const float* x, double* sums, Fold fold) {
  const int64_t size = walk.axes.back().size, step = walk.axes.back().strides[0];
  for_each_row(walk, [&](const std::array<int64_t, 1>& offsets) {
    double* target = sums + offsets[0];
    if (step == 0) {
      double folded = *target;
      for (int64_t i = 0; i < size; ++i) folded = fold(folded, static_cast<double>(x[i]));
      *target = folded;
    } else {
      for (int64_t i = 0; i < size; ++i) {
        target[i * step] = fold(target[i * step], static_cast<double>(x[i]));
      }
    }
    x += size;
  });
}

struct Reduction {
  Reduce::Kind kind;
  Walk<1> walk;
  int64_t outputs = 0, folded = 0;

  double first() const {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (kind == Reduce::Kind::maximum) return -infinity;
    return kind == Reduce::Kind::minimum ? infinity : 0.0;
  }

  void run(const Operands& operands) const {
    auto* sums = reinterpret_cast<double*>(operands.scratch);
    std::fill(sums, sums + outputs, first());
    const float* x = operands.inputs[0];
    switch (kind) {
      case Reduce::Kind::mean:
      case Reduce::Kind::sum:
        reduce_rows(walk, x, sums, [](double a, double b) { return a + b; });
        break;
      case Reduce::Kind::maximum:
        reduce_rows(walk, x, sums, [](double a, double b) { return a < b ? b : a; });
        break;
      case Reduce::Kind::minimum:
        reduce_rows(walk, x, sums, [](double a, double b) { return b < a ? b : a; });
        break;
      case Reduce::Kind::l2:
        reduce_rows(walk, x, sums, [](double a, double b) { return a + b * b; });
        break;
    }
    for (int64_t i = 0; i < outputs; ++i) operands.output[i] = finish(sums[i]);
  }

  float finish(double value) const {
    if (kind == Reduce::Kind::mean) value /= static_cast<double>(folded);
    if (kind == Reduce::Kind::l2) value = std::sqrt(value);
    return static_cast<float>(value);
  }
};

}  // namespace

Kernel make_pool2d(const Graph& graph, const Node& node) {
  const Pooling pooling{std::get<Pool2d>(node.op), shape_of(graph, node.inputs[0]),
                        shape_of(graph, node.output)};
  const size_t scratch_bytes = static_cast<size_t>(pooling.x[3]) * sizeof(double);
  return {[pooling](const Operands& operands) { pooling.run(operands); }, scratch_bytes};
}

Kernel make_reduce(const Graph& graph, const Node& node) {
  const auto& op = std::get<Reduce>(node.op);
  const Shape& x = shape_of(graph, node.inputs[0]);
  Shape kept = x;  // the output's shape, reduced axes kept as 1
  for (const int axis : op.axes) kept[static_cast<size_t>(axis)] = 1;
  Reduction reduction{op.kind, make_walk<1>(x, {broadcast_strides(kept, x)}), product(kept), 1};
  reduction.folded = product(x) / std::max<int64_t>(reduction.outputs, 1);
  const size_t scratch_bytes = static_cast<size_t>(reduction.outputs) * sizeof(double);
  return {[reduction](const Operands& operands) { reduction.run(operands); }, scratch_bytes};
}

}  // namespace octavo
