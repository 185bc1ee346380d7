#include "float/reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "float/engine.h"

namespace octavo::test {

double Array::at(const Shape& index) const {
  int64_t offset = 0;
  for (size_t axis = 0; axis < shape.size(); ++axis) offset = offset * shape[axis] + index[axis];
  return values[static_cast<size_t>(offset)];
}

namespace {

using Arrays = std::vector<const Array*>;

// The index of a broadcast operand that belongs to an index of the result.
Shape aligned(const Array& array, const Shape& index) {
  Shape own(index.end() - static_cast<std::ptrdiff_t>(array.shape.size()), index.end());
  for (size_t axis = 0; axis < own.size(); ++axis) {
    if (array.shape[axis] == 1) own[axis] = 0;
  }
  return own;
}

template <class Element>
Array make(const Shape& shape, Element element) {
  Array out{shape, {}};
  for_each_index(shape, [&](const Shape& index) { out.values.push_back(element(index)); });
  return out;
}

double d(float x) {
  return static_cast<double>(x);
}

double unary(const Unary& op, double x) {
  const double a = d(op.alpha), b = d(op.beta);
  const double softplus = std::log1p(std::exp(x));
  switch (op.kind) {
    case Unary::Kind::relu:
      return std::fmax(0, x);
    case Unary::Kind::clip:
      return std::fmin(std::fmax(x, a), b);
    case Unary::Kind::leaky_relu:
      return x < 0 ? a * x : x;
    case Unary::Kind::elu:
      return x < 0 ? a * (std::exp(x) - 1) : x;
    case Unary::Kind::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Unary::Kind::hard_sigmoid:
      return std::fmax(0, std::fmin(1, a * x + b));
    case Unary::Kind::hard_swish:
      return x * std::fmax(0, std::fmin(6, x + 3)) / 6;
    case Unary::Kind::silu:
      return x / (1 + std::exp(-x));
    case Unary::Kind::gelu:
      return x / 2 * std::erfc(-x / std::sqrt(2.0));
    case Unary::Kind::gelu_tanh:
      return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case Unary::Kind::tanh:
      return std::tanh(x);
    case Unary::Kind::erf:
      return std::erf(x);
    case Unary::Kind::exp:
      return std::exp(x);
    case Unary::Kind::log:
      return std::log(x);
    case Unary::Kind::sqrt:
      return std::sqrt(x);
    case Unary::Kind::absolute:
      return std::fabs(x);
    case Unary::Kind::negate:
      return -x;
    case Unary::Kind::reciprocal:
      return 1 / x;
    case Unary::Kind::power:
      return std::pow(x, a);
    case Unary::Kind::softplus:
      return softplus;
    case Unary::Kind::mish:
      return x * std::tanh(softplus);
    case Unary::Kind::sine:
      return std::sin(x);
    case Unary::Kind::cosine:
      return std::cos(x);
  }
  return 0;
}

double binary(Binary::Kind kind, double a, double b) {
  switch (kind) {
    case Binary::Kind::add:
      return a + b;
    case Binary::Kind::subtract:
      return a - b;
    case Binary::Kind::multiply:
      return a * b;
    case Binary::Kind::divide:
      return a / b;
    case Binary::Kind::power:
      return std::pow(a, b);
    case Binary::Kind::minimum:
      return std::fmin(a, b);
    case Binary::Kind::maximum:
      return std::fmax(a, b);
  }
  return 0;
}

struct Evaluate {
  const Arrays& in;
  const Shape& out;

  const Array& x() const { return *in[0]; }

  Array operator()(const Conv2d& op) const {
    const Array& w = *in[1];
    const int64_t per_group = out[3] / op.groups, channels = w.shape[3];
    return make(out, [&](const Shape& at) {
      double sum = in.size() > 2 ? in[2]->at({at[3]}) : 0;
      for_each_index({w.shape[1], w.shape[2], channels}, [&](const Shape& tap) {
        const int64_t row = at[1] * op.stride[0] + tap[0] * op.dilation[0] - op.pads.top;
        const int64_t column = at[2] * op.stride[1] + tap[1] * op.dilation[1] - op.pads.left;
        if (row < 0 || column < 0 || row >= x().shape[1] || column >= x().shape[2]) return;
        const int64_t channel = at[3] / per_group * channels + tap[2];
        sum += x().at({at[0], row, column, channel}) * w.at({at[3], tap[0], tap[1], tap[2]});
      });
      return sum;
    });
  }

  Array operator()(const MatMul& op) const {
    const int64_t k = x().shape.back();
    return make(out, [&](const Shape& at) {
      double sum = in.size() > 2 ? in[2]->at({at.back()}) : 0;
      for (int64_t i = 0; i < k; ++i) {
        Shape left = at, right = at;
        left.back() = i;
        right[op.transpose_b ? at.size() - 1 : at.size() - 2] = i;
        if (op.transpose_b) right[at.size() - 2] = at.back();
        // Only leading axes broadcast: a matrix axis of 1 has index 0 anyway.
        sum += x().at(aligned(x(), left)) * in[1]->at(aligned(*in[1], right));
      }
      return sum;
    });
  }

