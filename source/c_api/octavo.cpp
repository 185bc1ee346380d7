// The C face of the runtime: no exception, no C++ type crosses it.

#include "octavo/octavo.h"

#include <algorithm>
#include <exception>
#include <initializer_list>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "image/image.h"
#include "plan/plan.h"
#include "runtime/program.h"

struct octavo_plan {
  std::shared_ptr<const octavo::Program> program;
};

struct octavo_session {
  std::unique_ptr<octavo::Session> session;
  std::vector<uint8_t> pixels;  // the preprocessed picture
};

namespace {

using namespace octavo;

// Of the thread's last call. An array, so that running out of memory can be told too.
thread_local char last_error[1024] = "";

void remember(std::string_view message) {
  const size_t length = std::min(message.size(), sizeof last_error - 1);
  last_error[message.copy(last_error, length)] = '\0';
}

octavo_status report(ErrorKind kind, std::string_view message) {
  remember(message);
  switch (kind) {
    case ErrorKind::usage:
      return OCTAVO_USAGE;
    case ErrorKind::rejected:
      return OCTAVO_REJECTED;
    case ErrorKind::unsupported:
      return OCTAVO_UNSUPPORTED;
    default:
      return OCTAVO_FAILED;
  }
}

octavo_status report(const Status& status) {
  return status ? OCTAVO_OK : report(status.error().kind, status.error().message);
}

// Runs `body`, turning an exception of the standard library (memory) into a status.
template <class Body>
octavo_status guarded(const Body& body) noexcept {
  remember("");
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return report(ErrorKind::unsupported, "out of memory");
  } catch (const std::exception& error) {
    return report(ErrorKind::failed, error.what());
  } catch (...) {
    return report(ErrorKind::failed, "a fault inside Octavo");
  }
}

octavo_status prepare(Result<Plan> plan, const char* isa, octavo_plan** out) {
  if (!plan) return report(plan.error().kind, plan.error().message);
  auto program = Program::prepare(std::move(*plan), isa == nullptr ? "" : isa);
  if (!program) return report(program.error().kind, program.error().message);
  *out = new octavo_plan{std::move(*program)};
  return OCTAVO_OK;
}

const PlanTensor& input_tensor(const Plan& plan) {
  return plan.tensors[plan.input];
}

// The first of the arguments that is NULL; nullptr where none is.
struct Argument {
  const char* name;
  const void* pointer;
};
const char* missing(std::initializer_list<Argument> arguments) {
  for (const Argument& argument : arguments) {
    if (argument.pointer == nullptr) return argument.name;
  }
  return nullptr;
}

octavo_status refuse_null(const char* name) {
  return report(ErrorKind::usage, concat(name, " is a null pointer"));
}

Result<Frame> to_frame(const octavo_frame& frame) {
  if (frame.format < OCTAVO_NV12 || frame.format > OCTAVO_GRAY8) {
    return usage_error(concat("unknown frame format ", static_cast<int>(frame.format)));
  }
  Frame out;
  out.format = static_cast<FrameFormat>(frame.format);
  out.width = frame.width;
  out.height = frame.height;
  out.range = frame.video_range != 0 ? YuvRange::video : YuvRange::full;
  out.matrix = frame.bt709 != 0 ? YuvMatrix::bt709 : YuvMatrix::bt601;
  if (frame.width < 1 || frame.height < 1 || frame.width > 65536 || frame.height > 65536) {
    return usage_error(
        concat("a frame of ", frame.width, "x", frame.height, " is outside 1..65536"));
  }
  for (size_t p = 0; p < 3; ++p) {
    if (frame.plane[p] == nullptr) continue;
    const int64_t stride = frame.stride[p];
    if (stride < 1 || stride > int64_t{1} << 20) {
      return usage_error(concat("plane ", p, " has a stride of ", stride, " bytes"));
    }
    const bool halved =
        p > 0 && (out.format == FrameFormat::nv12 || out.format == FrameFormat::i420);
    const int64_t rows = halved ? frame.height / 2 : frame.height;
    // The caller vouches for whole rows but the last one's padding.
    const int64_t bytes_a_pixel =
        out.format == FrameFormat::yuyv                                        ? 2
        : out.format == FrameFormat::rgb24 || out.format == FrameFormat::bgr24 ? 3
                                                                               : 1;
    const int64_t row =
        out.format == FrameFormat::i420 && p > 0 ? frame.width / 2 : frame.width * bytes_a_pixel;
    if (stride < row)
      return usage_error(
          concat("plane ", p, " has a stride of ", stride, " bytes, a row needs ", row));
    out.planes[p] = {frame.plane[p], static_cast<size_t>((rows - 1) * stride + row)};
    out.strides[p] = stride;
  }
  return out;
}

octavo_status run_pixels(octavo_session& session, float* logits, size_t classes) {
  return report(session.session->run(std::as_bytes(std::span<const uint8_t>(session.pixels)),
                                     {logits, classes}));
}

}  // namespace

const char* octavo_version(void) {
  return OCTAVO_VERSION;
}

const char* octavo_last_error(void) {
  return last_error;
}

