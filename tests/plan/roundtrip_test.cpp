// A plan that is written and read again is the same plan, and gives the same bytes.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "plan/file_header.h"
#include "plan/plan.h"
#include "plan/random_plan.h"
#include "plan/small_plan.h"

namespace octavo {
namespace {

testing::RandomPlanOptions options_of(uint64_t seed) {
  testing::RandomPlanOptions options;
  options.extremes = seed % 2 == 1;
  options.int16 = seed % 3 != 0;
  return options;
}

TEST(RandomPlan, PassesVerificationAndHoldsEveryKindOfStep) {
  std::set<std::string_view> seen;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const Plan plan = testing::random_plan(seed, options_of(seed));
    const Status valid = verify(plan);
    ASSERT_TRUE(valid) << "seed " << seed << ": " << valid.error().message;
    for (const Step& step : plan.steps) seen.insert(step_operator_name(step.op));
  }
  EXPECT_EQ(seen, (std::set<std::string_view>{
                      "convolution", "max_pool", "average_pool", "add", "multiply", "rescale",
                      "gather", "concat", "reshape", "layer_norm", "l2_normalize", "softmax",
                      "matmul", "resize", "permute", "constant", "lookup", "divide"}));
}

TEST(Serialize, ReturnsTheSamePlanAndTheSameBytes) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Plan plan = testing::random_plan(seed, options_of(seed));
    const auto bytes = serialize(plan);
    const auto read = deserialize(bytes);
    ASSERT_TRUE(read) << "seed " << seed << ": " << read.error().message;
    ASSERT_TRUE(plan == *read) << "seed " << seed;
    ASSERT_EQ(serialize(*read), bytes) << "seed " << seed;
  }
}

// A change of this number is a change of the format: raise its version with it.
TEST(Serialize, GivesTheSameBytesOnEveryMachineAndCompiler) {
  EXPECT_EQ(file_hash(serialize(testing::small_plan())), 9543256390942657297u);
}

TEST(Serialize, WritesWhatIsEmpty) {
  // The names differ in length, so that everything behind them is aligned in every way.
  for (size_t length = 0; length < 16; ++length) {
    Plan plan = testing::small_plan();
    plan.tensors[0].name.assign(length, 'x');
    plan.labels.clear();
    plan.report.clear();
    plan.golden.clear();
    plan.provenance = {};
    for (Step& step : plan.steps) step.merged.clear();
    const auto read = deserialize(serialize(plan));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_TRUE(plan == *read);
  }
}

TEST(Serialize, KeepsTheSignOfZero) {
  Plan plan = testing::small_plan();
  auto& block = testing::operator_of<ConvolutionStep>(plan, testing::small::block);
  block.epilogue.beta = -0.0f;
  const auto read = deserialize(serialize(plan));
  ASSERT_TRUE(read) << read.error().message;
  Plan again = *read;
  EXPECT_TRUE(std::signbit(
      testing::operator_of<ConvolutionStep>(again, testing::small::block).epilogue.beta));
}

TEST(Deserialize, ReadsFromAnyAddress) {
  const auto bytes = serialize(testing::small_plan());
  for (size_t shift = 0; shift < 8; ++shift) {
    std::vector<std::byte> moved(bytes.size() + shift);
    std::copy(bytes.begin(), bytes.end(), moved.begin() + static_cast<ptrdiff_t>(shift));
    const auto read = deserialize(std::span(moved).subspan(shift));
    ASSERT_TRUE(read) << "shift " << shift << ": " << read.error().message;
  }
}

TEST(StepCost, CountsMultiplicationsAndConstants) {
  const Plan plan = testing::small_plan();
  const Step& stem = plan.steps[testing::small::step_of(testing::small::stem)];
  EXPECT_EQ(step_macs(plan, stem), 4 * 4 * 4 * 3 * 3 * 3);  // pixels, outputs, window, inputs
  EXPECT_EQ(step_parameters(plan, stem), 4 * 3 * 3 * 3 + 4);
  const Step& pooled = plan.steps[testing::small::step_of(testing::small::pooled)];
  EXPECT_EQ(step_macs(plan, pooled), 0);
  EXPECT_EQ(step_parameters(plan, pooled), 0);
}

class PlanOnDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const char* name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
};

TEST_F(PlanOnDisk, IsReadAsWritten) {
  const Plan plan = testing::small_plan();
  const Status written = write_plan(plan, path("a.octavo"), false);
  ASSERT_TRUE(written) << written.error().message;
  const auto read = read_plan(path("a.octavo"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(plan == *read);
}

TEST_F(PlanOnDisk, IsNotWrittenWhenThePlanIsNotValid) {
  Plan plan = testing::small_plan();
  plan.labels.pop_back();
  EXPECT_FALSE(write_plan(plan, path("a.octavo"), false));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(PlanOnDisk, IsNotOverwrittenUnasked) {
  const Plan plan = testing::small_plan();
  ASSERT_TRUE(write_plan(plan, path("a.octavo"), false));
  EXPECT_FALSE(write_plan(plan, path("a.octavo"), false));
  EXPECT_TRUE(write_plan(plan, path("a.octavo"), true));
}

TEST_F(PlanOnDisk, ErrorsNameThePath) {
  std::ofstream(path("b.octavo")) << "not a plan";
  const auto read = read_plan(path("b.octavo"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::rejected);
  EXPECT_NE(read.error().message.find("b.octavo"), std::string::npos);
}

}  // namespace
}  // namespace octavo
