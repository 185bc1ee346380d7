#include <algorithm>
#include <cmath>

#include "plan/verify_parts.h"

namespace octavo {

namespace plan_check {

Status verify_tensor(const Plan& plan, size_t index) {
  const PlanTensor& tensor = plan.tensors[index];
  const auto bad = [&](const auto&... parts) {
    return rejected(concat("tensor ", index, " ", quoted(tensor.name), ": ", parts...));
  };
  const auto& shape = tensor.shape;
  if (bounded_product({shape[0], shape[1], shape[2], shape[3]}) < 1) {
    return bad("shape ", list_text(shape), " is not [n, h, w, c] of 1 to ", plan_limit::elements,
               " elements");
  }
  if (tensor.type > ElementType::u16) {
    return bad("no step reads elements of type ", static_cast<int>(tensor.type));
  }
  if (tensor.type == ElementType::f32 && index != plan.output) {
    return bad("only the plan's output, tensor ", plan.output, ", is of floats");
  }
  const int32_t count = channels(tensor);
  if (!fits_channels(tensor.scale, count) || !fits_channels(tensor.zero_point, count)) {
    return bad(tensor.scale.size(), " scales and ", tensor.zero_point.size(),
               " zero points; one or ", count, " are expected");
  }
  for (const float scale : tensor.scale) {
    if (!is_multiplier(scale) || scale < 0) {
      return bad("scale ", scale, " is not a number from 2^-100 to 2^40");
    }
  }
  const int32_t largest_zero_point = is_unsigned(tensor.type) ? levels_of(tensor.type).hi : 0;
  for (const int32_t zero_point : tensor.zero_point) {
    if (zero_point < 0 || zero_point > largest_zero_point) {
      return bad("zero point ", zero_point, " is not in [0, ", largest_zero_point, "]");
    }
  }
  return {};
}

namespace {

Status verify_counts(const Plan& plan) {
  if (plan.steps.empty() || plan.steps.size() > plan_limit::steps) {
    return rejected(
        concat("a plan has 1 to ", plan_limit::steps, " steps; this one has ", plan.steps.size()));
  }
  // The input, and what each step makes.
  if (plan.tensors.size() != plan.steps.size() + 1) {
    return rejected(concat("a plan of ", plan.steps.size(), " steps has ", plan.steps.size() + 1,
                           " tensors; this one has ", plan.tensors.size()));
  }
  if (plan.input >= plan.tensors.size() || plan.output >= plan.tensors.size()) {
    return rejected(concat("the plan's input, tensor ", plan.input, ", or output, tensor ",
                           plan.output, ", is not one of its ", plan.tensors.size(), " tensors"));
  }
  return {};
}

Status verify_text_size(const std::string& text) {
  if (text.size() <= plan_limit::text_bytes) return {};
  return rejected(concat("the plan holds a text of ", text.size(), " bytes, ", quoted(text),
                         "; the most is ", plan_limit::text_bytes));
}

Status verify_texts(const Plan& plan) {
  std::vector<const std::string*> texts;
  for (const PlanTensor& tensor : plan.tensors) texts.push_back(&tensor.name);
  size_t merged = 0;
  for (const Step& step : plan.steps) {
    texts.push_back(&step.name);
    for (const std::string& name : step.merged) texts.push_back(&name);
    merged += step.merged.size();
  }
  if (merged > plan_limit::merged_names) {
    return rejected(
        concat("the plan names ", merged, " merged nodes; the most is ", plan_limit::merged_names));
  }
  for (const std::string& label : plan.labels) texts.push_back(&label);
  const Provenance& origin = plan.provenance;
  for (const std::string* text :
       {&origin.tool_version, &origin.model_sha256, &origin.calibration_sha256, &origin.options,
        &origin.calibration_isa}) {
    texts.push_back(text);
  }
  for (const std::string* text : texts) {
    if (const Status small = verify_text_size(*text); !small) return small;
  }
  return {};
}

Status verify_preprocess(const Plan& plan) {
  const Preprocess& how = plan.preprocess;
  if (how.interpolation > Interpolation::bicubic || how.color > ColorOrder::gray) {
    return rejected("the plan's preprocessing names an unknown interpolation or order of colours");
  }
  const auto is_side = [](int64_t side) { return side >= 1 && side <= plan_limit::picture_side; };
  const auto& exact = how.resize_exact;
  if ((exact[0] != 0 || exact[1] != 0) && (!is_side(exact[0]) || !is_side(exact[1]))) {
    return rejected(concat("the plan's preprocessing resizes to ", exact[0], " x ", exact[1],
                           "; sides of 1 to ", plan_limit::picture_side, " are expected"));
  }
  if (!is_side(how.height) || !is_side(how.width) ||
      (how.resize_short != 0 && !is_side(how.resize_short))) {
    return rejected(concat("the plan's preprocessing resizes to ", how.resize_short, " and cuts ",
                           how.height, " x ", how.width, "; sides of 1 to ",
                           plan_limit::picture_side, " are expected"));
  }
  for (size_t c = 0; c < 3; ++c) {
    if (!is_addend(how.mean[c]) || !is_multiplier(how.std[c]) || how.std[c] < 0) {
      return rejected(concat("the plan's preprocessing has mean ", how.mean[c], " and std ",
                             how.std[c], " in channel ", c, "; finite and positive are expected"));
    }
  }
  return {};
}

Status verify_input(const Plan& plan) {
  const PlanTensor& input = plan.tensors[plan.input];
  // i8 is made by steps alone: a caller's values are not checked, and -128 is not one of its.
  if (input.type == ElementType::i8 || input.type == ElementType::f32) {
    return rejected(concat("the plan's input, ", quoted(input.name), ", must be u8, u16 or i16"));
  }
  if (input.shape[0] != 1) {
    return rejected(concat("the plan's input, ", quoted(input.name), " of shape ",
                           list_text(input.shape), ", must be one picture, [1, h, w, c]"));
  }
  if (!plan.picture_input) return {};
  const std::array<int32_t, 4> picture{1, plan.preprocess.height, plan.preprocess.width,
                                       plan.preprocess.channels()};
  if (input.type == ElementType::u8 && input.shape == picture) return {};
  return rejected(concat("the plan's input, ", quoted(input.name), " of shape ",
                         list_text(input.shape), ", is not the u8 picture ", list_text(picture),
                         " of its preprocessing"));
}

Status verify_output(const Plan& plan) {
  const PlanTensor& output = plan.tensors[plan.output];
  const auto& shape = output.shape;
  if (output.type != ElementType::f32 || shape[0] != 1 || shape[1] != 1 || shape[2] != 1) {
    return rejected(concat("the plan's output, ", quoted(output.name), " of shape ",
                           list_text(shape), ", must be f32 [1, 1, 1, classes]"));
  }
  if (plan.output_kind > last_output_kind) {
    return rejected("the plan's outputs have an unknown meaning");
  }
  const size_t classes = score_count(static_cast<size_t>(shape[3]));
  if (plan.labels.empty() || plan.labels.size() == classes) return {};
  return rejected(concat("the plan has ", plan.labels.size(), " labels for ", classes, " classes"));
}

Status verify_report(const Plan& plan) {
  if (plan.golden.size() > plan_limit::golden || plan.report.size() > plan_limit::steps) {
    return rejected(concat("the plan has ", plan.golden.size(), " golden inputs and ",
                           plan.report.size(), " reports; the most is ", plan_limit::golden,
                           " and ", plan_limit::steps));
  }
  for (const StepReport& entry : plan.report) {
    if (entry.step >= plan.steps.size()) {
      return rejected(
          concat("the plan's report names step ", entry.step, " of ", plan.steps.size()));
    }
    for (const float value :
         {entry.cosine, entry.sqnr_db, entry.cosine_alone, entry.sqnr_alone_db}) {
      if (std::isnan(value)) {
        return rejected(concat("the plan's report of step ", entry.step, " holds a NaN"));
      }
    }
  }
  return {};
}

// Every tensor but the input is made by exactly one step, before any step reads it.
Status verify_steps(const Plan& plan) {
  std::vector<bool> made(plan.tensors.size()), uniform(plan.tensors.size());
  for (size_t i = 0; i < uniform.size(); ++i) uniform[i] = is_uniform(plan.tensors[i]);
  std::vector<int32_t> largest_stored(plan.tensors.size());
  made[plan.input] = true;
  // A caller's i16 input is not checked value by value: it may hold -32768.
  const ElementType fed = plan.tensors[plan.input].type;
  largest_stored[plan.input] = fed == ElementType::i16 ? -INT16_MIN : levels_of(fed).hi;
  for (size_t index = 0; index < plan.steps.size(); ++index) {
    const StepPlace at{plan, index, uniform};
    for (const uint32_t input : at.step().inputs) {
      if (input >= plan.tensors.size() || !made[input]) {
        return at.error("its input, tensor ", input, ", is not made by an earlier step");
      }
    }
    const uint32_t output = at.step().output;
    if (output >= plan.tensors.size() || made[output]) {
      return at.error("its output, tensor ", output, ", is not there or already made");
    }
    if (const Status valid = verify_step(at, largest_stored); !valid) return valid;
    made[output] = true;
  }
  return {};
}

}  // namespace

}  // namespace plan_check

Status verify(const Plan& plan) {
  using namespace plan_check;
  if (const Status counts = verify_counts(plan); !counts) return counts;
  for (size_t index = 0; index < plan.tensors.size(); ++index) {
    if (const Status tensor = verify_tensor(plan, index); !tensor) return tensor;
  }
  using Check = Status (*)(const Plan&);
  for (const Check check : {&verify_texts, &verify_preprocess, &verify_input, &verify_output,
                            &verify_report, &verify_steps}) {
    if (const Status holds = check(plan); !holds) return holds;
  }
  return {};
}

}  // namespace octavo
