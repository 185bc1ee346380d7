// octavo stream SOURCE MODEL: what a camera, a file or a pipe shows, frame by frame.

#include <fmt/core.h>

#include <limits>

#include "base/text.h"
#include "command/answers.h"
#include "command/flags.h"
#include "command/print.h"
#include "evaluate/latency.h"
#include "stream/stream.h"

namespace octavo::command {

namespace {

struct Options {
  std::string source, model, format, size, labels;
  double lines_per_second = 4, frames_per_second = 0;
  int64_t frames = 0;
  ScoreFlags scores{.top = 1};
  ColorFlags colors;
  ModelFlags flags;
  Output output;
};

std::vector<std::pair<std::string, StreamFormat>> formats() {
  std::vector<std::pair<std::string, StreamFormat>> named;
  for (const StreamFormat format :
       {StreamFormat(FrameFormat::nv12), StreamFormat(FrameFormat::i420),
        StreamFormat(FrameFormat::yuyv), StreamFormat(FrameFormat::rgb24),
        StreamFormat(FrameFormat::bgr24), StreamFormat(FrameFormat::gray8),
        StreamFormat(JpegFrames{})}) {
    named.emplace_back(stream_format_name(format), format);
  }
  return named;
}

// --format and --size, or what the source itself says as FILE.nv12:WxH.
Result<SourceWish> wish_of(const Options& options) {
  SourceWish wish;
  wish.path = options.source;
  wish.frames_per_second = options.frames_per_second;
  if (options.source.empty()) return usage_error("SOURCE is empty");
  if (!options.format.empty()) {
    const auto format = choose<StreamFormat>("--format", options.format, formats());
    if (!format) return format.error();
    wish.format = *format;
  }
  if (!options.size.empty()) {
    wish.size = parse_frame_size(options.size);
    if (!wish.size) {
      return usage_error(
          concat("--size ", quoted(options.size), ": WxH is needed, for example 640x480"));
    }
  } else if (const auto named = parse_source(options.source); named && named->is_frame) {
    wish.path = named->path;
    wish.size = {named->width, named->height};
    if (!wish.format) wish.format = named->format;
  }
  const auto range = options.colors.parse_range();
  if (!range) return range.error();
  wish.range = *range;
  const auto matrix = options.colors.parse_matrix();
  if (!matrix) return matrix.error();
  wish.matrix = *matrix;
  return wish;
}

// Prints an answer where the last one is long enough ago.
class Printer {
 public:
  Printer(const Options& options, const Model& model) : options_(options), model_(model) {}

  Status print(const StreamFrame& frame, std::span<const float> logits) {
    const auto now = StreamClock::now();
    if (!first_) first_ = frame.arrived;
    if (now < next_) return {};
    if (options_.lines_per_second > 0) next_ = now + period();
    const double seconds = std::chrono::duration<double>(frame.arrived - *first_).count();
    const auto scores = options_.scores.shown(model_, logits);
    if (options_.output.json) {
      print_json_line(
          {{"frame", frame.index}, {"seconds", seconds}, {"top", scores_json(model_, scores)}});
    } else {
      print_out("{}\n", line(frame.index, seconds, scores));
    }
    if (flush_out()) return {};
    return failed("standard output takes no more answers");
  }

 private:
  StreamClock::duration period() const {
    return std::chrono::duration_cast<StreamClock::duration>(
        std::chrono::duration<double>(1 / options_.lines_per_second));
  }
  std::string line(int64_t frame, double seconds, const std::vector<Score>& scores) const {
    std::string text;
    for (const Score& score : scores) {
      text += fmt::format("{}{}: {:.4f}", text.empty() ? "" : ", ",
                          printable(label_of(model_, score.index)), score.score);
    }
    return fmt::format("{:8.3f} s  frame {:<6} {}", seconds, frame, text);
  }

