// export_plans FOLDER FIRST COUNT STEPS: random plans FOLDER/SEED.octavo of so many drawn steps,
// whose softmaxes have tables of the exponential, as a lowering makes them.

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "plan/random_plan.h"

namespace {

void make_exponential(octavo::Plan& plan) {
  for (octavo::Step& step : plan.steps) {
    auto* softmax = std::get_if<octavo::SoftmaxStep>(&step.op);
    if (softmax == nullptr) continue;
    const double scale = plan.tensors[step.inputs[0]].scale[0];
    const bool is_long = softmax->fine[1] % 2 == 0;  // some of each length
    const auto put = [&](std::vector<uint16_t>& table, double exponential) {
      const auto entry =
          static_cast<uint32_t>(std::rint(exponential * (is_long ? 1 << 30 : 1 << 15)));
      table.push_back(static_cast<uint16_t>(entry));
      if (is_long) table.push_back(static_cast<uint16_t>(entry >> 16));
    };
    softmax->coarse.clear();
    softmax->fine.clear();
    for (int i = 0; i < 256; ++i) {
      put(softmax->coarse, std::exp(-256 * i * scale));
      put(softmax->fine, std::exp(-i * scale));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  octavo::testing::RandomPlanOptions options;
  options.steps = std::atoi(argv[4]);
  options.given_codes = false;  // not exported
  const int first = std::atoi(argv[2]), count = std::atoi(argv[3]);
  for (int seed = first; seed < first + count; ++seed) {
    octavo::Plan plan = octavo::testing::random_plan(static_cast<uint64_t>(seed), options);
    make_exponential(plan);
    const std::string path = octavo::concat(argv[1], "/", seed, ".octavo");
    const octavo::Status written = octavo::write_plan(plan, path, true);
    if (written) continue;
    std::fprintf(stderr, "%s\n", written.error().message.c_str());
    return 1;
  }
  return 0;
}
