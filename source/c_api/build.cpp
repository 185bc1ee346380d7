// The C face of a build: no exception, no C++ type crosses it.
#include "c_api/build.h"

#include "c_api/handles.h"
#include "pipeline/sha256.h"

using namespace octavo;
using namespace octavo::c_api;

namespace {

// Sentences with the pointers that C reads them by. Never moved after `point`.
struct Sentences {
  std::vector<std::string> texts;
  std::vector<const char*> pointers;

  void point() {
    for (const std::string& text : texts) pointers.push_back(text.c_str());
  }
};

}  // namespace

struct octavo_built {
  std::vector<std::byte> plan;
  std::string sha256, missed;
  size_t model_bytes = 0;
  int32_t pictures = 0, made_pictures = 0, classes_seen = 0;
  bool calibration_kept = false;
  double seconds = 0;
  Sentences notes, warnings, unreadable;
};

namespace {

Result<std::unique_ptr<octavo_built>> to_built(const BuildResult& result,
                                               std::vector<std::string> notes) {
  auto out = std::make_unique<octavo_built>();
  out->plan = serialize(result.plan);
  auto sha256 = sha256_hex(out->plan);
  if (!sha256) return sha256.error();
  out->sha256 = std::move(*sha256);
  out->model_bytes = result.model_bytes;
  out->pictures = static_cast<int32_t>(result.pictures);
  out->made_pictures = result.synthetic ? out->pictures : 0;
  out->classes_seen = static_cast<int32_t>(result.classes_seen);
  out->calibration_kept = result.calibration_kept;
  out->seconds = result.seconds;
  if (result.search) out->missed = result.search->missed;
  out->notes.texts = std::move(notes);
  out->notes.texts.insert(out->notes.texts.end(), result.notes.begin(), result.notes.end());
  out->warnings.texts = result.warnings;
  out->unreadable.texts = result.unreadable;
  for (Sentences* sentences : {&out->notes, &out->warnings, &out->unreadable}) sentences->point();
  return out;
}

octavo_status build(const octavo_build_options* given, octavo_built** built) {
  if (built != nullptr) *built = nullptr;
  if (const char* name = missing({{"options", given}, {"built", built}})) return refuse_null(name);
  const auto known = known_fields(given, "octavo_build_options");
  if (!known) return report(known.error());
  auto request = to_request(*known);
  if (!request) return report(request.error());
  Callbacks callbacks(*known);
  callbacks.attach(request->build);
  auto result = build_plan(request->model, request->build);
  if (callbacks.gave_up()) return report(*callbacks.gave_up());
  if (!result) return report(result.error());
  if (callbacks.stopped()) return report(ErrorKind::interrupted, "interrupted");
  auto made = to_built(*result, std::move(request->notes));
  if (!made) return report(made.error());
  if (!request->output.empty()) {
    const Status written = write_plan(result->plan, request->output, request->overwrite);
    if (!written) return report(written);
  }
  *built = made->release();
  if ((*built)->missed.empty()) return OCTAVO_OK;
  return report(ErrorKind::gate_missed, (*built)->missed);
}

octavo_built_info describe(const octavo_built& built) {
  octavo_built_info out = {};
  out.plan = built.plan.data();
  out.plan_bytes = built.plan.size();
  out.sha256 = built.sha256.c_str();
  out.model_bytes = built.model_bytes;
  out.pictures = built.pictures;
  out.made_pictures = built.made_pictures;
  out.classes_seen = built.classes_seen;
  out.calibration_kept = built.calibration_kept;
  out.seconds = built.seconds;
  out.missed = built.missed.c_str();
  out.notes = built.notes.pointers.data();
  out.note_count = built.notes.pointers.size();
  out.warnings = built.warnings.pointers.data();
  out.warning_count = built.warnings.pointers.size();
  out.unreadable = built.unreadable.pointers.data();
  out.unreadable_count = built.unreadable.pointers.size();
  return out;
}

}  // namespace

octavo_status octavo_build(const octavo_build_options* options, octavo_built** built) {
  return guarded([&] { return build(options, built); });
}

void octavo_built_free(octavo_built* built) {
  delete built;
}

const char* octavo_build_last_error(void) {
  return octavo_last_error();
}

octavo_status octavo_built_describe(const octavo_built* built, octavo_built_info* info) {
  return guarded([&] {
    if (const char* name = missing({{"built", built}, {"info", info}})) return refuse_null(name);
    return report(give_fields(describe(*built), info, "octavo_built_info"));
  });
}