  const Options& options_;
  const Model& model_;
  std::optional<StreamClock::time_point> first_;
  StreamClock::time_point next_{};
};

void print_summary(const StreamReport& report, const Output& output) {
  const Latency ms = report.latency_ms.empty() ? Latency{} : summarize(report.latency_ms);
  if (output.json) {
    print_json_line(
        {{"summary",
          {{"frames", report.frames()},
           {"classified", report.classified},
           {"dropped", report.dropped},
           {"damaged", report.damaged},
           {"seconds", report.seconds},
           {"fps", report.frames_per_second()},
           {"latency_ms", {{"p50", ms.p50}, {"p90", ms.p90}, {"p99", ms.p99}, {"max", ms.max}}}}}});
    return;
  }
  if (output.quiet) return;
  print_out(
      "{} frames in {:.1f} s: {} classified, {} dropped, {} damaged; {:.1f} frames/s; latency "
      "{:.1f} ms (median), {:.1f} (99 %), {:.1f} (longest)\n",
      report.frames(), report.seconds, report.classified, report.dropped, report.damaged,
      report.frames_per_second(), ms.p50, ms.p99, ms.max);
}

Result<Model> open_picture_model(const Options& options) {
  auto model_options = options.flags.parse();
  if (!model_options) return model_options.error();
  auto model = open_model(options.model, *model_options);
  if (!model) return model.error();
  if (!model->picture_input) {
    return rejected(concat(quoted(options.model),
                           ": this network is not fed pictures but .npy "
                           "tensors; frames are none"));
  }
  for (const std::string& text : model->notes) note(options.output, text);
  if (const Status named = name_classes(*model, options.labels, options.output); !named) {
    return named.error();
  }
  return model;
}

int run(const Options& options) {
  const auto wish = wish_of(options);
  if (!wish) return fail(wish.error());
  const auto model = open_picture_model(options);
  if (!model) return fail(model.error());
  const auto classifier =
      make_classifier(*model, options.flags.threads > 0 ? options.flags.threads : 1);
  if (!classifier) return fail(classifier.error());
  const auto source = open_frame_source(*wish);
  if (!source) return fail(source.error());
  note(options.output, concat(quoted(wish->path), ": ", (*source)->description()));

  std::vector<uint8_t> pixels(static_cast<size_t>(model->input[0]) * model->input[1] *
                              model->input[2]);
  std::vector<float> logits(static_cast<size_t>(model->outputs));
  Printer printer(options, *model);
  const AnswerFrame answer = [&](const StreamFrame& frame) -> Status {
    if (const Status shown = preprocess(frame, model->preprocess, pixels); !shown) return shown;
    if (const Status ran = classifier->pixels(pixels, logits); !ran) return ran;
    return printer.print(frame, logits);
  };
  interruptible();
  const StreamReport report =
      run_stream(**source, {.frames = options.frames, .stop = &interrupted}, answer);
  if (report.damaged > 0) {
    warning(options.output,
            concat(report.damaged, " of ", report.frames(),
                   " frames were damaged and left out; of the first: ", report.damage));
  }
  print_summary(report, options.output);
  if (!report.end) return fail(report.end.error());
  if (report.classified == 0 && report.damaged > 0) {
    return fail(
        rejected(concat(quoted(wish->path), ": no frame could be classified: ", report.damage)));
  }
  return exit_done;
}

}  // namespace

void add_stream(CLI::App& program, Action& action) {
  const auto o = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("stream", "what a camera, a file or a pipe of frames shows");
  command->example("octavo stream clip.nv12:64x48 model.octavo --fps 30");
  command
      ->add_option("SOURCE", o->source,
                   "a V4L2 device, or raw frames or JPEGs one behind the other: a file, a pipe or "
                   "-, which is standard "
                   "input")
      ->required();
  command->add_option("MODEL", o->model, "a plan (.octavo) or a float model (.onnx)")->required();
  command->add_option("--format", o->format, "of the frames; of a camera, what is asked for")
      ->choices({"nv12", "i420", "yuyv", "rgb24", "bgr24", "gray8", "mjpeg"})
      ->with_default("FILE's extension, or what the camera has");
  o->flags.add(*command);
  for (const char* other : {"--threads", "--size", "--clip", "--strict"}) {
    command->remove_option(other);
  }
  command->add_option("--size", o->size, "of the frames; of a camera, what is asked for")
      ->value("WxH")
      ->with_default("what the camera has");
  o->colors.add(*command, "what the camera says; of raw frames full",
                "what the camera says; of raw frames bt601");
  command
      ->add_option("--fps", o->frames_per_second,
                   "frames a second: a file comes as from a camera, late frames are dropped; a "
                   "camera is asked for it")
      ->check(real_number(0.01, 1000))
      ->value("N")
      ->with_default("a file as fast as it goes, without drops");
  command->add_option("--frames", o->frames, "end after so many frames of the source")
      ->check(whole_number(1, std::numeric_limits<int64_t>::max()))
      ->value("N");
  command->add_option("--rate", o->lines_per_second, "answers printed a second; 0: each")
      ->check(real_number(0, 1000))
      ->value("N")
      ->with_default();
  o->scores.add(*command, "an answer");
  command->add_option("--labels", o->labels, "class names, one a line; or imagenet")->value("FILE");
  command->add_option("--threads", o->flags.threads, "of one frame")
      ->check(whole_number(1, 1024))
      ->value("N")
      ->with_default("1");
  o->flags.add_output_name(*command);
  add_output_flags(*command, o->output);
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace octavo::command
