#include "evaluate/latency.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <new>
#include <random>
#include <system_error>
#include <thread>

#include "base/memory_error.h"
#include "base/text.h"
#include "model/input.h"

namespace octavo {

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

struct Stream {
  std::vector<double> ms, lateness_ms;
  int64_t missed = 0;
  Status status;
};

Clock::duration duration_of(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

// One stream until its time or its frames are up.
void run_stream(const FrameFunction& frame, int index, const LatencyOptions& options,
                std::atomic<bool>& failed, Stream& stream) {
  const auto warm_until = Clock::now() + duration_of(options.warmup_seconds);
  do {
    stream.status = frame(index);
    if (!stream.status || failed) return;
  } while (Clock::now() < warm_until);

  const auto start = Clock::now();
  const auto end = start + duration_of(options.seconds);
  const auto period = options.frames_per_second > 0 ? duration_of(1 / options.frames_per_second)
                                                    : Clock::duration{};
  for (int64_t i = 0; options.frames > 0 ? i < options.frames : Clock::now() < end; ++i) {
    const auto due = start + period * i;
    if (options.frames_per_second > 0) std::this_thread::sleep_until(due);
    const auto before = Clock::now();
    stream.status = frame(index);
    const auto after = Clock::now();
    if (!stream.status || failed) return;
    stream.ms.push_back(milliseconds(after - before));
    if (options.frames_per_second > 0) {
      stream.lateness_ms.push_back(milliseconds(before - due));
      stream.missed += after > due + period;
    }
  }
}

NetworkInput noise(const Model& model) {
  const size_t count = static_cast<size_t>(model.input[0]) * model.input[1] * model.input[2];
  std::minstd_rand random(1);
  NetworkInput input;
  if (model.picture_input) {
    input.pixels.resize(count);
    for (uint8_t& pixel : input.pixels) pixel = static_cast<uint8_t>(random() >> 8);
  } else {
    input.values.resize(count);
    for (float& value : input.values) value = static_cast<float>(random() % 2001) / 1000.0f - 1;
  }
  return input;
}

}  // namespace

Latency summarize(std::span<const double> samples_ms) {
  std::vector<double> sorted(samples_ms.begin(), samples_ms.end());
  std::sort(sorted.begin(), sorted.end());
  const auto n = static_cast<double>(sorted.size());
  const auto rank = [&](double p) {
    const auto index = static_cast<size_t>(std::max(1.0, std::ceil(p / 100 * n))) - 1;
    return sorted[std::min(index, sorted.size() - 1)];
  };
  Latency out;
  double sum = 0, squares = 0;
  for (const double ms : sorted) sum += ms;
  out.mean = sum / n;
  for (const double ms : sorted) squares += (ms - out.mean) * (ms - out.mean);
  out.std = sorted.size() > 1 ? std::sqrt(squares / (n - 1)) : 0;
  out.p50 = rank(50);
  out.p90 = rank(90);
  out.p95 = rank(95);
  out.p99 = rank(99);
  out.min = sorted.front();
  out.max = sorted.back();
  out.frames = static_cast<int64_t>(sorted.size());
  return out;
}

Result<LatencyRun> measure_latency(const FrameFunction& frame, int streams,
                                   const LatencyOptions& options) {
  std::vector<Stream> all(static_cast<size_t>(streams));
  std::atomic<bool> failed{false};
  const auto work = [&](int index) {
    run_stream(frame, index, options, failed, all[static_cast<size_t>(index)]);
    if (!all[static_cast<size_t>(index)].status) failed = true;
  };
  // What a frame throws must not leave its thread, nor the others unjoined.
  const auto guarded = [&](int index) noexcept {
    Stream& stream = all[static_cast<size_t>(index)];
    try {
      work(index);
    } catch (const std::bad_alloc&) {
      stream.status = out_of_memory();
      failed = true;
    }
  };
  std::vector<std::thread> threads;
  Status started;
  try {
    for (int s = 1; s < streams; ++s) threads.emplace_back(guarded, s);
  } catch (const std::system_error& error) {
    failed = true;
    started = unsupported(concat("cannot start ", streams, " streams, each a thread: ",
                                 error.code().message(), "; fewer --streams need less"));
  }
  if (started) guarded(0);
  for (std::thread& thread : threads) thread.join();
  if (!started) return started.error();

  LatencyRun run;
  std::vector<double> ms, lateness;
  for (const Stream& stream : all) {
    if (!stream.status) return stream.status.error();
    double busy = 0;
    for (const double one : stream.ms) busy += one;
    if (busy > 0) run.fps += 1e3 * static_cast<double>(stream.ms.size()) / busy;
    ms.insert(ms.end(), stream.ms.begin(), stream.ms.end());
    lateness.insert(lateness.end(), stream.lateness_ms.begin(), stream.lateness_ms.end());
    run.missed += stream.missed;
  }
  if (ms.empty()) return usage_error("nothing was measured: more --seconds or --frames are needed");
  run.ms = summarize(ms);
  if (!lateness.empty()) run.jitter_ms = summarize(lateness).std;
  return run;
}

Result<LatencyRun> measure_model(const Model& model, const LatencySetting& setting,
                                 const std::optional<PictureSource>& file,
                                 const LatencyOptions& options) {
  struct Worker {
    Classifier classifier;
    std::vector<float> logits;
  };
  std::vector<Worker> workers;
  for (int s = 0; s < setting.streams; ++s) {
    auto classifier = make_classifier(model, setting.threads);
    if (!classifier) return classifier.error();
    workers.push_back(
        {std::move(*classifier), std::vector<float>(static_cast<size_t>(model.outputs))});
  }
  const NetworkInput unchanging = noise(model);
  const FrameFunction frame = [&](int stream) -> Status {
    Worker& worker = workers[static_cast<size_t>(stream)];
    if (!file) return classify(worker.classifier, unchanging, worker.logits);
    const auto input = load_network_input(model, *file);
    if (!input) return input.error();
    return classify(worker.classifier, *input, worker.logits);
  };
  return measure_latency(frame, setting.streams, options);
}

Result<std::vector<double>> median_step_times(const Model& model, int threads) {
  const Plan& plan = model.program()->plan();
  auto session = Session::create(model.program(), {.threads = threads, .wait = model.wait});
  if (!session) return session.error();
  std::vector<float> logits(static_cast<size_t>(model.outputs));
  constexpr size_t frames = 51;
  std::vector<std::vector<uint64_t>> ns(plan.steps.size());
  const std::vector<std::byte> bytes = golden_input(plan, 1);
  for (size_t f = 0; f < frames; ++f) {
    std::vector<uint64_t> step_ns(plan.steps.size(), 0);
    if (const Status ran = (*session)->run_timed(bytes, logits, step_ns); !ran) return ran.error();
    for (size_t i = 0; i < step_ns.size(); ++i) ns[i].push_back(step_ns[i]);
  }
  std::vector<double> us;
  for (std::vector<uint64_t>& of_step : ns) {
    std::nth_element(of_step.begin(), of_step.begin() + frames / 2, of_step.end());
    us.push_back(static_cast<double>(of_step[frames / 2]) / 1e3);
  }
  return us;
}

Result<double> median_frame_ms(const Model& model, int threads) {
  LatencyOptions options;
  options.seconds = 0.3;
  options.warmup_seconds = 0.05;
  const auto run = measure_model(model, {.threads = threads}, std::nullopt, options);
  if (!run) return run.error();
  return run->ms.p50;
}

}  // namespace octavo
