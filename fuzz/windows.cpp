// Random plans that pass verify(), with windows as hostile as it lets through: every path of
// this machine must give the reference's logits. The input is a seed, how large the plan is to
// be, and changes to the windows of its steps.
#include <cstdint>
#include <cstring>
#include <variant>

#include "differential.h"
#include "plan/random_plan.h"

namespace {

using namespace octavo;

// Reads numbers off the input; 0 when it is used up.
class Numbers {
 public:
  Numbers(const uint8_t* data, size_t size) : data_(data), left_(size) {}
  template <class T>
  T next() {
    T value{};
    const size_t count = std::min(left_, sizeof value);
    std::memcpy(&value, data_, count);
    data_ += count;
    left_ -= count;
    return value;
  }
  bool is_empty() const { return left_ == 0; }

 private:
  const uint8_t* data_;
  size_t left_;
};

int32_t* window_field(Step& step, uint8_t which) {
  if (auto* op = std::get_if<ConvolutionStep>(&step.op)) {
    int32_t* const fields[] = {&op->stride[0], &op->stride[1], &op->dilation[0], &op->dilation[1],
                               &op->pads[0],   &op->pads[1],   &op->pads[2],     &op->pads[3]};
    return fields[which % std::size(fields)];
  }
  if (auto* op = std::get_if<PoolStep>(&step.op)) {
    int32_t* const fields[] = {&op->stride[0], &op->stride[1], &op->kernel[0], &op->kernel[1],
                               &op->pads[0],   &op->pads[1],   &op->pads[2],   &op->pads[3]};
    return fields[which % std::size(fields)];
  }
  return nullptr;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Numbers numbers(data, size);
  const auto seed = numbers.next<uint32_t>();
  testing::RandomPlanOptions options;
  options.hostile_windows = true;
  options.steps = 1 + numbers.next<uint8_t>() % 6;
  options.largest_side = 1 + numbers.next<uint8_t>() % 9;
  options.largest_channels = 1 + numbers.next<uint8_t>() % 70;
  options.classes = 1 + numbers.next<uint8_t>() % 20;
  options.extremes = seed % 3 == 0;
  Plan plan = testing::random_plan(seed, options);
  if (const Status valid = verify(plan); !valid) {
    fuzz::report("any", 0, "a random plan does not verify: " + valid.error().message);
  }
  // Changes that verify() refuses are taken back.
  while (!numbers.is_empty()) {
    Step& step = plan.steps[numbers.next<uint8_t>() % plan.steps.size()];
    int32_t* field = window_field(step, numbers.next<uint8_t>());
    const auto value = numbers.next<int32_t>();
    if (field == nullptr) continue;
    const int32_t before = *field;
    *field = value;
    if (!verify(plan)) *field = before;
  }
  fuzz::check_every_path(plan);
  return 0;
}
