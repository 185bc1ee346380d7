// Which steps run depth first, and that no row is read before it is made or after its place in the
// ring was given to another. That the bits are those of the interpreter: equality_test.cpp.
#include "runtime/chain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "plan/random_plan.h"
#include "runtime/layout.h"
#include "runtime/program.h"
#include "runtime/window.h"

namespace octavo::runtime {
namespace {

constexpr DepthFirst possible{DepthFirst::Where::possible};

struct Shape {
  int32_t kernel = 1, stride = 1, dilation = 1, pad = 0, channels = 8;
};

// Convolutions in a row on a square picture.
Plan plan_of(int32_t side, const std::vector<Shape>& shapes) {
  Plan plan;
  PlanTensor tensor;
  tensor.shape = {1, side, side, 8};
  plan.tensors.push_back(tensor);
  for (const Shape& s : shapes) {
    ConvolutionStep op;
    op.kernel = {s.kernel, s.kernel};
    op.stride = {s.stride, s.stride};
    op.dilation = {s.dilation, s.dilation};
    op.pads = {s.pad, s.pad, s.pad, s.pad};
    side = (side + 2 * s.pad - ((s.kernel - 1) * s.dilation + 1)) / s.stride + 1;
    tensor.shape = {1, side, side, s.channels};
    Step step;
    step.op = op;
    step.inputs = {static_cast<uint32_t>(plan.tensors.size() - 1)};
    step.output = static_cast<uint32_t>(plan.tensors.size());
    plan.tensors.push_back(tensor);
    plan.steps.push_back(step);
  }
  plan.output = static_cast<uint32_t>(plan.tensors.size() - 1);
  return plan;
}

// Expand, depthwise, project: 112 x 112 x 96 bytes between the first two.
Plan inverted_residual() {
  return plan_of(112, {{1, 1, 1, 0, 96}, {3, 2, 1, 1, 96}, {1, 1, 1, 0, 24}});
}

TEST(Chains, AMapThatNoCacheHoldsIsNeverKeptWhole) {
  const Plan plan = inverted_residual();
  const std::vector<Chain> chains =
      find_chains(plan, {DepthFirst::Where::it_pays, size_t{1} << 20});
  ASSERT_EQ(chains.size(), 1u);
  EXPECT_EQ(chains[0].first, 0u);
  EXPECT_EQ(chains[0].last, 1u);
  // Rows of 10,752 bytes, a quarter of the cache: 17 rows for 8 of the output, and not 33 for 16.
  EXPECT_EQ(chains[0].tile_rows, 8);
  EXPECT_EQ(chains[0].ring_rows, std::vector<int32_t>{17});
  EXPECT_LT(plan_layout(plan, chains).arena_bytes, plan_layout(plan).arena_bytes / 2);
}

TEST(Chains, MapsThatACacheHoldsAreLeftAlone) {
  const size_t large = size_t{1} << 23;
  EXPECT_TRUE(find_chains(inverted_residual(), {DepthFirst::Where::it_pays, large}).empty());
  EXPECT_TRUE(find_chains(inverted_residual(), {DepthFirst::Where::nowhere, 1}).empty());
  EXPECT_EQ(find_chains(inverted_residual(), {DepthFirst::Where::possible, large}).size(), 1u);
}

TEST(Chains, WhatAnotherStepReadsOrThePlanAnswersIsKeptWhole) {
  Plan plan = inverted_residual();
  Step other = plan.steps[1];
  other.output = static_cast<uint32_t>(plan.tensors.size());
  plan.tensors.push_back(plan.tensors[plan.steps[1].output]);
  plan.steps.push_back(other);
  for (const Chain& chain : find_chains(plan, possible)) EXPECT_GT(chain.first, 0u);
  plan = inverted_residual();
  plan.output = plan.steps[0].output;
  for (const Chain& chain : find_chains(plan, possible)) EXPECT_GT(chain.first, 0u);
}

// Makes and reads rows as a session would, each place of a ring holding the number of its row.
void expect_rows_are_there(const Plan& plan, const Chain& chain, int32_t begin, int32_t end) {
  std::vector<std::vector<int32_t>> rings;
  for (const int32_t rows : chain.ring_rows) rings.emplace_back(rows, -1);
  int32_t next = begin;
  for (const RowRun& run : order_of(plan, chain, begin, end)) {
    const size_t i = run.step - chain.first;
    if (i > 0) {
      const auto& op = std::get<ConvolutionStep>(plan.steps[run.step].op);
      const Window window = window_of(op, 0, plan.tensors[plan.steps[run.step].output]);
      const int32_t rows = plan.tensors[plan.steps[run.step].inputs[0]].shape[1];
      for (int32_t r = run.begin; r < run.end; ++r) {
        for (int32_t k = 0; k < window.kernel; ++k) {
          const int32_t read = window.first(r) + k * window.dilation;
          if (read < 0 || read >= rows) continue;
          ASSERT_EQ(rings[i - 1][static_cast<size_t>(read % chain.ring_rows[i - 1])], read)
              << "for row " << r << " of step " << run.step;
        }
      }
    }
    for (int32_t r = run.begin; r < run.end && run.step < chain.last; ++r) {
      rings[i][static_cast<size_t>(r % chain.ring_rows[i])] = r;
    }
    if (run.step == chain.last) {
      ASSERT_EQ(run.begin, next);
      next = run.end;
    }
  }
  EXPECT_EQ(next, end);
}

TEST(Chains, EveryRowIsMadeBeforeItIsReadAndKeptUntilThen) {
  std::mt19937 random(7);
  const auto draw = [&](int32_t least, int32_t most) {
    return std::uniform_int_distribution<int32_t>(least, most)(random);
  };
  size_t seen = 0;
  for (int trial = 0; trial < 400 && !HasFatalFailure(); ++trial) {
    std::vector<Shape> shapes;
    for (int i = draw(2, 4); i > 0; --i) {
      const int32_t kernel = draw(1, 5), dilation = draw(1, 2);
      shapes.push_back({kernel, draw(1, 4), dilation, draw(0, (kernel - 1) * dilation + 2)});
    }
    const Plan plan = plan_of(draw(40, 90), shapes);
    if (plan.tensors[plan.output].shape[1] < 1) continue;
    const size_t cache = size_t{1} << draw(8, 18);
    for (const Chain& chain : find_chains(plan, {DepthFirst::Where::possible, cache})) {
      SCOPED_TRACE(::testing::Message() << "trial " << trial << ", steps " << chain.first << " to "
                                        << chain.last << ", tiles of " << chain.tile_rows);
      const int32_t rows = plan.tensors[plan.steps[chain.last].output].shape[1];
      const int32_t cut = draw(0, rows);
      expect_rows_are_there(plan, chain, 0, rows);
      expect_rows_are_there(plan, chain, 0, cut);
      expect_rows_are_there(plan, chain, cut, rows);
      ++seen;
    }
  }
  EXPECT_GT(seen, 200u);
}

// By the runs themselves: of a step's runs, all but the first and the last make so many rows.
TEST(Chains, RowsOfARunAreThoseOfMostRuns) {
  const std::vector<std::vector<Shape>> nets = {
      {{3, 1, 1, 1, 8}, {3, 1, 1, 1, 8}},
      {{1, 1, 1, 0, 16}, {3, 2, 1, 1, 16}, {1, 1, 1, 0, 8}},
      {{3, 1, 1, 1, 8}, {3, 2, 1, 1, 8}, {3, 2, 1, 1, 8}}};
  for (const auto& shapes : nets) {
    const Plan plan = plan_of(64, shapes);
    const std::vector<Chain> chains = find_chains(plan, possible);
    ASSERT_EQ(chains.size(), 1u);
    const int32_t last_rows = plan.tensors[plan.steps[chains[0].last].output].shape[1];
    for (size_t step = chains[0].first; step <= chains[0].last; ++step) {
      std::map<int32_t, int> counts;
      for (const RowRun& run : order_of(plan, chains[0], 0, last_rows))
        if (run.step == step) ++counts[run.end - run.begin];
      const auto most = std::max_element(counts.begin(), counts.end(),
                                         [](auto a, auto b) { return a.second < b.second; });
      EXPECT_EQ(rows_of_a_run(plan, chains, step), most->first) << step;
    }
    EXPECT_EQ(rows_of_a_run(plan, {}, chains[0].first), 0);
  }
}

TEST(Chains, AWindowTallerThanATileIsNoPartOfThem) {
  for (const size_t tall : {size_t{0}, size_t{1}}) {
    std::vector<Shape> shapes(2);
    shapes[tall] = {2, 1, 80, 0, 8};
    EXPECT_TRUE(find_chains(plan_of(112, shapes), possible).empty()) << "at step " << tall;
  }
}

TEST(Chains, ManyThreadsHaveNone) {
  const Plan plan = inverted_residual();
  const Chain chain = find_chains(plan, {DepthFirst::Where::it_pays, size_t{1} << 20}).at(0);
  // 56 rows of 2: each piece but the first makes one row that its neighbour makes too.
  EXPECT_TRUE(can_be_shared(plan, chain, 1));
  EXPECT_TRUE(can_be_shared(plan, chain, 12));
  EXPECT_FALSE(can_be_shared(plan, chain, 13));
  EXPECT_FALSE(can_be_shared(plan, chain, 57));
}

TEST(Chains, StraightRandomPlansHaveThem) {
  size_t chains = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const Plan plan = octavo::testing::random_plan(
        seed, {.steps = int(4 + seed % 24), .largest_side = 33, .straight = true});
    chains += find_chains(plan, possible).size();
  }
  EXPECT_GT(chains, 40u) << "else equality_test.cpp says little of them";
}

}  // namespace
}  // namespace octavo::runtime
