// Frames of a source through whatever classifies them: one thread waits for frames, the caller's
// classifies the newest. Frames of a live source that come while it is busy are late and dropped;
// of others each is classified.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "plan/preprocess.h"
#include "stream/frame_source.h"

namespace octavo {

// The network's input: the frame, or the picture that its JPEG holds, preprocessed. `rejected`: it
// cannot be one.
Status preprocess(const StreamFrame& frame, const Preprocess& how, std::span<uint8_t> out);

struct StreamOptions {
  int64_t frames = 0;  // of the source, after which the stream ends; 0: without end
  const std::atomic<bool>* stop = nullptr;  // set by an interrupt: the end is Error `interrupted`
};

struct StreamReport {
  int64_t classified = 0;
  int64_t dropped = 0;  // late, or lost by the camera's driver because no buffer was free
  int64_t damaged = 0;
  std::string damage{};  // of the first damaged frame
  double seconds = 0;    // from the first frame to the last answer
  std::vector<double>
      latency_ms;  // of the last 65536 answers, from a frame's arrival on; unordered
  Status end;      // why there was no further frame; success at the source's end

  int64_t frames() const { return classified + dropped + damaged; }
  double frames_per_second() const {
    return seconds > 0 ? static_cast<double>(classified) / seconds : 0;
  }
};

// Classifies a frame and does with the answer what is to be done. `rejected`: the frame is damaged,
// the stream goes on; other Errors end it.
using AnswerFrame = std::function<Status(const StreamFrame& frame)>;

// Errors are in the report, beside what was done until then.
StreamReport run_stream(FrameSource& source, const StreamOptions& options,
                        const AnswerFrame& answer);

}  // namespace octavo
