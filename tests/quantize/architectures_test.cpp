// Networks whose parts are written out of other steps: rewritten, quantized, and integers that
// follow the float network.
#include <gtest/gtest.h>

#include "quantize/build_graph.h"
#include "quantize/quantize.h"
#include "quantize/small_pictures.h"
#include "quantize/steps.h"
#include "rewrite/rewrite.h"

namespace octavo {
namespace {

using testing::GraphBuilder;
using testing::logits_cosine;
using testing::pictures;
using testing::side;
using testing::small_preprocess;
using Kind = Unary::Kind;
using Of = Reduce::Kind;

constexpr int64_t width = 16;

struct Network : GraphBuilder {
  explicit Network(uint64_t seed) : GraphBuilder({1, side, side, 3}, seed) {
    x = conv("stem", graph.input, width, {3, 2});
    x = unary("stem.act", Kind::relu, x);
  }
  TensorId constant(Shape shape, float deviation, float mean = 0) {
    const int64_t count = element_count(shape);
    return graph.add_constant("constant", std::move(shape), noise(count, deviation, mean));
  }
  TensorId layer_norm(TensorId t) {
    const int64_t channels = graph.tensors[t].shape.back();
    return node("norm", LayerNorm{1e-6f},
                {t, constant({channels}, 0.2f, 1), constant({channels}, 0.2f)});
  }
  TensorId reduce(Of kind, std::vector<int> axes, TensorId t) {
    return node("reduce", Reduce{kind, std::move(axes), true}, {t});
  }
  // [n, t, c] or a map, to ten logits.
  Graph finish(TensorId t) {
    if (graph.tensors[t].shape.size() == 3) {
      const Shape shape = graph.tensors[t].shape;
      t = node("map", Reshape{{shape[0], 1, shape[1], shape[2]}}, {t});
    }
    node("flat", Reshape{{1, 10}}, {conv("head", global_pool("mean", conv("last", t, 32)), 10)});
    return graph;
  }

