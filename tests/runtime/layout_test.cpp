// Placement and sharing of work, apart from what is computed.
#include "runtime/layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "plan/random.h"
#include "plan/random_plan.h"
#include "runtime/cut.h"

namespace octavo::runtime {
namespace {

uint32_t add_tensor(Plan& plan, int32_t side, int32_t channels) {
  PlanTensor tensor;
  tensor.shape = {1, side, side, channels};
  plan.tensors.push_back(tensor);
  return uint32_t(plan.tensors.size() - 1);
}

uint32_t add_step(Plan& plan, StepOperator op, std::vector<uint32_t> inputs, int32_t channels) {
  const int32_t side = plan.tensors[inputs[0]].shape[1];
  Step step;
  step.op = std::move(op);
  step.inputs = std::move(inputs);
  step.output = add_tensor(plan, side, channels);
  plan.steps.push_back(step);
  return step.output;
}

ConvolutionStep three_by_three() {
  ConvolutionStep op;
  op.kernel = {3, 3};
  op.pads = {1, 1, 1, 1};
  return op;
}

TEST(Layout, AChainOfTensorsNeedsTwoPlaces) {
  Plan plan;
  uint32_t x = add_tensor(plan, 16, 8);
  for (int i = 0; i < 20; ++i) x = add_step(plan, RescaleStep{}, {x}, 8);
  plan.output = x;
  EXPECT_EQ(plan_layout(plan).arena_bytes, 2 * round_up(16 * 16 * 8 + 64, 64));
}

TEST(Layout, ATensorWhoseConsumerPadsHasZeroPointsBesideItsRows) {
  Plan plan;
  const uint32_t x = add_tensor(plan, 10, 4);
  plan.output = add_step(plan, three_by_three(), {x}, 4);
  const Layout layout = plan_layout(plan);
  EXPECT_EQ(layout.tensors[x].halo_left, 1);
  EXPECT_EQ(layout.tensors[x].halo, 1);
  EXPECT_EQ(layout.tensors[x].row_bytes, 11 * 4) << "one column serves two rows";
  EXPECT_TRUE(layout.tensors[x].needs_zero_row);
  EXPECT_FALSE(layout.tensors[x].is_flat());
  EXPECT_TRUE(layout.tensors[plan.output].is_flat());
}

TEST(Layout, AStrideThatNeverReachesTheRightPaddingNeedsNoColumnForIt) {
  Plan plan;
  const uint32_t x = add_tensor(plan, 8, 4);
  ConvolutionStep op = three_by_three();
  op.stride = {2, 2};
  op.pads = {0, 0, 1, 1};
  Step step;
  step.op = op;
  step.inputs = {x};
  step.output = add_tensor(plan, 4, 4);
  plan.steps.push_back(step);
  plan.output = step.output;
  EXPECT_EQ(plan_layout(plan).tensors[x].halo, 1) << "windows begin at 0, 2, 4, 6 and end at 8";
  std::get<ConvolutionStep>(plan.steps[0].op).kernel = {2, 2};
  EXPECT_EQ(plan_layout(plan).tensors[x].halo, 0);
}

TEST(Layout, InputsOfAConcatAreMadeInsideIt) {
  Plan plan;
  const uint32_t x = add_tensor(plan, 6, 4);
  const uint32_t a = add_step(plan, RescaleStep{}, {x}, 4),
                 b = add_step(plan, RescaleStep{}, {x}, 4);
  const uint32_t inner = add_step(plan, ConcatStep{}, {a, b}, 8);
  const uint32_t outer = add_step(plan, ConcatStep{}, {b, inner}, 12);
  plan.output = add_step(plan, RescaleStep{}, {outer}, 12);
  const Layout layout = plan_layout(plan);
  const auto at = [&](uint32_t t) { return layout.tensors[t].offset; };
  // b can live in one of the two only: in the last.
  EXPECT_EQ(at(b), at(outer));
  EXPECT_EQ(at(inner), at(outer) + 4);
  EXPECT_EQ(at(a), at(inner));
  EXPECT_EQ(layout.tensors[a].pixel_bytes, 12);
  EXPECT_EQ(layout.arena_bytes, 2 * round_up(36 * 12 + 64, 64)) << "outer, and x or the output";
}

TEST(Layout, AChannelSliceIsAView) {
  Plan plan;
  const uint32_t x = add_tensor(plan, 6, 8);
  const uint32_t slice = add_step(plan, GatherStep{{3, 4, 5}}, {x}, 3);
  const uint32_t scattered = add_step(plan, GatherStep{{3, 5, 4}}, {x}, 3);
  plan.output = add_step(plan, AddStep{}, {slice, scattered}, 3);
  const Layout layout = plan_layout(plan);
  EXPECT_EQ(layout.tensors[slice].offset, layout.tensors[x].offset + 3);
  EXPECT_TRUE(layout.tensors[slice].is_view);
  EXPECT_FALSE(layout.tensors[scattered].is_view);
}

// More tensors than are held against each other: placed in time, and no worse than all the sizes
// that live at once.
TEST(Layout, VeryManyTensorsFindTheirPlacesInTime) {
  Plan plan;
  uint32_t x = add_tensor(plan, 2, 8);
  std::vector<uint32_t> kept;
  for (int32_t i = 0; i < 6000; ++i) {
    const int32_t channels = 8 + 8 * (i % 37);
    x = add_step(plan, ConvolutionStep{}, {x}, channels);
    if (i % 100 == 0) kept.push_back(x);
  }
  for (const uint32_t late : kept) x = add_step(plan, AddStep{}, {x, late}, 8);
  plan.output = x;
  const Layout layout = plan_layout(plan);
  std::vector<int64_t> last(plan.tensors.size(), -1);
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    for (const uint32_t input : plan.steps[i].inputs) last[input] = int64_t(i);
  }
  std::map<size_t, std::pair<size_t, int64_t>> living;  // by offset: end, last step
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const uint32_t made = plan.steps[i].output;
    const TensorLayout& t = layout.tensors[made];
    const size_t end = t.offset + size_t(t.height * t.row_bytes) + 64;
    for (auto other = living.begin(); other != living.end();) {
      if (other->second.second < int64_t(i)) {
        other = living.erase(other);
        continue;
      }
      EXPECT_TRUE(end <= other->first || other->second.first <= t.offset) << "step " << i;
      ++other;
    }
    living[t.offset] = {end, std::max(last[made], int64_t(i))};
    ASSERT_LE(end, layout.arena_bytes);
  }
  EXPECT_LT(layout.arena_bytes, size_t{62 * 1300}) << "60 tensors that wait, and two of the chain";
}