  Array operator()(const Binary& op) const {
    return make(out, [&](const Shape& at) {
      return binary(op.kind, x().at(aligned(x(), at)), in[1]->at(aligned(*in[1], at)));
    });
  }

  Array operator()(const Unary& op) const {
    return make(out, [&](const Shape& at) { return unary(op, x().at(at)); });
  }

  Array operator()(const FakeQuantize& op) const {
    return make(out, [&](const Shape& at) {
      const auto entry = op.by_axis() ? static_cast<size_t>(at[static_cast<size_t>(op.axis)]) : 0;
      const double scale = op.grid.scale[entry], zero = op.grid.zero_point[entry];
      const double level = std::rint(x().at(at) / scale) + zero;
      return (std::fmax(0, std::fmin(op.grid.highest, level)) - zero) * scale;
    });
  }

  Array operator()(const ChannelAffine& op) const {
    return make(out, [&](const Shape& at) {
      const Shape channel{at[static_cast<size_t>(op.axis)]};
      return x().at(at) * in[1]->at(channel) + in[2]->at(channel);
    });
  }

  Array operator()(const Pool2d& op) const {
    const bool maximum = op.kind == Pool2d::Kind::maximum;
    return make(out, [&](const Shape& at) {
      double value = maximum ? -std::numeric_limits<double>::infinity() : 0;
      int counted = 0;
      for_each_index({op.kernel[0], op.kernel[1]}, [&](const Shape& tap) {
        const int64_t row = at[1] * op.stride[0] + tap[0] * op.dilation[0] - op.pads.top;
        const int64_t column = at[2] * op.stride[1] + tap[1] * op.dilation[1] - op.pads.left;
        const int64_t height = x().shape[1], width = x().shape[2];
        const bool inside = row >= 0 && column >= 0 && row < height && column < width;
        const bool overhang = row >= height + op.pads.bottom || column >= width + op.pads.right;
        if (inside || (op.count_include_pad && !overhang)) ++counted;
        if (!inside) return;
        const double pixel = x().at({at[0], row, column, at[3]});
        value = maximum ? std::fmax(value, pixel) : value + pixel;
      });
      return maximum ? value : value / counted;
    });
  }

  Array operator()(const Reduce& op) const {
    Shape reduced;
    for (const int axis : op.axes) reduced.push_back(x().shape[static_cast<size_t>(axis)]);
    return make(out, [&](const Shape& at) {
      std::vector<double> values;
      for_each_index(reduced, [&](const Shape& inner) {
        Shape index;
        size_t kept = 0;
        for (size_t axis = 0; axis < x().shape.size(); ++axis) {
          const auto found = std::find(op.axes.begin(), op.axes.end(), static_cast<int>(axis));
          if (found != op.axes.end()) {
            index.push_back(inner[static_cast<size_t>(found - op.axes.begin())]);
            if (op.keep_dims) ++kept;
          } else {
            index.push_back(at[kept++]);
          }
        }
        values.push_back(x().at(index));
      });
      double sum = 0, squares = 0;
      for (const double value : values) {
        sum += value;
        squares += value * value;
      }
      switch (op.kind) {
        case Reduce::Kind::mean:
          return sum / static_cast<double>(values.size());
        case Reduce::Kind::sum:
          return sum;
        case Reduce::Kind::maximum:
          return *std::max_element(values.begin(), values.end());
        case Reduce::Kind::minimum:
          return *std::min_element(values.begin(), values.end());
        case Reduce::Kind::l2:
          return std::sqrt(squares);
      }
      return 0.0;
    });
  }

  Array operator()(const Softmax& op) const {
    const auto axis = static_cast<size_t>(op.axis);
    return make(out, [&](Shape at) {
      const double own = x().at(at);
      double sum = 0;
      for (at[axis] = 0; at[axis] < out[axis]; ++at[axis]) sum += std::exp(x().at(at) - own);
      return 1 / sum;
    });
  }

  Array operator()(const LayerNorm& op) const {
    const auto channels = static_cast<double>(out.back());
    return make(out, [&](Shape at) {
      const double own = x().at(at);
      const Shape channel{at.back()};
      double sum = 0, squares = 0;
      for (at.back() = 0; at.back() < out.back(); ++at.back()) {
        sum += x().at(at);
        squares += x().at(at) * x().at(at);
      }
      const double mean = sum / channels, variance = squares / channels - mean * mean;
      return (own - mean) / std::sqrt(variance + d(op.epsilon)) * in[1]->at(channel) +
             in[2]->at(channel);
    });
  }

  Array operator()(const Reshape&) const { return {out, x().values}; }

