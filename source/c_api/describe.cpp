// What a plan says of itself, through the C interface.
#include <algorithm>

#include "c_api/handles.h"
#include "plan/preprocess_words.h"
#include "plan/type_name.h"

using namespace octavo;
using namespace octavo::c_api;

namespace {

void describe_preprocess(const Preprocess& how, octavo_plan_info& info) {
  info.resize_short = how.resize_short;
  info.interpolation = word_of(how.interpolation, interpolation_words);
  info.color = word_of(how.color, color_words);
  info.exif_rotate = how.exif_rotate ? 1 : 0;
  info.via_nv12 = how.via_nv12 ? 1 : 0;
  std::copy(how.mean.begin(), how.mean.end(), info.mean);
  std::copy(how.std.begin(), how.std.end(), info.std);
}

void describe_provenance(const Provenance& from, octavo_plan_info& info) {
  info.tool_version = from.tool_version.c_str();
  info.model_sha256 = from.model_sha256.c_str();
  info.calibration_sha256 = from.calibration_sha256.c_str();
  info.options = from.options.c_str();
  info.calibration_isa = from.calibration_isa.c_str();
  info.calibration_pictures = from.calibration_pictures;
}

octavo_plan_info describe(const Program& program) {
  const Plan& plan = program.plan();
  const auto& input = plan.tensors[plan.input].shape;
  octavo_plan_info info{};
  info.input_kind = plan.picture_input ? OCTAVO_INPUT_PICTURE : OCTAVO_INPUT_VALUES;
  info.input_height = input[1];
  info.input_width = input[2];
  info.input_channels = input[3];
  info.classes = plan.tensors[plan.output].shape[3];
  info.labels = static_cast<int32_t>(plan.labels.size());
  info.steps = static_cast<int32_t>(plan.steps.size());
  for (const Step& step : plan.steps) {
    info.macs += step_macs(plan, step);
    info.parameters += step_parameters(plan, step);
  }
  info.weight_bytes = program.weight_bytes();
  info.arena_bytes = program.arena_bytes();
  info.isa = program.isa().c_str();
  describe_preprocess(plan.preprocess, info);
  describe_provenance(plan.provenance, info);
  return info;
}

octavo_step_info describe_step(const Program& program, size_t index) {
  const Plan& plan = program.plan();
  const Step& step = plan.steps[index];
  const PlanTensor& output = plan.tensors[step.output];
  octavo_step_info info{};
  info.name = step.name.c_str();
  info.op = step_operator_name(step.op).data();  // of a literal
  info.precision = type_name(output.type);
  info.kernel = program.kernel_name(index);
  std::copy(output.shape.begin(), output.shape.end(), info.output);
  info.macs = step_macs(plan, step);
  info.parameters = step_parameters(plan, step);
  return info;
}

}  // namespace

octavo_status octavo_plan_describe(const octavo_plan* plan, octavo_plan_info* info) {
  return guarded([&] {
    if (const char* name = missing({{"plan", plan}, {"info", info}})) return refuse_null(name);
    return report(give_fields(describe(*plan->program), info, "octavo_plan_info"));
  });
}

octavo_status octavo_plan_step(const octavo_plan* plan, int32_t index, octavo_step_info* step) {
  return guarded([&] {
    if (const char* name = missing({{"plan", plan}, {"step", step}})) return refuse_null(name);
    const size_t steps = plan->program->plan().steps.size();
    if (index < 0 || static_cast<size_t>(index) >= steps) {
      return report(ErrorKind::usage,
                    concat("there is no step ", index, "; the plan has ", steps, " of them"));
    }
    return report(give_fields(describe_step(*plan->program, static_cast<size_t>(index)), step,
                              "octavo_step_info"));
  });
}

octavo_status octavo_plan_write(const octavo_plan* plan,
                                void (*write)(void* context, const void* bytes, size_t size),
                                void* context) {
  return guarded([&] {
    if (plan == nullptr) return refuse_null("plan");
    if (write == nullptr) return refuse_null("write");
    const auto bytes = plan->source.read();
    if (!bytes) return report(bytes.error());
    write(context, bytes->data(), bytes->size());
    return OCTAVO_OK;
  });
}
