// Any bytes as a plan. The header's sizes and the hash are set right first, or nothing
// but the header would ever be reached. What loads is run: verify() must have proved
// all that the kernels take for granted.
#include "plan/plan.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "plan/file_header.h"
#include "runtime/program.h"

namespace {

using namespace octavo;

std::vector<std::byte> repaired(std::vector<std::byte> file) {
  if (file.size() < FileHeader::bytes) return file;
  FileHeader header;
  std::memcpy(&header.flatbuffer_bytes, file.data() + 36, sizeof header.flatbuffer_bytes);
  header.flatbuffer_offset = FileHeader::bytes;
  header.constants_offset = align_constant(FileHeader::bytes + uint64_t{header.flatbuffer_bytes});
  header.file_bytes = file.size();
  header.constants_bytes = header.file_bytes - header.constants_offset;
  write_header(header, file);
  return file;
}

// A valid plan may still be too much work for a fuzzer.
bool is_small(const Plan& plan) {
  constexpr int64_t most = 1 << 20;
  int64_t elements = 0, work = 0;
  for (const PlanTensor& tensor : plan.tensors) {
    elements += int64_t{tensor.shape[0]} * tensor.shape[1] * tensor.shape[2] * tensor.shape[3];
  }
  for (const Step& step : plan.steps) {
    work += step_macs(plan, step);
    const auto& out = plan.tensors[step.output].shape;
    work += 16 * int64_t{out[0]} * out[1] * out[2] * out[3];
    if (step.inputs.empty()) continue;
    const auto& in = plan.tensors[step.inputs[0]].shape;
    if (const auto* pool = std::get_if<PoolStep>(&step.op)) {
      const int64_t window =
          int64_t{std::min(pool->kernel[0], in[1])} * std::min(pool->kernel[1], in[2]);
      work += window * out[1] * out[2] * out[3];
      elements += (int64_t{in[1]} + pool->pads[0] + pool->pads[2]) *
                  (int64_t{in[2]} + pool->pads[1] + pool->pads[3]) * in[3];
    }
    if (const auto* convolution = std::get_if<ConvolutionStep>(&step.op)) {
      elements += (int64_t{in[1]} + convolution->pads[0] + convolution->pads[2]) *
                  (int64_t{in[2]} + convolution->pads[1] + convolution->pads[3]) * in[3];
    }
    if (elements > most || work > 16 * most) return false;
  }
  return true;
}

std::vector<float> run(const Plan& plan, const char* isa) {
  const auto program = Program::prepare(plan, isa);
  if (!program) std::abort();
  const auto session = Session::create(*program);
  if (!session) std::abort();
  std::vector<float> logits(static_cast<size_t>(plan.tensors[plan.output].shape[3]));
  if (!(*session)->run(golden_input(plan, 1), logits)) std::abort();
  return logits;
}

void check(std::span<const std::byte> file) {
  const auto plan = deserialize(file);
  if (!plan) return;
  // What was read once is written and read again as the same.
  const auto bytes = serialize(*plan);
  const auto again = deserialize(bytes);
  if (!again || serialize(*again) != bytes) std::abort();
  if (!is_small(*plan)) return;
  const std::vector<float> reference = run(*plan, "reference");
  for (const float logit : reference) {
    if (!std::isfinite(logit)) std::abort();
  }
  if (logits_digest(run(*plan, "")) != logits_digest(reference)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  check({bytes, size});
  check(repaired({bytes, bytes + size}));
  return 0;
}