  Array operator()(const Transpose& op) const {
    return make(out, [&](const Shape& at) {
      Shape index(at.size());
      for (size_t i = 0; i < at.size(); ++i) index[static_cast<size_t>(op.perm[i])] = at[i];
      return x().at(index);
    });
  }

  Array operator()(const Concat& op) const {
    const auto axis = static_cast<size_t>(op.axis);
    return make(out, [&](Shape at) {
      size_t part = 0;
      while (at[axis] >= in[part]->shape[axis]) at[axis] -= in[part++]->shape[axis];
      return in[part]->at(at);
    });
  }

  Array operator()(const Slice& op) const {
    return make(out, [&](Shape at) {
      for (size_t axis = 0; axis < at.size(); ++axis) {
        at[axis] = op.starts[axis] + at[axis] * op.steps[axis];
      }
      return x().at(at);
    });
  }

  Array operator()(const Gather& op) const {
    const auto axis = static_cast<size_t>(op.axis);
    return make(out, [&](Shape at) {
      at[axis] = op.indices[static_cast<size_t>(at[axis])];
      return x().at(at);
    });
  }

  Array operator()(const Expand&) const {
    return make(out, [&](const Shape& at) { return x().at(aligned(x(), at)); });
  }

  Array operator()(const Pad& op) const {
    return make(out, [&](Shape at) {
      bool outside = false;
      for (size_t axis = 0; axis < at.size(); ++axis) {
        const int64_t last = x().shape[axis] - 1;
        at[axis] -= op.before[axis];
        if (at[axis] >= 0 && at[axis] <= last) continue;
        outside = true;
        if (op.mode == Pad::Mode::edge) at[axis] = at[axis] < 0 ? 0 : last;
        if (op.mode == Pad::Mode::reflect)
          at[axis] = at[axis] < 0 ? -at[axis] : 2 * last - at[axis];
      }
      return outside && op.mode == Pad::Mode::constant ? d(op.value) : x().at(at);
    });
  }

  // Its values are compared with ONNX Runtime's instead (resize_test.cpp).
  Array operator()(const Resize&) const { return {out, {}}; }
};

}  // namespace

std::vector<Array> evaluate_slowly(const Graph& graph, const std::vector<float>& input) {
  std::vector<Array> arrays(graph.tensors.size());
  for (TensorId t = 0; t < arrays.size(); ++t) {
    const Tensor& tensor = graph.tensors[t];
    if (!tensor.is_constant() && t != graph.input) continue;
    const std::vector<float>& values = t == graph.input ? input : *tensor.values;
    arrays[t] = {tensor.shape, {values.begin(), values.end()}};
  }
  for (const Node& node : graph.nodes) {
    Arrays inputs;
    for (const TensorId t : node.inputs) inputs.push_back(&arrays[t]);
    arrays[node.output] = std::visit(Evaluate{inputs, graph.tensors[node.output].shape}, node.op);
  }
  return arrays;
}

OneNode::OneNode(Shape input, Operator op) {
  graph.input = graph.add_tensor("x", std::move(input));
  graph.output = graph.add_tensor("y", {});
  graph.nodes.push_back({"node", {}, std::move(op), {graph.input}, graph.output});
}

TensorId OneNode::add_random(Shape shape, std::mt19937& random, float low, float high) {
  const int64_t count = element_count(shape);
  const TensorId constant =
      graph.add_constant("c", std::move(shape), random_values(count, random, low, high));
  graph.nodes[0].inputs.push_back(constant);
  return constant;
}

void OneNode::finish() {
  const Status inferred = infer_shapes(graph);
  ASSERT_TRUE(inferred) << inferred.error().message;
  const Status verified = verify(graph);
  ASSERT_TRUE(verified) << verified.error().message;
}

std::vector<float> random_values(int64_t count, std::mt19937& random, float low, float high) {
  std::uniform_real_distribution<float> uniform(low, high);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = uniform(random);
  return values;
}

std::vector<float> run_engine(const Graph& graph, const std::vector<float>& input) {
  std::vector<float> output(static_cast<size_t>(element_count(graph.tensors[graph.output].shape)));
  auto session = create_float_session(graph);
  EXPECT_TRUE(session) << session.error().message;
  if (!session) return output;
  const Status done = (*session)->run(input, output);
  EXPECT_TRUE(done) << done.error().message;
  return output;
}

void expect_engine_agrees(const Graph& graph, const std::vector<float>& input, double tolerance) {
  const std::vector<float> found = run_engine(graph, input);
  const std::vector<double> expected = evaluate_slowly(graph, input)[graph.output].values;
  ASSERT_EQ(found.size(), expected.size());
  double largest = 0;
  for (const double value : expected) largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(d(found[i]), expected[i], tolerance * largest + 1e-30) << "element " << i << " of\n"
                                                                       << to_text(graph);
  }
}

}  // namespace octavo::test
