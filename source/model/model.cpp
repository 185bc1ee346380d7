#include "model/model.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#ifdef __GLIBC__  // which the headers above have said
#include <malloc.h>
#endif

#include "base/file.h"
#include "base/text.h"
#include "image/image.h"
#ifndef OCTAVO_RUNTIME_ONLY
#include "model/float_model.h"
#endif

namespace octavo {

namespace {

constexpr uint64_t largest_plan_bytes = uint64_t{1} << 32;

// What was decided when the plan was built.
Status refuse_float_options(const ModelOptions& options, const std::string& path) {
  const PreprocessChoice& choice = options.preprocess;
  if (!choice.preset.empty() || choice.mean || choice.std) {
    return usage_error(concat("mean, std and presets are part of ", quoted(path),
                              ": build the plan again to change them"));
  }
  if (!options.output_node.empty()) {
    return usage_error(concat(quoted(path), " is a plan, which ends where it was built to end: ",
                              "--output is for float models"));
  }
  if (!options.disabled_rewrites.empty()) {
    return usage_error(
        concat(quoted(path), " is a plan, whose rewrites are done: --disable is for float models"));
  }
  return {};
}

// What is said of how a model is run, whatever it is.
void apply_run_options(const ModelOptions& options, Model& model) {
  model.clip = options.clip;
  model.strict = options.strict;
  model.wait = options.wait;
}

// What the user may still change of a plan: how a picture is cut, not what its numbers mean.
Status override_preprocess(PreprocessChoice choice, Model& model) {
  choice.preset.clear();
  choice.mean = choice.std = std::nullopt;
  auto how =
      resolve_preprocess(choice, model.preprocess, model.input[0], model.input[1], model.input[2]);
  if (!how) return how.error();
  model.preprocess = *how;
  return {};
}

Result<Model> open_plan(const std::string& path, Result<Plan> plan, const ModelOptions& options) {
  if (!options.beside_float) {
    if (const Status possible = refuse_float_options(options, path); !possible) {
      return possible.error();
    }
  }
  if (!plan) return Error{plan.error().kind, concat(quoted(path), ": ", plan.error().message)};
  auto model = model_of(std::move(*plan), options);
  if (!model) return model;
  if (model->picture_input) {
    if (const Status changed = override_preprocess(options.preprocess, *model); !changed) {
      return changed.error();
    }
  }
  return model;
}

Result<Classifier> plan_classifier(const Model& model, int threads) {
  auto created = Session::create(model.program(), {.threads = threads, .wait = model.wait});
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

Result<Model> with_options(Result<Model> model, const std::string& path,
                           const ModelOptions& options) {
  if (!model) return model;
  model->path = path;
  apply_run_options(options, *model);
  PreprocessChoice choice = options.preprocess;
  choice.size = std::nullopt;
  if (!model->picture_input && choice != PreprocessChoice{}) {
    return usage_error(concat(quoted(path),
                              " is not fed pictures but tensors: no picture is "
                              "preprocessed"));
  }
  return model;
}

}  // namespace

bool looks_like_plan(const std::string& path, std::span<const std::byte> bytes) {
  constexpr char magic[] = "OCTAVO";
  if (bytes.size() >= sizeof magic - 1 && std::memcmp(bytes.data(), magic, sizeof magic - 1) == 0) {
    return true;
  }
  return path.ends_with(".octavo");  // a broken plan is reported as a plan
}

Result<std::vector<std::byte>> read_model_file(const std::string& path) {
  auto bytes = read_file(path, largest_plan_bytes);
  if (bytes && looks_like_picture(*bytes)) {
    return rejected(
        concat(quoted(path),
               " is a picture; a network comes first, a plan (.octavo) or a float model "
               "(.onnx)"));
  }
  return bytes;
}

Result<Model> open_model(const std::string& path, const ModelOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  auto bytes = read_model_file(path);
  if (!bytes) return bytes.error();
  Result<Model> model = [&] {
    if (!looks_like_plan(path, *bytes)) return open_model(path, *bytes, options);
    Result<Plan> plan = deserialize(*bytes);
    *bytes = std::vector<std::byte>();  // before the weights take their room once more
    return with_options(open_plan(path, std::move(plan), options), path, options);
  }();
  if (!model) return model;
#ifdef __GLIBC__
  ::malloc_trim(0);  // weights that are packed leave their room all over the heap
#endif
  model->load_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return model;
}

Result<Model> open_model(const std::string& path, std::span<const std::byte> bytes,
                         const ModelOptions& options) {
  if (looks_like_plan(path, bytes)) {
    return with_options(open_plan(path, deserialize(bytes), options), path, options);
  }
#ifndef OCTAVO_RUNTIME_ONLY
  return with_options(open_float_model(path, bytes, options), path, options);
#else
  return rejected(concat(quoted(path), " is no plan, and this build of Octavo reads plans only"));
#endif
}

Result<Model> model_of(Plan plan, const ModelOptions& options) {
  Model model;
  model.preprocess = plan.preprocess;
  model.picture_input = plan.picture_input;
  model.labels = plan.labels;
  const PlanTensor& input = plan.tensors[plan.input];
  model.input = {input.shape[1], input.shape[2], input.shape[3]};
  model.outputs = plan.tensors[plan.output].shape[3];
  model.output_kind = plan.output_kind;
  model.classes = static_cast<int>(score_count(static_cast<size_t>(model.outputs)));
  apply_run_options(options, model);
  auto program =
      Program::prepare(std::move(plan), options.isa, options.most_memory, options.depth_first);
  if (!program) return program.error();
  model.network = std::move(*program);
  return model;
}

Result<std::vector<Model>> open_models(const std::vector<std::string>& paths,
                                       const ModelOptions& options) {
  ModelOptions one = options;
  one.beside_float = paths.size() > 1;
  std::vector<Model> models;
  for (const std::string& path : paths) {
    auto model = open_model(path, one);
    if (!model) return model.error();
    models.push_back(std::move(*model));
  }
  const bool all_plans =
      std::none_of(models.begin(), models.end(), [](const Model& m) { return m.is_float(); });
  if (all_plans && !paths.empty()) {
    if (const Status possible = refuse_float_options(options, paths.front()); !possible) {
      return possible.error();
    }
  }
  return models;
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
