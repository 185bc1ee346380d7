// What each step of a plan stores, for whoever compares it with something else (ties.py):
// step_codes PLAN INPUTS OUTPUT. INPUTS holds the plan's input tensor, as it is stored, any number
// of times. OUTPUT gets the outputs of all steps, one input after the other. Printed is a line a
// step: type and shape of its output, scales, zero points and the tensor's name, by tabs.
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/file.h"
#include "plan/element_type.h"
#include "plan/type_name.h"
#include "runtime/program.h"

namespace {

using namespace octavo;

size_t bytes_of(const PlanTensor& tensor) {
  auto size = static_cast<size_t>(element_size(tensor.type));
  for (const int32_t extent : tensor.shape) size *= static_cast<size_t>(extent);
  return size;
}

void print(const PlanTensor& tensor) {
  std::printf("%s", type_name(tensor.type));
  for (const int32_t extent : tensor.shape) std::printf(" %d", extent);
  std::printf("\t");
  for (const float scale : tensor.scale) std::printf("%.9g ", static_cast<double>(scale));
  std::printf("\t");
  for (const int32_t zero : tensor.zero_point) std::printf("%d ", zero);
  std::printf("\t%s\n", tensor.name.c_str());
}

Status run(const std::string& plan_path, const std::string& input_path,
           const std::string& output_path) {
  auto plan = read_plan(plan_path);
  if (!plan) return plan.error();
  const auto inputs = read_file(input_path, 1U << 30);
  if (!inputs) return inputs.error();
  auto program = Program::prepare(std::move(*plan));
  if (!program) return program.error();
  auto session = Session::create(*program);
  if (!session) return session.error();
  const Plan& prepared = (*program)->plan();
  const size_t size = bytes_of(prepared.tensors[prepared.input]);
  if (inputs->empty() || inputs->size() % size != 0) {
    return rejected(input_path + " does not hold inputs of " + std::to_string(size) +
                    " bytes each; give the plan's input tensor as it is stored");
  }
  for (const Step& step : prepared.steps) print(prepared.tensors[step.output]);
  std::vector<std::byte> out;
  std::vector<float> logits(bytes_of(prepared.tensors[prepared.output]) / sizeof(float));
  for (size_t at = 0; at < inputs->size(); at += size) {
    const Status ran =
        (*session)->run_observed(std::span(*inputs).subspan(at, size), logits,
                                 [&](size_t, std::span<const std::byte> stored) {
                                   out.insert(out.end(), stored.begin(), stored.end());
                                 });
    if (!ran) return ran;
  }
  return write_file(output_path, out, true);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::fprintf(stderr, "usage: step_codes PLAN INPUTS OUTPUT\n");
    return 2;
  }
  const Status ran = run(arguments[1], arguments[2], arguments[3]);
  if (!ran) std::fprintf(stderr, "step_codes: %s\n", ran.error().message.c_str());
  return ran ? 0 : 1;
}
