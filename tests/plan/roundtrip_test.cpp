// A plan that is written and read again is the same plan.
#include <gtest/gtest.h>

#include "plan/plan.h"
#include "plan/random_plan.h"

namespace octavo {
namespace {

TEST(RandomPlan, PassesVerification) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    testing::RandomPlanOptions options;
    options.extremes = seed % 2 == 1;
    options.int16 = seed % 3 != 0;
    const Plan plan = testing::random_plan(seed, options);
    const Status valid = verify(plan);
    ASSERT_TRUE(valid) << "seed " << seed << ": " << valid.error().message;
  }
}

}  // namespace
}  // namespace octavo
