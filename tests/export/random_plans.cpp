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
    for (int i = 0; i < 256; ++i) {
      const auto at = static_cast<size_t>(i);
      softmax->coarse[at] = static_cast<uint16_t>(std::rint(32768 * std::exp(-256 * i * scale)));
      softmax->fine[at] = static_cast<uint16_t>(std::rint(32768 * std::exp(-i * scale)));
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