TEST(Layout, AChainOfConcatsIsWalkedOnce) {
  Plan plan;
  const uint32_t first = add_tensor(plan, 1, 1);
  uint32_t x = first;
  for (int32_t i = 0; i < 40000; ++i) {
    const uint32_t more = add_step(plan, RescaleStep{}, {first}, 1);
    x = add_step(plan, ConcatStep{}, {x, more}, i + 2);
  }
  plan.output = x;
  const Layout layout = plan_layout(plan);
  EXPECT_EQ(layout.tensors[first].offset, layout.tensors[x].offset);
  EXPECT_EQ(layout.tensors[plan.steps.front().output].offset, layout.tensors[x].offset + 1);
  EXPECT_EQ(layout.tensors[x - 1].offset, layout.tensors[x].offset + 40000);
}

// Every byte of a tensor is its own as long as it is needed.
TEST(Layout, LivingTensorsNeverShareBytes) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const Plan plan = octavo::testing::random_plan(seed, {.steps = 30});
    const Layout layout = plan_layout(plan);
    std::vector<int64_t> last(plan.tensors.size(), -1), first(plan.tensors.size(), -1);
    for (size_t i = 0; i < plan.steps.size(); ++i) {
      for (const uint32_t x : plan.steps[i].inputs) last[x] = int64_t(i);
      first[plan.steps[i].output] = int64_t(i);
    }
    last[plan.output] = int64_t(plan.steps.size());
    const auto extent = [&](size_t t) {
      const TensorLayout& y = layout.tensors[t];
      const int64_t begin = int64_t(y.offset) - y.halo_left * y.pixel_bytes;
      return std::pair{begin, int64_t(y.offset) + y.height * y.row_bytes};
    };
    for (size_t a = 0; a < plan.tensors.size(); ++a) {
      EXPECT_LE(size_t(extent(a).second) + 64,
                layout.arena_bytes + size_t(layout.tensors[a].is_view) * 4096);
      EXPECT_GE(extent(a).first, 0);
      for (size_t b = 0; b < a; ++b) {
        const TensorLayout &s = layout.tensors[a], &t = layout.tensors[b];
        if (s.is_view || t.is_view) continue;
        const bool together =
            first[a] <= std::max(last[b], first[b]) && first[b] <= std::max(last[a], first[a]);
        const bool apart =
            extent(a).second <= extent(b).first || extent(b).second <= extent(a).first;
        EXPECT_TRUE(!together || apart) << "seed " << seed << ": tensors " << a << " and " << b;
      }
    }
  }
}

