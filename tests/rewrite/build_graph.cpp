#include "rewrite/build_graph.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "float/engine.h"

namespace octavo::test {

Build::Build(Shape input) {
  graph_.input = graph_.add_tensor("input", std::move(input));
}

TensorId Build::constant(Shape shape, std::vector<float> values) {
  return graph_.add_constant(concat("constant", graph_.tensors.size()), std::move(shape),
                             std::move(values));
}

TensorId Build::random(Shape shape, float low, float high) {
  std::uniform_real_distribution<float> distribution(low, high);
  std::vector<float> values(static_cast<size_t>(element_count(shape)));
  for (float& value : values) value = distribution(random_);
  return constant(std::move(shape), std::move(values));
}

TensorId Build::add(Operator op, std::vector<TensorId> inputs, std::string name) {
  if (name.empty()) name = concat("node", graph_.nodes.size());
  Node node{name, {}, std::move(op), std::move(inputs), 0};
  const Result<Shape> shape = infer_shape(graph_, node);
  if (!shape) {
    ADD_FAILURE() << shape.error().message;
    return graph_.input;
  }
  node.output = graph_.add_tensor(name, *shape);
  graph_.nodes.push_back(std::move(node));
  return graph_.nodes.back().output;
}

TensorId Build::nchw(Operator op, std::vector<TensorId> inputs, std::string name) {
  inputs[0] = add(Transpose{{0, 2, 3, 1}}, {inputs[0]});
  return add(Transpose{{0, 3, 1, 2}}, {add(std::move(op), std::move(inputs), std::move(name))});
}

Operator Build::make_conv(int64_t channels, int64_t outputs, int64_t kernel, int groups,
                          std::vector<TensorId>& parameters) {
  const float size = 1 / std::sqrt(static_cast<float>(channels / groups * kernel * kernel));
  parameters = {random({outputs, kernel, kernel, channels / groups}, -size, size),
                random({outputs})};
  const int border = static_cast<int>(kernel / 2);
  Conv2d op;
  op.pads = {border, border, border, border};
  op.groups = groups;
  return op;
}

TensorId Build::conv(TensorId x, int64_t outputs, int64_t kernel, int groups) {
  std::vector<TensorId> p;
  Operator op = make_conv(shape(x)[3], outputs, kernel, groups, p);
  return add(std::move(op), {x, p[0], p[1]});
}

TensorId Build::nchw_conv(TensorId x, int64_t outputs, int64_t kernel, int groups) {
  std::vector<TensorId> p;
  Operator op = make_conv(shape(x)[1], outputs, kernel, groups, p);
  return nchw(std::move(op), {x, p[0], p[1]});
}

Graph Build::finish(TensorId output) {
  graph_.output = output;
  const Status sound = verify(graph_);
  EXPECT_TRUE(sound) << sound.error().message;
  return graph_;
}

int apply(std::string_view name, Graph& graph) {
  for (const std::span<const Rewrite> table : {rewrites(), picture_rewrites()}) {
    for (const Rewrite& rewrite : table) {
      if (rewrite.name == name) return rewrite.apply(graph);
    }
  }
  ADD_FAILURE() << "no rewrite " << name;
  return 0;
}

void rewrite_all(Graph& graph, const std::vector<std::string>& disabled) {
  const auto counts = run_rewrites(graph, RewriteOptions{disabled});
  ASSERT_TRUE(counts) << counts.error().message;
}

namespace {

std::vector<float> run(const Graph& graph, const std::vector<float>& input) {
  const Status sound = verify(graph);
  EXPECT_TRUE(sound) << sound.error().message << "\n" << to_text(graph);
  auto session = create_float_session(graph);
  std::vector<float> output(static_cast<size_t>(element_count(graph.tensors[graph.output].shape)));
  if (!session) {
    ADD_FAILURE() << session.error().message;
    return output;
  }
  const Status done = (*session)->run(input, output);
  EXPECT_TRUE(done) << done.error().message;
  return output;
}

std::vector<float> to_nhwc(const std::vector<float>& nchw, const Shape& shape) {
  const auto c = static_cast<size_t>(shape[1]);
  const auto pixels = static_cast<size_t>(shape[2] * shape[3]);
  std::vector<float> out(nchw.size());
  for (size_t channel = 0; channel < c; ++channel) {
    for (size_t pixel = 0; pixel < pixels; ++pixel) {
      out[pixel * c + channel] = nchw[channel * pixels + pixel];
    }
  }
  return out;
}

}  // namespace

void expect_same_result(const Graph& before, const Graph& after) {
  SCOPED_TRACE(concat("seed ", seed, "\n", to_text(before), "became\n", to_text(after)));
  const Shape& shape = before.tensors[before.input].shape;
  std::mt19937 random(seed + 1);
  std::uniform_real_distribution<float> distribution(-3, 3);
  std::vector<float> input(static_cast<size_t>(element_count(shape)));
  for (float& value : input) value = distribution(random);
  const bool same_input = after.tensors[after.input].shape == shape;
  const std::vector<float> expected = run(before, input);
  const std::vector<float> found = run(after, same_input ? input : to_nhwc(input, shape));
  ASSERT_EQ(after.tensors[after.output].shape, before.tensors[before.output].shape);
  float largest = 0;
  for (const float value : expected) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], 1e-5f * largest) << "at element " << i;
  }
}

std::string operators(const Graph& graph) {
  std::string out;
  for (const Node& node : graph.nodes) {
    out += concat(out.empty() ? "" : " ", operator_name(node.op));
  }
  return out;
}

int count(const Graph& graph, std::string_view name) {
  return static_cast<int>(std::count_if(graph.nodes.begin(), graph.nodes.end(), [&](const Node& n) {
    return operator_name(n.op) == name;
  }));
}

}  // namespace octavo::test
