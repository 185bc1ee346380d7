// What a session promises beyond the values of single operators: buffers that are
// reused never mix, observers see and change every tensor, threads do not matter.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <thread>

#include "float/engine.h"
#include "float/reference.h"
#include "graph/part.h"

namespace octavo::test {
namespace {

// A random graph whose tensors all have as many elements, so that views, in-place
// operators and long-lived tensors meet in every order. Small integers: exact in float.
Graph random_graph(std::mt19937& random) {
  const std::vector<Shape> shapes = {{1, 4, 3, 8}, {1, 12, 1, 8}, {1, 4, 24, 1}};
  const auto pick = [&](size_t count) {
    return std::uniform_int_distribution<size_t>(0, count - 1)(random);
  };
  Graph graph;
  graph.input = graph.add_tensor("x", shapes[0]);
  std::vector<TensorId> made = {graph.input};
  for (int i = 0; i < 40; ++i) {
    // Recent tensors more often than old ones.
    const TensorId x = made[made.size() - 1 - pick(std::min<size_t>(made.size(), 6))];
    Node node{"node", {}, Unary{Unary::Kind::clip, -90, 80}, {x}, graph.add_tensor("t", {})};
    const size_t kind = pick(6);
    if (kind == 0) node.op = Unary{Unary::Kind::negate};
    if (kind == 1) node.op = Reshape{shapes[pick(shapes.size())]};
    if (kind == 2) node.op = Transpose{{0, 2, 1, 3}};
    if (kind >= 3 && kind <= 4) {
      for (const TensorId other : made) {
        if (graph.tensors[other].shape == graph.tensors[x].shape && pick(3) == 0) {
          node.op = Binary{kind == 3 ? Binary::Kind::maximum : Binary::Kind::subtract};
          node.inputs = {x, other};
          if (pick(2)) std::swap(node.inputs[0], node.inputs[1]);
          break;
        }
      }
    }
    graph.tensors[node.output].shape = *infer_shape(graph, node);
    made.push_back(node.output);
    graph.nodes.push_back(std::move(node));
  }
  graph.output = made.back();
  return graph;
}

TEST(FloatSession, ReusedBuffersNeverMix) {
  constexpr uint32_t seed = 31;
  std::mt19937 random(seed);
  int ran = 0;
  for (int round = 0; round < 150; ++round) {
    const Graph graph = random_graph(random);
    if (!verify(graph)) continue;  // an output that does not depend on the input
    std::vector<float> input = random_values(96, random, -100, 100);
    for (float& value : input) value = std::rint(value);
    SCOPED_TRACE(testing::Message() << "round " << round << ", seed " << seed);
    expect_engine_agrees(graph, input, 0);

    const std::vector<Array> expected = evaluate_slowly(graph, input);
    std::map<TensorId, int> seen;
    const FloatSession::Observer observer = [&](TensorId tensor, std::span<float> values) {
      ++seen[tensor];
      ASSERT_EQ(values.size(), expected[tensor].values.size());
      for (size_t i = 0; i < values.size(); ++i) {
        ASSERT_EQ(static_cast<double>(values[i]), expected[tensor].values[i]);
      }
    };
    auto session = create_float_session(graph);
    ASSERT_TRUE(session) << session.error().message;
    std::vector<float> output(96), plain(96);
    ASSERT_TRUE((*session)->run(input, output, &observer));
    ASSERT_TRUE((*session)->run(input, plain));
    EXPECT_EQ(output, plain);
    EXPECT_EQ(seen.size(), graph.nodes.size() + 1);
    for (const auto& [tensor, times] : seen) EXPECT_EQ(times, 1) << "tensor " << tensor;
    ++ran;
  }
  EXPECT_GT(ran, 100);
}

// One part after the other, each from where the one before it kept, wherever they end.
TEST(FloatSession, PartsGiveWhatTheWholeGives) {
  constexpr uint32_t seed = 32;
  std::mt19937 random(seed);
  int ran = 0;
  for (int round = 0; round < 50; ++round) {
    const Graph graph = random_graph(random);
    if (!verify(graph)) continue;
    std::vector<float> input = random_values(96, random, -100, 100);
    for (float& value : input) value = std::rint(value);
    SCOPED_TRACE(testing::Message() << "round " << round << ", seed " << seed);
    const std::vector<Array> expected = evaluate_slowly(graph, input);
    std::vector<float> row = input;
    for (size_t first = 0; first < graph.nodes.size();) {
      const size_t left = graph.nodes.size() - first;
      const size_t kept = first + std::uniform_int_distribution<size_t>(1, left)(random);
      const size_t end = std::min(graph.nodes.size(), kept + 3);
      const GraphPart part = part_of(graph, first, kept, end);
      const Status good = verify(part.graph);
      ASSERT_TRUE(good) << good.error().message;
      EXPECT_EQ(part.given, live_at(graph, first));
      std::vector<bool> seen(part.graph.tensors.size(), false);
      const FloatSession::Observer observer = [&](TensorId tensor, std::span<float> values) {
        seen[tensor] = true;
        if (tensor >= graph.tensors.size()) return;
        for (size_t i = 0; i < values.size(); ++i) {
          ASSERT_EQ(static_cast<double>(values[i]), expected[tensor].values[i]);
        }
      };
      auto session = create_float_session(part.graph);
      ASSERT_TRUE(session) << session.error().message;
      std::vector<float> next(static_cast<size_t>(values_of(graph, live_at(graph, kept))));
      ASSERT_TRUE((*session)->run(row, next, &observer));
      for (size_t i = first; i < end; ++i) EXPECT_TRUE(seen[graph.nodes[i].output]) << "node " << i;
      row = std::move(next);
      first = kept;
    }
    ASSERT_EQ(live_at(graph, graph.nodes.size()), std::vector<TensorId>{graph.output});
    EXPECT_TRUE(std::equal(row.begin(), row.end(), expected[graph.output].values.begin()));
    ++ran;
  }
  EXPECT_GT(ran, 30);
}

// x -> relu -> a; reshape of a -> b; a + b's values: a change of `b` must not reach `a`.
TEST(FloatSession, ReadersSeeWhatTheObserverChanged) {
  OneNode one({1, 4}, Unary{Unary::Kind::relu});
  Graph& graph = one.graph;
  const TensorId relu = graph.output;
  const TensorId view = graph.add_tensor("view", {});
  const TensorId back = graph.add_tensor("back", {});
  const TensorId sum = graph.add_tensor("sum", {});
  graph.nodes.push_back({"view", {}, Reshape{{4, 1}}, {relu}, view});
  graph.nodes.push_back({"back", {}, Reshape{{1, 4}}, {view}, back});
  graph.nodes.push_back({"sum", {}, Binary{Binary::Kind::add}, {relu, back}, sum});
  graph.output = sum;
  one.finish();
  const std::vector<float> input = {-1, 1, 2, 3};
  auto session = create_float_session(graph);
  ASSERT_TRUE(session) << session.error().message;
  std::vector<float> output(4);
  const FloatSession::Observer observer = [&](TensorId tensor, std::span<float> values) {
    if (tensor == graph.input) values[0] = 5;  // relu then sees 5, 1, 2, 3
    if (tensor == view) values[1] = 100;       // back sees 5, 100, 2, 3
    if (tensor == sum) values[3] += 0.5f;
  };
  ASSERT_TRUE((*session)->run(input, output, &observer));
  EXPECT_EQ(output, (std::vector<float>{10, 101, 4, 6.5f}));
  EXPECT_EQ(input[0], -1) << "the caller's input is never written";
  ASSERT_TRUE((*session)->run(input, output));
  EXPECT_EQ(output, (std::vector<float>{0, 2, 4, 6}));
}

// A small network with every kind of work in it.
Graph small_network(std::mt19937& random) {
  Graph graph;
  graph.input = graph.add_tensor("x", {1, 16, 16, 3});
  const auto add = [&](Operator op, std::vector<TensorId> inputs) {
    graph.nodes.push_back({"n", {}, std::move(op), std::move(inputs), graph.add_tensor("t", {})});
    return graph.nodes.back().output;
  };
  const auto constant = [&](Shape shape) {
    const int64_t count = element_count(shape);
    return graph.add_constant("c", std::move(shape), random_values(count, random, -0.5f, 0.5f));
  };
  const TensorId stem = add(Conv2d{{2, 2}, {1, 1}, {1, 1, 1, 1}},
                            {graph.input, constant({32, 3, 3, 3}), constant({32})});
  const TensorId active = add(Unary{Unary::Kind::hard_swish}, {stem});
  const TensorId depthwise =
      add(Conv2d{{1, 1}, {1, 1}, {1, 1, 1, 1}, 32}, {active, constant({32, 3, 3, 1})});
  const TensorId sum = add(Binary{Binary::Kind::add}, {active, depthwise});
  const TensorId pooled = add(Reduce{Reduce::Kind::mean, {1, 2}, false}, {sum});
  graph.output = add(MatMul{}, {pooled, constant({32, 10}), constant({10})});
  EXPECT_TRUE(infer_shapes(graph));
  EXPECT_TRUE(verify(graph));
  return graph;
}

TEST(FloatSession, SessionsInParallelGiveTheSameBits) {
  std::mt19937 random(17);
  const Graph graph = small_network(random);
  std::vector<std::vector<float>> inputs, alone, together(8, std::vector<float>(10));
  for (int i = 0; i < 8; ++i) {
    inputs.push_back(random_values(16 * 16 * 3, random));
    alone.push_back(run_engine(graph, inputs.back()));
  }
  std::vector<std::thread> threads;
  for (size_t first = 0; first < 4; ++first) {
    threads.emplace_back([&, first] {
      auto session = create_float_session(graph);
      ASSERT_TRUE(session) << session.error().message;
      for (int repeat = 0; repeat < 20; ++repeat) {
        for (size_t i = first; i < 8; i += 4) {
          const Status done = (*session)->run(inputs[i], together[i]);
          ASSERT_TRUE(done) << done.error().message;
          ASSERT_EQ(together[i], alone[i]);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(together, alone);
}

TEST(FloatSession, AgreesWithSumsInDoublePrecision) {
  std::mt19937 random(18);
  const Graph graph = small_network(random);
  expect_engine_agrees(graph, random_values(16 * 16 * 3, random), 2e-6);
}

TEST(FloatSession, RefusesSpansOfAnotherSize) {
  std::mt19937 random(19);
  const Graph graph = small_network(random);
  auto session = create_float_session(graph);
  ASSERT_TRUE(session) << session.error().message;
  std::vector<float> input(16 * 16 * 3), output(9);
  const Status done = (*session)->run(input, output);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::usage);
  EXPECT_NE(done.error().message.find("gives 10"), std::string::npos) << done.error().message;
}

// 600 tensors of 4 GiB live at once: the Error comes before anything is run.
TEST(FloatSession, SaysThatMemoryIsShort) {
  Graph graph;
  graph.input = graph.add_tensor("x", {1, 1});
  TensorId last = graph.input;
  std::vector<TensorId> live;
  for (int i = 0; i < 600; ++i) {
    const TensorId wide = graph.add_tensor("wide", {1, 1 << 30});
    graph.nodes.push_back({"wide", {}, Expand{{1, 1 << 30}}, {graph.input}, wide});
    live.push_back(wide);
  }
  for (const TensorId wide : live) {
    const TensorId sum = graph.add_tensor("sum", {1, 1 << 30});
    graph.nodes.push_back({"sum", {}, Binary{Binary::Kind::add}, {last, wide}, sum});
    last = sum;
  }
  graph.output = graph.add_tensor("mean", {1, 1});
  graph.nodes.push_back({"mean", {}, Reduce{Reduce::Kind::mean, {1}, true}, {last}, graph.output});
  ASSERT_TRUE(verify(graph));
  auto session = create_float_session(graph);
  ASSERT_TRUE(session) << session.error().message;
  std::vector<float> input(1), output(1);
  const Status done = (*session)->run(input, output);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::unsupported);
}

// x -> a (huge) -> b (infinite) -> c (NaN), beside a mask of infinity that no answer depends on.
TEST(FloatSession, NamesWhereItOverflows) {
  Graph graph;
  graph.input = graph.add_tensor("x", {1, 4});
  const TensorId huge = graph.add_constant("huge", {1, 4}, std::vector<float>(4, 1e38f));
  const TensorId a = graph.add_tensor("a", {1, 4}), b = graph.add_tensor("b", {1, 4}),
                 c = graph.add_tensor("c", {1, 4});
  graph.nodes = {{"first", {}, Binary{Binary::Kind::multiply}, {graph.input, huge}, a},
                 {"second", {}, Binary{Binary::Kind::multiply}, {a, huge}, b},
                 {"third", {}, Binary{Binary::Kind::subtract}, {b, b}, c}};
  graph.output = c;
  const auto session = create_float_session(graph);
  ASSERT_TRUE(session);
  std::vector<float> output(4);
  const Status refused = (*session)->run(std::vector<float>{1, 1, 1, 1}, output);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
  EXPECT_NE(refused.error().message.find("'b'"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("'second'"), std::string::npos);
  EXPECT_TRUE((*session)->run(std::vector<float>{0, 0, 0, 0}, output)) << "it goes on";
}

}  // namespace
}  // namespace octavo::test
