#include "evaluate/model.h"

#include <algorithm>
#include <cstring>

#include "base/file.h"
#include "base/text.h"
#ifndef OCTAVO_RUNTIME_ONLY
#include "evaluate/float_model.h"
#endif

namespace octavo {

namespace {

constexpr uint64_t largest_plan_bytes = uint64_t{1} << 32;

bool looks_like_plan(const std::string& path, std::span<const std::byte> bytes) {
  constexpr char magic[] = "OCTAVO";
  if (bytes.size() >= sizeof magic - 1 && std::memcmp(bytes.data(), magic, sizeof magic - 1) == 0) {
    return true;
  }
  return path.ends_with(".octavo");  // a broken plan is reported as a plan
}

// What the user may still change of a plan: how a picture is cut, not what its numbers mean.
Status override_preprocess(const PreprocessChoice& choice, Model& model) {
  if (!choice.preset.empty() || choice.mean || choice.std) {
    return usage_error(concat("mean, std and presets are part of ", quoted(model.path),
                              ": build the plan again to change them"));
  }
  auto how =
      resolve_preprocess(choice, model.preprocess, model.input[0], model.input[1], model.input[2]);
  if (!how) return how.error();
  model.preprocess = *how;
  return {};
}

Result<Model> open_plan(const std::string& path, std::span<const std::byte> bytes,
                        const ModelOptions& options) {
  auto plan = deserialize(bytes);
  if (!plan) return Error{plan.error().kind, concat(quoted(path), ": ", plan.error().message)};
  Model model;
  model.path = path;
  model.preprocess = plan->preprocess;
  model.picture_input = plan->picture_input;
  model.labels = plan->labels;
  const PlanTensor& input = plan->tensors[plan->input];
  model.input = {input.shape[1], input.shape[2], input.shape[3]};
  model.classes = plan->tensors[plan->output].shape[3];
  auto program = Program::prepare(std::move(*plan), options.isa);
  if (!program) return program.error();
  model.program = std::move(*program);
  if (model.picture_input) {
    if (const Status changed = override_preprocess(options.preprocess, model); !changed) {
      return changed.error();
    }
  }
  return model;
}

Result<Classifier> plan_classifier(const Model& model, int threads) {
  auto created = Session::create(model.program, threads);
  if (!created) return created.error();
  const std::shared_ptr<Session> session = std::move(*created);
  Classifier classifier;
  classifier.pixels = [session](std::span<const uint8_t> pixels, std::span<float> logits) {
    return session->run(std::as_bytes(pixels), logits);
  };
  classifier.values = [session](std::span<const float> values, std::span<float> logits) {
    return session->run_float(values, logits);
  };
  return classifier;
}

}  // namespace

Result<Model> open_model(const std::string& path, const ModelOptions& options) {
  auto bytes = read_file(path, largest_plan_bytes);
  if (!bytes) return bytes.error();
  if (looks_like_plan(path, *bytes)) return open_plan(path, *bytes, options);
#ifndef OCTAVO_RUNTIME_ONLY
  return open_float_model(path, *bytes, options);
#else
  return rejected(concat(quoted(path), " is no plan, and this build of Octavo reads plans only"));
#endif
}

Result<Classifier> make_classifier(const Model& model, int threads) {
  if (!model.is_float()) return plan_classifier(model, threads);
#ifndef OCTAVO_RUNTIME_ONLY
  return float_classifier(model);
#else
  return failed("this build of Octavo has no float engine");
#endif
}

}  // namespace octavo
