#include "export/export.h"

#include <algorithm>

#include "base/text.h"
#include "export/metadata.h"
#include "export/steps.h"

namespace octavo {

namespace {

// A message of a protobuf is at most this long.
constexpr size_t most_bytes = (size_t{1} << 31) - 1;

bool differs(const auto& values) {
  return std::any_of(values.begin(), values.end(), [&](auto v) { return v != values[0]; });
}

void describe(const Plan& plan, const std::vector<Storage>& storage, OnnxExport& out) {
  for (size_t t = 0; t < plan.tensors.size(); ++t) {
    const PlanTensor& tensor = plan.tensors[t];
    if (storage[t].type == ElementType::f32) continue;
    const bool picture = plan.picture_input && t == plan.input;
    if (differs(tensor.scale) && !picture) out.equalized.push_back(tensor.name);
    if (storage[t].coarser > 1.0001) out.coarser.push_back({tensor.name, storage[t].coarser});
  }
}

// Tensors that choose_storage has no pair for.
std::vector<std::string> unknown_types(const Plan& plan) {
  std::vector<std::string> out;
  for (const PlanTensor& tensor : plan.tensors) {
    const bool known = tensor.type == ElementType::u8 || tensor.type == ElementType::i8 ||
                       tensor.type == ElementType::i16 || tensor.type == ElementType::f32;
    if (!known) out.push_back(concat("tensor ", quoted(tensor.name), ": its type has no pair"));
  }
  return out;
}

// [1, classes], as the network ended: in a Sigmoid where the plan has taken one off.
void add_output(Emitter& out, const std::string& name) {
  const uint32_t t = out.plan().output;
  const std::string logits = out.value(t, out.layout(t));
  if (out.plan().output_kind != OutputKind::sigmoids) {
    out.writer().add_last("Flatten", {logits}, name);
    return;
  }
  const std::string flat = out.node("Flatten", {logits}, concat(out.tensor(t).name, "/flat"));
  out.writer().add_last("Sigmoid", {flat}, name);
}

// "step 'a': why; step 'b': ..."
std::string list_of(const std::vector<std::string>& problems) {
  constexpr size_t most = 20;
  std::string out;
  for (size_t i = 0; i < std::min(problems.size(), most); ++i) {
    out += concat(i > 0 ? "; " : "", problems[i]);
  }
  if (problems.size() > most) out += concat("; and ", problems.size() - most, " more");
  return out;
}

}  // namespace

Result<OnnxExport> export_onnx(const Plan& plan, const ExportOptions& options) {
  std::vector<Storage> storage = choose_storage(plan, options.symmetric);
  OnnxExport out;
  describe(plan, storage, out);
  Emitter emitter(plan, std::move(storage));
  onnx_file::Writer& writer = emitter.writer();
  const PlanTensor &input = plan.tensors[plan.input], &output = plan.tensors[plan.output];
  const std::string input_name = writer.unique(input.name);
  const std::string output_name = writer.unique(output.name);
  std::vector<std::string> problems = unknown_types(plan);
  if (!problems.empty()) return rejected(concat("ONNX cannot express ", list_of(problems)));
  emit_input(emitter, input_name);
  for (const Step& step : plan.steps) {
    const Emitted made = emit_step(emitter, step);
    if (made.by_table) out.by_table.push_back(step.name);
    if (!made.problem.empty()) {
      problems.push_back(concat("step ", quoted(step.name), ": ", made.problem));
      emitter.store(step.output, "", AxisOrder::channels_first);  // so that the rest is looked at
    }
    if (writer.bytes() > most_bytes) {
      return unsupported(
          "an ONNX file of more than 2 GB, which the format cannot hold in one piece");
    }
  }
  if (!problems.empty()) return rejected(concat("ONNX cannot express ", list_of(problems)));
  add_output(emitter, output_name);
  add_metadata(writer, plan);
  out.opset = emitter.uses_int16() ? 21 : 17;
  out.bytes =
      writer.model({input_name, emitter.dims(plan.input, AxisOrder::channels_first)},
                   {output_name, {1, output.shape[3]}}, out.opset, plan.provenance.tool_version);
  return out;
}

}  // namespace octavo
