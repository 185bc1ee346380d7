// Running a session on each kind of input, through the C interface.
#include <string>

#include "c_api/handles.h"
#include "plan/plan.h"

using namespace octavo;
using namespace octavo::c_api;

namespace {

Status run_pixels(octavo_session& session, std::span<const uint8_t> pixels,
                  std::span<float> logits) {
  return session.session->run(std::as_bytes(pixels), logits);
}

// Where the plan is fed pictures: its preprocessing.
Result<const Preprocess*> preprocessing(const octavo_session& session) {
  const Plan& plan = session.session->program().plan();
  if (!plan.picture_input) return usage_error("this plan is not fed pictures");
  return &plan.preprocess;
}

Status run_frame(octavo_session& session, const octavo_frame& frame, std::span<float> logits) {
  const auto how = preprocessing(session);
  if (!how) return how.error();
  const Result<Frame> converted = to_frame(frame);
  if (!converted) return converted.error();
  const Status done = preprocess(*converted, **how, session.pixels);
  return done ? run_pixels(session, session.pixels, logits) : done;
}

Status run_picture(octavo_session& session, std::span<const std::byte> bytes,
                   std::span<float> logits) {
  const auto how = preprocessing(session);
  if (!how) return how.error();
  const Result<Picture> picture = decode_picture(bytes, (*how)->exif_rotate);
  if (!picture) return picture.error();
  const Status done = preprocess(*picture, **how, session.pixels);
  return done ? run_pixels(session, session.pixels, logits) : done;
}

// Calls `body` where no other call of the session runs. Waiting would hide the caller's mistake.
octavo_status exclusively(octavo_session& session, const auto& body) {
  struct Leave {
    std::atomic<bool>& is_used;
    ~Leave() { is_used.store(false, std::memory_order_release); }
  };
  if (session.is_used.exchange(true, std::memory_order_acquire)) {
    return report(ErrorKind::usage,
                  "the session is used by another thread; each thread needs a session of its own");
  }
  const Leave leave{session.is_used};
  return report(body());
}

}  // namespace

namespace octavo::c_api {

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

Status check_one_kind(const octavo_input& input) {
  const int given = (input.pixels != nullptr) + (input.values != nullptr) +
                    (input.frame != nullptr) + (input.picture != nullptr);
  if (given == 1) return {};
  return usage_error(concat("an input has one of pixels, values, frame and picture, not ", given));
}

octavo_status run_input(octavo_session& session, const octavo_input& input, float* logits,
                        size_t classes) {
  if (const Status one = check_one_kind(input); !one) return report(one);
  const std::span<float> out(logits, classes);
  return exclusively(session, [&]() -> Status {
    if (input.pixels != nullptr) return run_pixels(session, {input.pixels, input.count}, out);
    if (input.values != nullptr) {
      return session.session->run_float({input.values, input.count}, out);
    }
    if (input.frame != nullptr) return run_frame(session, *input.frame, out);
    return run_picture(session, {static_cast<const std::byte*>(input.picture), input.count}, out);
  });
}

}  // namespace octavo::c_api

octavo_status octavo_run_pixels(octavo_session* session, const uint8_t* pixels, size_t size,
                                float* logits, size_t classes) {
  return guarded([&] {
    if (const char* name =
            missing({{"session", session}, {"pixels", pixels}, {"logits", logits}})) {
      return refuse_null(name);
    }
    return exclusively(*session, [&] {
      return run_pixels(*session, {pixels, size}, {logits, classes});
    });
  });
}

octavo_status octavo_run_values(octavo_session* session, const float* values, size_t count,
                                float* logits, size_t classes) {
  return guarded([&] {
    if (const char* name =
            missing({{"session", session}, {"values", values}, {"logits", logits}})) {
      return refuse_null(name);
    }
    return exclusively(*session, [&] {
      return session->session->run_float({values, count}, {logits, classes});
    });
  });
}

octavo_status octavo_run_frame(octavo_session* session, const octavo_frame* frame, float* logits,
                               size_t classes) {
  return guarded([&] {
    if (const char* name = missing({{"session", session}, {"frame", frame}, {"logits", logits}})) {
      return refuse_null(name);
    }
    return exclusively(*session, [&] { return run_frame(*session, *frame, {logits, classes}); });
  });
}

octavo_status octavo_run_picture(octavo_session* session, const void* bytes, size_t size,
                                 float* logits, size_t classes) {
  return guarded([&] {
    if (const char* name = missing({{"session", session}, {"bytes", bytes}, {"logits", logits}})) {
      return refuse_null(name);
    }
    const std::span content(static_cast<const std::byte*>(bytes), size);
    return exclusively(*session, [&] { return run_picture(*session, content, {logits, classes}); });
  });
}
