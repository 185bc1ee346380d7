// Latency: how long one frame takes, and how many frames a second several one-thread
// sessions give at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "image/image.h"
#include "model/model.h"

namespace octavo {

// Milliseconds. Percentiles by nearest rank: the smallest sample that at least p % of
// all do not exceed.
struct Latency {
  double mean = 0, p50 = 0, p90 = 0, p95 = 0, p99 = 0, min = 0, max = 0, std = 0;
  int64_t frames = 0;
};
Latency summarize(std::span<const double> samples_ms);  // at least one sample

struct LatencyOptions {
  double seconds = 2;  // to measure, of each run
  int64_t frames = 0;  // instead of seconds, if above 0
  double warmup_seconds = 0.3;
  double frames_per_second = 0;  // above 0: a frame is due every 1/fps; late ones are counted
};

struct LatencyRun {
  Latency ms;
  double fps = 0;        // all streams together
  int64_t missed = 0;    // deadlines, with frames_per_second
  double jitter_ms = 0;  // standard deviation of the start against its due time
};

// `frame` runs one frame on stream s (0..streams-1); each stream has a thread of its own.
using FrameFunction = std::function<Status(int stream)>;
Result<LatencyRun> measure_latency(const FrameFunction& frame, int streams,
                                   const LatencyOptions& options);

struct LatencySetting {
  int threads = 1;  // of one frame
  int streams = 1;  // of frames at once, each with a session of its own
};
// Frames of noise or, end to end, of a file that is read, decoded and preprocessed for each frame.
Result<LatencyRun> measure_model(const Model& model, const LatencySetting& setting,
                                 const std::optional<PictureSource>& file,
                                 const LatencyOptions& options);

// Of each step of a plan, the median microseconds over many frames of noise, in a pass of its own:
// reading the clock at every step makes the whole slower.
Result<std::vector<double>> median_step_times(const Model& plan, int threads);

// Milliseconds of a picture of the model, in a third of a second.
Result<double> median_frame_ms(const Model& model, int threads);

}  // namespace octavo
