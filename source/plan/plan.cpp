#include "plan/plan.h"

#include "base/file.h"
#include "base/text.h"
#include "plan/limits.h"
#include "plan/step_traits.h"
#include "plan/type_name.h"

namespace octavo {

std::string_view step_operator_name(const StepOperator& op) {
  if (const auto* pool = std::get_if<PoolStep>(&op)) {
    return pool->kind == PoolStep::Kind::maximum ? "max_pool" : "average_pool";
  }
  return with_traits(op, [](auto traits) { return traits.name; });
}

namespace {

int64_t weight_count(const Plan& plan, const Step& step, const ConvolutionStep& op) {
  const int64_t inputs = plan.tensors[step.inputs[0]].shape[3] / op.groups;
  return int64_t{plan.tensors[step.output].shape[3]} * op.kernel[0] * op.kernel[1] * inputs;
}

}  // namespace

int64_t step_macs(const Plan& plan, const Step& step) {
  const auto& [n, h, w, c] = plan.tensors[step.output].shape;
  if (std::holds_alternative<MatMulStep>(step.op)) {
    return int64_t{n} * h * w * c * plan.tensors[step.inputs[0]].shape[3];
  }
  const auto* convolution = std::get_if<ConvolutionStep>(&step.op);
  if (convolution == nullptr) return 0;
  // Every output pixel meets every weight once.
  return int64_t{n} * h * w * weight_count(plan, step, *convolution);
}

int64_t step_parameters(const Plan& plan, const Step& step) {
  if (const auto* constant = std::get_if<ConstantStep>(&step.op)) {
    return static_cast<int64_t>(constant->values.size());
  }
  const auto* convolution = std::get_if<ConvolutionStep>(&step.op);
  if (convolution == nullptr) return 0;
  return weight_count(plan, step, *convolution) + plan.tensors[step.output].shape[3];
}

int32_t weight_of(const ConvolutionStep& step, size_t index) {
  if (step.weight_type == ElementType::i8) return step.weights[index];
  return step.weights[2 * index + 1] * 256 + static_cast<uint8_t>(step.weights[2 * index]);
}

int64_t bias_of(const ConvolutionStep& step, size_t output) {
  if (step.weight_type == ElementType::i8) return step.bias[output];
  const int64_t high = step.bias[2 * output + 1];
  return high * (int64_t{1} << 32) + static_cast<uint32_t>(step.bias[2 * output]);
}

bool has_long_exponentials(const SoftmaxStep& step) {
  return step.fine.size() > 256;
}

std::vector<uint32_t> long_exponentials(const std::vector<uint16_t>& table) {
  std::vector<uint32_t> out;
  for (size_t i = 0; i + 1 < table.size(); i += 2) {
    out.push_back(uint32_t{table[i + 1]} << 16 | table[i]);
  }
  return out;
}

const char* type_name(ElementType type) {
  switch (type) {
    case ElementType::u8:
      return "uint8";
    case ElementType::i8:
      return "int8";
    case ElementType::i16:
      return "int16";
    case ElementType::u16:
      return "uint16";
    case ElementType::f32:
      return "float32";
  }
  return "";
}

Result<Plan> read_plan(const std::string& path) {
  const auto bytes = read_file(path, plan_limit::file_bytes);
  if (!bytes) return bytes.error();
  auto plan = deserialize(*bytes);
  if (!plan) return Error{plan.error().kind, concat(quoted(path), ": ", plan.error().message)};
  return plan;
}

Status write_plan(const Plan& plan, const std::string& path, bool overwrite) {
  // What could not be loaded again is never written.
  if (const Status valid = verify(plan); !valid) return valid;
  const std::vector<std::byte> bytes = serialize(plan);
  if (bytes.size() > plan_limit::file_bytes) {
    return rejected(concat("the plan would have ", bytes.size(),
                           " bytes; the most that is read is ", plan_limit::file_bytes));
  }
  return write_file(path, bytes, overwrite);
}

}  // namespace octavo
