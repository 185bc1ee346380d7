#include "stream/stream.h"

#include <new>
#include <system_error>
#include <thread>

#include "base/memory_error.h"
#include "base/text.h"
#include "stream/mailbox.h"

namespace octavo {

namespace {

using stream::Mailbox;

constexpr size_t most_latencies = 1 << 16;

// What the reading thread works with; it alone writes `dropped` until it is joined.
struct Reader {
  explicit Reader(FrameSource& from) : source(from) {}

  FrameSource& source;
  Mailbox box;
  std::atomic<bool> stop{false};
  int64_t dropped = 0;
};

// Hands the frame on, or counts it where it comes too late.
void hand_on(Reader& reader, StreamFrame frame) {
  if (const auto late = reader.source.is_live()
                            ? reader.box.replace(std::move(frame))
                            : reader.box.append(std::move(frame), reader.stop)) {
    reader.dropped += reader.source.is_live();
    reader.source.give_back(*late);
  }
}

Status read_frames(Reader& reader, int64_t most) {
  int64_t expected = 0;
  while (!reader.stop && (most == 0 || expected < most)) {
    auto frame = reader.source.next(reader.stop);
    if (!frame) return frame.error();
    if (!*frame) break;
    reader.dropped += (*frame)->index - expected;  // lost in front of it
    expected = (*frame)->index + 1;
    hand_on(reader, **std::move(frame));
  }
  return {};
}

// What the source throws must not leave its thread.
void read_to_the_end(Reader& reader, int64_t most) noexcept {
  try {
    reader.box.close(read_frames(reader, most));
  } catch (const std::bad_alloc&) {
    reader.box.close(out_of_memory());
  }
}

double milliseconds(StreamClock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

void keep_latency(StreamReport& report, double ms) {
  if (report.latency_ms.size() < most_latencies) {
    report.latency_ms.push_back(ms);
  } else {
    report.latency_ms[static_cast<size_t>(report.classified) % most_latencies] = ms;
  }
}

Status answer_frame(const StreamFrame& frame, const AnswerFrame& answer, StreamReport& report) {
  const Status answered = frame.damage.empty() ? answer(frame) : Status(rejected(frame.damage));
  if (answered) {
    ++report.classified;
    return {};
  }
  if (answered.error().kind != ErrorKind::rejected) return answered;
  if (report.damaged++ == 0) report.damage = answered.error().message;
  return {};
}

// Given back whatever the answer does.
struct Held {
  FrameSource& source;
  const StreamFrame& frame;
  ~Held() { source.give_back(frame); }
};

// Until the box is closed and empty, or an answer fails.
Status answer_frames(Reader& reader, const StreamOptions& options, const AnswerFrame& answer,
                     StreamReport& report) {
  std::optional<StreamClock::time_point> start;
  while (auto frame = reader.box.take(options.stop)) {
    const Held held{reader.source, *frame};
    if (!start) start = frame->arrived;
    // A frame that waited because its source does not is no older for that.
    const auto arrived = reader.source.is_live() ? frame->arrived : StreamClock::now();
    const int64_t classified = report.classified;
    const Status done = answer_frame(*frame, answer, report);
    const auto now = StreamClock::now();
    if (!done) return done;
    if (report.classified > classified) keep_latency(report, milliseconds(now - arrived));
    report.seconds = std::chrono::duration<double>(now - *start).count();
  }
  if (options.stop != nullptr && *options.stop) {
    return Error{ErrorKind::interrupted, "interrupted"};
  }
  return reader.box.end();
}

}  // namespace

Status preprocess(const StreamFrame& frame, const Preprocess& how, std::span<uint8_t> out) {
  if (const auto* raw = std::get_if<Frame>(&frame.content)) return preprocess(*raw, how, out);
  const auto picture = decode_picture(std::get<std::span<const std::byte>>(frame.content), false);
  return picture ? preprocess(*picture, how, out) : Status(picture.error());
}

StreamReport run_stream(FrameSource& source, const StreamOptions& options,
                        const AnswerFrame& answer) {
  Reader reader(source);
  StreamReport report;
  report.latency_ms.reserve(most_latencies);
  // Joins before `reader` goes, also where an answer throws.
  struct Joined {
    Reader& reader;
    std::thread thread{};
    ~Joined() {
      reader.stop = true;
      if (!thread.joinable()) return;
      thread.join();
      if (const auto left = reader.box.take(nullptr)) reader.source.give_back(*left);
    }
  };
  {
    Joined reading{reader};
    try {
      reading.thread = std::thread(read_to_the_end, std::ref(reader), options.frames);
    } catch (const std::system_error& error) {
      report.end = unsupported(concat("cannot start a thread: ", error.code().message()));
      return report;
    }
    report.end = answer_frames(reader, options, answer, report);
  }
  report.dropped = reader.dropped;
  return report;
}

}  // namespace octavo