TEST(Cut, PiecesCoverTheWorkOnce) {
  octavo::testing::Random random(7);
  for (int i = 0; i < 500; ++i) {
    WorkShape shape;
    shape.rows = random.integer(1, 20);
    shape.columns = random.integer(1, 40);
    shape.channels = random.integer(1, 100);
    shape.column_step = random.chance(0.5f) ? 4 : 0;
    shape.channel_step = random.chance(0.5f) ? random.integer(1, 32) : 0;
    shape.weight_bytes = random.integer(0, 10000);
    shape.input_bytes = random.integer(0, 10000);
    shape.nanoseconds = 1e6;
    const int threads = random.integer(1, 9);
    const std::vector<Cut> cuts = cut_work(shape, threads);
    EXPECT_GE(cuts.size(), 1u);
    EXPECT_LE(cuts.size(), size_t(threads));
    std::vector<int> covered(size_t(shape.rows * shape.columns * shape.channels));
    for (const Cut& cut : cuts) {
      EXPECT_TRUE(cut.channel_begin == 0 || cut.channel_begin % shape.channel_step == 0);
      for (int32_t r = cut.row_begin; r < cut.row_end; ++r) {
        for (int32_t x = cut.column_begin; x < cut.column_end; ++x) {
          for (int32_t c = cut.channel_begin; c < cut.channel_end; ++c) {
            ++covered[size_t((r * shape.columns + x) * shape.channels + c)];
          }
        }
      }
    }
    EXPECT_EQ(std::count(covered.begin(), covered.end(), 1), int64_t(covered.size()));
  }
}

TEST(Cut, SmallWorkIsNotShared) {
  WorkShape shape;
  shape.rows = 100;
  shape.nanoseconds = 100;
  EXPECT_EQ(cut_work(shape, 4).size(), 1u);
}

// Of channels that fill no step of the kernel there is nothing to share: rows are cut, evenly.
TEST(Cut, ChannelsOfOneStepAreNotCut) {
  for (const int32_t channels : {8, 40, 63, 64}) {
    WorkShape shape;
    shape.rows = 112;
    shape.columns = 112;
    shape.channels = channels;
    shape.channel_step = 64;
    shape.weight_bytes = 1 << 20;
    shape.input_bytes = 1 << 10;
    shape.nanoseconds = 1e6;
    for (const int threads : {2, 4}) {
      const std::vector<Cut> cuts = cut_work(shape, threads);
      ASSERT_EQ(cuts.size(), size_t(threads)) << channels << " channels";
      for (const Cut& cut : cuts) EXPECT_EQ(cut.row_end - cut.row_begin, 112 / threads);
    }
  }
}

// 40 channels in steps of 16 are 3 steps: the busiest of two threads has 2 of 3, or 4 of 7 rows.
TEST(Cut, TheBusiestThreadHasAsLittleAsItCan) {
  WorkShape shape;
  shape.rows = 7;
  shape.channels = 40;
  shape.channel_step = 16;
  shape.nanoseconds = 1e6;
  const std::vector<Cut> cuts = cut_work(shape, 2);
  ASSERT_EQ(cuts.size(), 2u);
  for (const Cut& cut : cuts) {
    EXPECT_LE(cut.row_end - cut.row_begin, 4);
    EXPECT_EQ(cut.channel_end - cut.channel_begin, 40);
  }
}

}  // namespace
}  // namespace octavo::runtime