octavo_status octavo_plan_load(const char* path, const char* isa, octavo_plan** plan) {
  return guarded([&] {
    if (plan != nullptr) *plan = nullptr;
    if (const char* name = missing({{"path", path}, {"plan", plan}})) return refuse_null(name);
    return prepare(read_plan(path), isa, plan);
  });
}

octavo_status octavo_plan_load_memory(const void* bytes, size_t size, const char* isa,
                                      octavo_plan** plan) {
  return guarded([&] {
    if (plan != nullptr) *plan = nullptr;
    if (const char* name = missing({{"bytes", bytes}, {"plan", plan}})) return refuse_null(name);
    return prepare(deserialize({static_cast<const std::byte*>(bytes), size}), isa, plan);
  });
}

void octavo_plan_free(octavo_plan* plan) {
  delete plan;
}

int32_t octavo_plan_classes(const octavo_plan* plan) {
  if (plan == nullptr) return 0;
  const Plan& p = plan->program->plan();
  return p.tensors[p.output].shape[3];
}

void octavo_plan_input_shape(const octavo_plan* plan, int32_t shape[3]) {
  if (shape == nullptr) return;
  std::fill_n(shape, 3, 0);
  if (plan == nullptr) return;
  const PlanTensor& input = input_tensor(plan->program->plan());
  for (size_t i = 0; i < 3; ++i) shape[i] = input.shape[i + 1];
}

const char* octavo_plan_label(const octavo_plan* plan, int32_t index) {
  if (plan == nullptr) return nullptr;
  const std::vector<std::string>& labels = plan->program->plan().labels;
  if (index < 0 || static_cast<size_t>(index) >= labels.size()) return nullptr;
  return labels[static_cast<size_t>(index)].c_str();
}

octavo_status octavo_session_create(const octavo_plan* plan, int32_t threads,
                                    octavo_session** session) {
  return guarded([&] {
    if (session != nullptr) *session = nullptr;
    if (const char* name = missing({{"plan", plan}, {"session", session}})) {
      return refuse_null(name);
    }
    auto created = Session::create(plan->program, threads);
    if (!created) return report(created.error().kind, created.error().message);
    auto out = std::make_unique<octavo_session>();
    out->session = std::move(*created);
    const PlanTensor& input = input_tensor(plan->program->plan());
    if (plan->program->plan().picture_input) {
      out->pixels.resize(static_cast<size_t>(input.shape[1]) * input.shape[2] * input.shape[3]);
    }
    *session = out.release();
    return OCTAVO_OK;
  });
}

void octavo_session_free(octavo_session* session) {
  delete session;
}

octavo_status octavo_run_pixels(octavo_session* session, const uint8_t* pixels, size_t size,
                                float* logits, size_t classes) {
  return guarded([&] {
    if (const char* name =
            missing({{"session", session}, {"pixels", pixels}, {"logits", logits}})) {
      return refuse_null(name);
    }
    return report(session->session->run(std::as_bytes(std::span(pixels, size)), {logits, classes}));
  });
}

octavo_status octavo_run_values(octavo_session* session, const float* values, size_t count,
                                float* logits, size_t classes) {
  return guarded([&] {
    if (const char* name =
            missing({{"session", session}, {"values", values}, {"logits", logits}})) {
      return refuse_null(name);
    }
    return report(session->session->run_float({values, count}, {logits, classes}));
  });
}

octavo_status octavo_run_frame(octavo_session* session, const octavo_frame* frame, float* logits,
                               size_t classes) {
  return guarded([&] {
    if (const char* name = missing({{"session", session}, {"frame", frame}, {"logits", logits}})) {
      return refuse_null(name);
    }
    const Plan& plan = session->session->program().plan();
    if (!plan.picture_input) return report(ErrorKind::usage, "this plan is not fed pictures");
    auto converted = to_frame(*frame);
    if (!converted) return report(converted.error().kind, converted.error().message);
    const Status done = preprocess(*converted, plan.preprocess, session->pixels);
    return done ? run_pixels(*session, logits, classes) : report(done);
  });
}

octavo_status octavo_run_picture(octavo_session* session, const void* bytes, size_t size,
                                 float* logits, size_t classes) {
  return guarded([&] {
    if (const char* name = missing({{"session", session}, {"bytes", bytes}, {"logits", logits}})) {
      return refuse_null(name);
    }
    const Plan& plan = session->session->program().plan();
    if (!plan.picture_input) return report(ErrorKind::usage, "this plan is not fed pictures");
    auto picture =
        decode_picture({static_cast<const std::byte*>(bytes), size}, plan.preprocess.exif_rotate);
    if (!picture) return report(picture.error().kind, picture.error().message);
    const Status done = preprocess(*picture, plan.preprocess, session->pixels);
    return done ? run_pixels(*session, logits, classes) : report(done);
  });
}

int32_t octavo_top_scores(const float* logits, size_t classes, int32_t k, octavo_score* scores) {
  int32_t written = 0;
  guarded([&] {
    if (const char* name = missing({{"logits", logits}, {"scores", scores}})) {
      return refuse_null(name);
    }
    if (k < 1 || classes < 1) return report(ErrorKind::usage, "no scores are asked for");
    for (const Score& score : top_scores({logits, classes}, k)) {
      scores[written++] = {score.index, score.score, score.logit};
    }
    return OCTAVO_OK;
  });
  return written;
}
