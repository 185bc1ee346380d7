// Small valid plans for fuzz_plan to begin with, made new in each build: the format of
// committed files would grow old.
#include "base/file.h"
#include "base/text.h"
#include "plan/plan.h"
#include "plan/random_plan.h"
#include "plan/small_attention.h"
#include "plan/small_plan.h"

int main(int argument_count, char** arguments) {
  if (argument_count != 2) return 2;
  const std::string folder = arguments[1];
  if (!octavo::write_plan(octavo::testing::small_plan(), folder + "/small.octavo", true)) return 1;
  const octavo::Plan attention = octavo::testing::small_attention();
  if (!octavo::write_plan(attention, folder + "/attention.octavo", true)) return 1;
  for (uint64_t seed = 0; seed < 16; ++seed) {
    octavo::testing::RandomPlanOptions options;
    options.steps = 4;
    options.largest_side = 5;
    options.largest_channels = 4;
    options.classes = 3;
    options.extremes = seed % 2 == 1;
    const octavo::Plan plan = octavo::testing::random_plan(seed, options);
    const std::string path = octavo::concat(folder, "/seed", seed, ".octavo");
    if (!octavo::write_plan(plan, path, true)) return 1;
  }
  return 0;
}
