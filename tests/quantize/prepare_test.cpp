// The rewrites of a graph that is to be cut into steps: what each changes, that none changes a
// value, and what is said where one is left out.
#include "quantize/prepare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "quantize/build_graph.h"
#include "quantize/quantize.h"
#include "quantize/small_pictures.h"

namespace octavo {
namespace {

using testing::float_logits;
using testing::GraphBuilder;
using testing::picture;
using testing::pictures;
using testing::side;
using testing::small_preprocess;
using Kind = Binary::Kind;

struct Prepared {
  Graph graph;
  std::map<std::string_view, size_t> changed;  // by rewrite
};

Prepared prepare(Graph graph, const std::vector<std::string>& disabled = {}) {
  Prepared out;
  auto made = prepare_for_steps(std::move(graph), disabled, [&](const PassRun& run) {
    out.changed[run.name] = run.changed;
    EXPECT_EQ(run.counts, "places");
  });
  EXPECT_TRUE(made) << made.error().message;
  out.graph = *std::move(made);
  return out;
}

void expect_same_logits(const Graph& before, const Graph& after) {
  const Preprocess how = small_preprocess();
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const auto expected = float_logits(before, how, picture(seed));
    const auto found = float_logits(after, how, picture(seed));
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-4) << i;
  }
}

// A pool and a convolution read the picture, constants vary along rows, and the output is a map.
Graph in_need_of_all() {
  GraphBuilder b({1, side, side, 3}, 11);
  b.graph.normalization = Normalization{};
  const TensorId pooled = b.global_pool("pool", b.graph.input);
  const TensorId stem = b.conv("stem", b.graph.input, 6, {3, 2});
  const Shape rows{side / 2, 1, 1};
  const TensorId shift = b.graph.add_constant("shift", rows, b.noise(side / 2, 0.5f));
  const TensorId factor = b.graph.add_constant("factor", rows, b.noise(side / 2, 0.1f, 2));
  const TensorId shifted = b.binary("shifted", Kind::add, stem, shift);
  const TensorId scaled = b.binary("scaled", Kind::divide, shifted, factor);
  const TensorId gate = b.conv("gate", pooled, 6);
  const TensorId gated = b.binary("gated", Kind::multiply, scaled, gate);
  b.node("map", Reshape{{1, 6 * side / 2, side / 2, 1}}, {gated});
  return b.graph;
}

TEST(Prepare, NodesThatItPutsInChangeNoValue) {
  const Graph before = in_need_of_all();
  const Prepared after = prepare(before);
  EXPECT_EQ(after.changed, (std::map<std::string_view, size_t>{
                               {"store-picture", 1}, {"write-out", 2}, {"output-row", 1}}));
  expect_same_logits(before, after.graph);
  EXPECT_EQ(after.graph.tensors[after.graph.output].shape, (Shape{1, 6 * side * side / 4}));
}

TEST(Prepare, ASecondRunChangesNothing) {
  const Graph once = prepare(in_need_of_all()).graph;
  EXPECT_TRUE(prepare(once).changed.empty());
}

TEST(Prepare, OnlyPicturesAreStoredApart) {
  Graph graph = in_need_of_all();
  graph.normalization = std::nullopt;
  EXPECT_FALSE(prepare(graph).changed.contains("store-picture"));
}

TEST(Prepare, WhatIsLeftOutIsNotDone) {
  const Graph before = in_need_of_all();
  for (const Rewrite& rewrite : step_rewrites()) {
    SCOPED_TRACE(rewrite.name);
    const Prepared after = prepare(before, {std::string(rewrite.name), "compensation"});
    EXPECT_FALSE(after.changed.contains(rewrite.name));
    expect_same_logits(before, after.graph);
  }
}

// What needs it is named; without the others a network is quantized, or refused with a reason.
TEST(Prepare, LeftOutOfAQuantizationItIsASentence) {
  const Preprocess how = small_preprocess();
  for (const Rewrite& rewrite : step_rewrites()) {
    SCOPED_TRACE(rewrite.name);
    QuantizeOptions options;
    options.disabled = {std::string(rewrite.name)};
    const auto made = quantize(in_need_of_all(), &how, pictures(4), options);
    if (!rewrite.needed_by.empty()) {
      ASSERT_FALSE(made);
      EXPECT_EQ(made.error().kind, ErrorKind::usage);
      EXPECT_TRUE(made.error().message.starts_with("the rewrite '" + std::string(rewrite.name) +
                                                   "' cannot be left out: the plan needs it"))
          << made.error().message;
    } else if (rewrite.name == "write-out") {
      ASSERT_FALSE(made);
      EXPECT_EQ(made.error().kind, ErrorKind::rejected);
      EXPECT_NE(made.error().message.find("'shifted'"), std::string::npos) << made.error().message;
    } else {
      EXPECT_TRUE(made) << made.error().message;
    }
  }
}

}  // namespace
}  // namespace octavo