  TensorId x = 0;  // [1, 8, 8, width]
};

void expect_integers_follow(const Graph& network, double least = 0.99) {
  Graph graph = network;
  ASSERT_TRUE(verify(graph));
  const auto rewritten = run_rewrites(graph);
  ASSERT_TRUE(rewritten) << rewritten.error().message;
  const Preprocess how = small_preprocess();
  const auto quantized = quantize(graph, &how, pictures(80), {});
  ASSERT_TRUE(quantized) << quantized.error().message;
  EXPECT_GT(logits_cosine(graph, quantized->plan), least);
}

TEST(Architectures, AClassTokenIsJoinedAndPickedAgain) {
  Network n(1);
  const TensorId tokens = n.node("tokens", Reshape{{1, 64, width}}, {n.x});
  const TensorId joined = n.node("joined", Concat{1}, {n.constant({1, 1, width}, 0.7f), tokens});
  const TensorId placed =
      n.binary("placed", Binary::Kind::add, joined, n.constant({1, 65, width}, 0.5f));
  const TensorId scores = n.node("scores", MatMul{true}, {n.layer_norm(placed), placed});
  const TensorId mixed = n.node("mixed", MatMul{}, {n.node("soft", Softmax{2}, {scores}), placed});
  const TensorId sum = n.binary("sum", Binary::Kind::add, mixed, placed);
  expect_integers_follow(
      n.finish(n.node("first", Slice{{0, 0, 0}, {1, 1, width}, {1, 1, 1}}, {n.layer_norm(sum)})));
}

TEST(Architectures, GatesOfPixelsRowsAndColumns) {  // CBAM and coordinate attention
  Network n(2);
  const TensorId most = n.reduce(Of::maximum, {3}, n.x), mean = n.reduce(Of::mean, {3}, n.x);
  const TensorId both = n.node("both", Concat{3}, {mean, most});
  const TensorId gate = n.unary("gate", Kind::sigmoid, n.conv("spatial", both, 1, {7}));
  const TensorId gated = n.binary("gated", Binary::Kind::multiply, n.x, gate);
  const TensorId rows =
      n.unary("rows", Kind::sigmoid, n.conv("r", n.reduce(Of::mean, {2}, gated), width));
  const TensorId columns =
      n.unary("columns", Kind::sigmoid, n.conv("c", n.reduce(Of::mean, {1}, gated), width));
  const TensorId by_rows = n.binary("by_rows", Binary::Kind::multiply, gated, rows);
  expect_integers_follow(
      n.finish(n.binary("by_columns", Binary::Kind::multiply, by_rows, columns)));
}

TEST(Architectures, ShiftedRowsAndColumns) {
  Network n(3);
  const auto rolled = [&](TensorId t, int axis, int64_t by) {
    Shape low(4, 0), high(4, 0), head{1, 8, 8, width}, tail = head;
    const auto at = static_cast<size_t>(axis);
    low[at] = by;
    head[at] = 8 - by;
    tail[at] = by;
    const TensorId front = n.node("front", Slice{low, head, {1, 1, 1, 1}}, {t});
    const TensorId back = n.node("back", Slice{high, tail, {1, 1, 1, 1}}, {t});
    return n.node("rolled", Concat{axis}, {front, back});
  };
  const TensorId moved = rolled(rolled(n.x, 1, 3), 2, 5);
  expect_integers_follow(
      n.finish(n.binary("sum", Binary::Kind::add, n.conv("c", moved, width), n.x)));
}

TEST(Architectures, SoftmaxOverBranches) {  // split attention
  Network n(4);
  const TensorId pooled = n.global_pool("pool", n.x);
  const TensorId split =
      n.node("split", Reshape{{1, 2, width}}, {n.conv("attend", pooled, 2 * width)});
  const TensorId soft = n.node("soft", Softmax{1}, {split});
  TensorId sum = 0;
  for (int64_t branch = 0; branch < 2; ++branch) {
    const TensorId one = n.node("one", Slice{{0, branch, 0}, {1, 1, width}, {1, 1, 1}}, {soft});
    const TensorId gate = n.node("gate", Reshape{{1, 1, 1, width}}, {one});
    const TensorId gated =
        n.binary("gated", Binary::Kind::multiply, n.conv("branch", n.x, width, {3}), gate);
    sum = branch == 0 ? gated : n.binary("sum", Binary::Kind::add, sum, gated);
  }
  expect_integers_follow(n.finish(sum));
}

TEST(Architectures, NormsByRootMeanSquareAndByGroups) {
  Network n(5);
  const TensorId y = n.conv("y", n.x, width, {3});
  const TensorId square = n.binary("square", Binary::Kind::multiply, y, y);
  const TensorId epsilon = n.graph.add_constant("epsilon", {}, {1e-5f});
  const TensorId sum = n.binary("sum", Binary::Kind::add, n.reduce(Of::mean, {3}, square), epsilon);
  const TensorId normed =
      n.binary("normed", Binary::Kind::divide, y, n.unary("root", Kind::sqrt, sum));
  // Groups of 4 channels, as the importer writes them.
  const TensorId turned = n.node("nchw", Transpose{{0, 3, 1, 2}}, {n.conv("z", normed, width)});
  const TensorId rows = n.node("rows", Reshape{{1, 4, 256}}, {turned});
  const TensorId group =
      n.node("group", LayerNorm{1e-5f},
             {rows, n.graph.add_constant("ones", {256}, std::vector<float>(256, 1)),
              n.graph.add_constant("zeros", {256}, std::vector<float>(256, 0))});
  const TensorId back = n.node("back", Reshape{{1, width, 8, 8}}, {group});
  const TensorId map = n.node("nhwc", Transpose{{0, 2, 3, 1}}, {back});
  expect_integers_follow(n.finish(n.unary("relu", Kind::relu, map)));
}

TEST(Architectures, GlobalResponseNormalization) {  // ConvNeXt V2
  Network n(6);
  const TensorId y = n.unary("gelu", Kind::gelu, n.conv("y", n.x, 2 * width));
  const TensorId norm = n.reduce(Of::l2, {1, 2}, y);
  const TensorId epsilon = n.graph.add_constant("epsilon", {}, {1e-6f});
  const TensorId mean = n.binary("mean", Binary::Kind::add, n.reduce(Of::mean, {3}, norm), epsilon);
  const TensorId unit = n.binary("unit", Binary::Kind::divide, norm, mean);
  const TensorId scaled = n.binary("scaled", Binary::Kind::multiply, y, unit);
  expect_integers_follow(n.finish(n.binary("sum", Binary::Kind::add, scaled, y)));
}

TEST(Architectures, SquaresAndExtremes) {
  Network n(7);
  const TensorId two = n.graph.add_constant("two", {}, {2});
  const TensorId square = n.binary("square", Binary::Kind::power, n.x, two);
  const TensorId a = n.conv("a", square, width), b = n.conv("b", n.x, width);
  const TensorId most = n.binary("most", Binary::Kind::maximum, a, b);
  const TensorId least = n.binary("least", Binary::Kind::minimum, a, n.conv("c", n.x, width));
  expect_integers_follow(n.finish(n.binary("sum", Binary::Kind::add, most, least)));
}

// GroupNorm of one group over a map some of whose channels are far wider than the others: the row
// that it goes over shows its map again, whose channels keep scales of their own.
TEST(Architectures, ANormalizedRowThatBecomesAMapHasAScaleAChannel) {
  Network n(11);
  std::vector<float> widths(width);
  for (size_t c = 0; c < widths.size(); ++c) widths[c] = c % 4 == 0 ? 40.0f : 1.0f;
  const TensorId wide =
      n.node("wide", ChannelAffine{3},
             {n.conv("y", n.x, width, {3}), n.graph.add_constant("widths", {width}, widths),
              n.constant({width}, 0.1f)});
  const int64_t elements = 64 * width;
  const auto count = static_cast<size_t>(elements);
  const TensorId normed =
      n.node("normed", LayerNorm{1e-5f},
             {n.node("rows", Reshape{{1, elements}}, {wide}),
              n.graph.add_constant("ones", {elements}, std::vector<float>(count, 1)),
              n.graph.add_constant("zeros", {elements}, std::vector<float>(count, 0))});
  const TensorId map = n.node("map", Reshape{{1, 8, 8, width}}, {normed});
  const TensorId own = n.conv("own", map, width, {3, 1, static_cast<int>(width)});
  Graph graph = n.finish(n.unary("relu", Kind::relu, own));
  ASSERT_TRUE(run_rewrites(graph));
  const Preprocess how = small_preprocess();
  const auto quantized = quantize(graph, &how, pictures(40), {});
  ASSERT_TRUE(quantized) << quantized.error().message;
  EXPECT_GT(logits_cosine(graph, quantized->plan), 0.99);
  int rows = 0;
  for (const Step& step : quantized->plan.steps) {
    if (!std::holds_alternative<LayerNormStep>(step.op)) continue;
    const std::vector<float>& scale = quantized->plan.tensors[step.output].scale;
    ASSERT_EQ(scale.size(), count);
    EXPECT_NE(scale[0], scale[1]);
    for (size_t i = width; i < scale.size(); ++i) ASSERT_EQ(scale[i], scale[i - width]);
    ++rows;
  }
  EXPECT_EQ(rows, 1);
}

// The columns of a product's right operand are channels of its result: the values' widths differ.
TEST(Architectures, TheRightOperandOfAProductHasAScaleAColumn) {
  Network n(12);
  std::vector<float> widths(width);
  for (size_t c = 0; c < widths.size(); ++c) widths[c] = c % 4 == 0 ? 100.0f : 1.0f;
  const TensorId tokens = n.node("tokens", Reshape{{1, 64, width}}, {n.x});
  const auto linear = [&](const std::string& name) {
    return n.node(name, MatMul{}, {tokens, n.constant({width, width}, 0.3f)});
  };
  const TensorId values = n.node(
      "values", ChannelAffine{2},
      {linear("v"), n.graph.add_constant("widths", {width}, widths), n.constant({width}, 0.1f)});
  const TensorId scores = n.node("scores", MatMul{true}, {linear("q"), linear("k")});
  const TensorId mixed = n.node("mixed", MatMul{}, {n.node("soft", Softmax{2}, {scores}), values});
  std::vector<float> narrowed(width);
  for (size_t c = 0; c < narrowed.size(); ++c) narrowed[c] = 1 / widths[c];
  const TensorId level = n.node(
      "level", ChannelAffine{2},
      {mixed, n.graph.add_constant("narrowed", {width}, narrowed), n.constant({width}, 0.1f)});
  expect_integers_follow(n.finish(n.layer_norm(level)), 0.995);
}

// Linear attention: relu(q) (relu(k)^T v) over relu(q) (relu(k)^T 1). The divisor is a sum that
// comes near zero where a query sees few keys, thousands of times less than elsewhere.
TEST(Architectures, AQuotientOfSumsThatComeNearZero) {
  Network n(13);
  const TensorId tokens = n.node("tokens", Reshape{{1, 64, width}}, {n.x});
  const auto linear = [&](const std::string& name, float mean) {
    const TensorId made = n.node(name, MatMul{}, {tokens, n.constant({width, width}, 0.5f, mean)});
    return made;
  };
  const TensorId q = n.unary("q.relu", Kind::relu, linear("q", -0.35f));
  const TensorId k = n.unary("k.relu", Kind::relu, linear("k", 0));
  const TensorId ones = n.graph.add_constant("ones", {1, 64, 1}, std::vector<float>(64, 1));
  const TensorId values = n.node("values", Concat{2}, {linear("v", 0), ones});
  const TensorId turned = n.node("turned", Transpose{{0, 2, 1}}, {k});
  const TensorId both = n.node("both", MatMul{}, {q, n.node("kv", MatMul{}, {turned, values})});
  const TensorId above = n.node("above", Slice{{0, 0, 0}, {1, 64, width}, {1, 1, 1}}, {both});
  const TensorId below = n.node("below", Slice{{0, 0, width}, {1, 64, 1}, {1, 1, 1}}, {both});
  const TensorId epsilon = n.graph.add_constant("epsilon", {}, {1e-5f});
  const TensorId kept = n.binary("kept", Binary::Kind::add, below, epsilon);
  const TensorId quotient = n.binary("quotient", Binary::Kind::divide, above, kept);
  expect_integers_follow(n.finish(n.binary("sum", Binary::Kind::add, quotient, tokens)), 0.97);
}

// A row so long that squares of its 16 bits leave int64: they are narrowed.
TEST(Architectures, ANormalizedRowOf102400) {
  Network n(14);
  constexpr int64_t wide = 80, elements = wide * wide * width;
  Resize larger;
  larger.height = larger.width = wide;
  larger.scale_h = larger.scale_w = 0.1f;
  const TensorId map = n.node("larger", larger, {n.x});
  const auto count = static_cast<size_t>(elements);
  const TensorId normed =
      n.node("normed", LayerNorm{1e-5f},
             {n.node("rows", Reshape{{1, elements}}, {map}),
              n.graph.add_constant("ones", {elements}, std::vector<float>(count, 1)),
              n.graph.add_constant("zeros", {elements}, std::vector<float>(count, 0))});
  Graph graph = n.finish(n.node("map", Reshape{{1, wide, wide, width}}, {normed}));
  ASSERT_TRUE(run_rewrites(graph));
  const Preprocess how = small_preprocess();
  const auto quantized = quantize(graph, &how, pictures(12), {});
  ASSERT_TRUE(quantized) << quantized.error().message;
  EXPECT_GT(logits_cosine(graph, quantized->plan), 0.99);
}

// What no plan can hold is refused where the network is looked at, not when the plan is made.
TEST(Architectures, ARowThatIsTooLongIsRefusedByName) {
  Network n(15);
  constexpr int64_t elements = (int64_t{1} << 19) + 1024;
  Gather again{0, std::vector<int64_t>(static_cast<size_t>(elements / 1024), 0)};
  const TensorId rows = n.node("rows", Reshape{{1, 64 * width}}, {n.x});
  const TensorId flat =
      n.node("flat", Reshape{{1, elements}}, {n.node("again", std::move(again), {rows})});
  const auto count = static_cast<size_t>(elements);
  n.node("normed", LayerNorm{1e-5f},
         {flat, n.graph.add_constant("ones", {elements}, std::vector<float>(count, 1)),
          n.graph.add_constant("zeros", {elements}, std::vector<float>(count, 0))});
  const auto formed = form_steps(n.graph);
  ASSERT_FALSE(formed);
  EXPECT_NE(formed.error().message.find("'normed'"), std::string::npos) << formed.error().message;
  EXPECT_NE(formed.error().message.find("a row of 525312 values; the most is 524288"),
            std::string::npos)
      << formed.error().message;
}

}  // namespace
}  // namespace octavo
