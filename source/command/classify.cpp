// octavo classify MODEL INPUT...: the most likely labels of each picture.

#include <fmt/core.h>

#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "command/answers.h"
#include "command/flags.h"
#include "command/outputs.h"
#include "command/print.h"
#include "model/input.h"

namespace octavo::command {

namespace {

struct Options {
  std::string model;
  std::vector<std::string> inputs;
  ModelFlags flags;
  Output output;
  ScoreFlags scores;
  ColorFlags colors;
  std::string logits, labels;
  bool overwrite = false;
};

struct Answer {
  std::string input;
  std::vector<float> logits;
  std::string error{};    // instead
  std::string warning{};  // beside
};

// How the numbers of a YUV frame are meant.
struct FrameColors {
  YuvRange range = YuvRange::full;
  YuvMatrix matrix = YuvMatrix::bt601;
};

Result<FrameColors> parse_colors(const ColorFlags& flags) {
  const auto range = flags.parse_range();
  if (!range) return range.error();
  const auto matrix = flags.parse_matrix();
  if (!matrix) return matrix.error();
  return FrameColors{range->value_or(YuvRange::full), matrix->value_or(YuvMatrix::bt601)};
}

// What other commands read.
Status refuse_other_than_a_file(const std::string& text) {
  if (text == "-") {
    return rejected(
        "'-': pictures are read from files; `octavo stream -` reads frames of standard input");
  }
  std::error_code unknown;
  if (std::filesystem::is_directory(text, unknown)) {
    return rejected(
        concat(quoted(text),
               " is a folder: name pictures in it, or have `octavo eval --data` go through it"));
  }
  return {};
}

// One answer an input: an .npy may hold several. An Error only where it is not these inputs':
// memory that runs out.
Result<std::vector<Answer>> answer_file(const std::string& text, const FrameColors& colors,
                                        const Model& model, const Classifier& classifier) {
  using Answers = std::vector<Answer>;
  const auto refused = [&](const Error& error) -> Result<Answers> {
    if (error.kind == ErrorKind::unsupported) return error;
    return Answers{Answer{text, {}, error.message, {}}};
  };
  if (const Status file = refuse_other_than_a_file(text); !file) return refused(file.error());
  auto source = parse_source(text);
  if (!source) return refused(source.error());
  source->range = colors.range;
  source->matrix = colors.matrix;
  auto inputs = load_network_inputs(model, *source);
  if (!inputs) return refused(inputs.error());
  Answers answers;
  for (size_t i = 0; i < inputs->size(); ++i) {
    Answer answer{text, std::vector<float>(static_cast<size_t>(model.outputs)), "",
                  (*inputs)[i].warning};
    if (inputs->size() > 1) answer.input += concat("[", i, "]");
    if (const Status ran = classify(classifier, (*inputs)[i], answer.logits); !ran) {
      return refused(ran.error());
    }
    answers.push_back(std::move(answer));
  }
  return answers;
}

Json to_json(const Answer& answer, const Model& model, const Options& options) {
  Json out = {{"input", answer.input}};
  if (!answer.error.empty()) {
    out["error"] = answer.error;
    return out;
  }
  if (!answer.warning.empty()) out["warning"] = answer.warning;
  out["top"] = scores_json(model, options.scores.shown(model, answer.logits));
  return out;
}

void print_answer(const Answer& answer, const Model& model, const Options& options) {
  if (!answer.error.empty()) return;
  print_out("{}\n", printable(answer.input));
  int rank = 0;
  for (const Score& score : options.scores.shown(model, answer.logits)) {
    print_out("[{}] {}: {:.4f}\n", rank++, printable(label_of(model, score.index)), score.score);
  }
}

Status save_logits(const Options& options, const Model& model, const std::vector<Answer>& answers) {
  if (options.logits.empty()) return {};
  std::vector<float> values;
  int64_t rows = 0;
  for (const Answer& answer : answers) {
    if (!answer.error.empty()) continue;
    for (const float logit : answer.logits) {
      // A Sigmoid that was taken off belongs to the numbers that the file gives.
      const bool sigmoid = model.output_kind == OutputKind::sigmoids;
      values.push_back(sigmoid ? sigmoid_score(logit) : logit);
    }
    ++rows;
  }
  if (rows == 0) return {};  // an old file with rows is worth more than a new one without
  const int64_t shape[] = {rows, model.outputs};
  return write_file(options.logits, encode_npy(shape, values), options.overwrite);
}

Status check_outputs(const Options& options) {
  std::vector<std::string> inputs = {options.model, options.labels};
  for (const std::string& input : options.inputs) {
    const auto source = parse_source(input);
    inputs.push_back(source ? source->path : input);
  }
  return check_output_file({"--logits", options.logits, options.overwrite}, inputs);
}

int run(const Options& options) {
  auto model_options = options.flags.parse();
  if (!model_options) return fail(model_options.error());
  auto colors = parse_colors(options.colors);
  if (!colors) return fail(colors.error());
  if (const Status possible = check_outputs(options); !possible) return fail(possible.error());
  auto model = open_model(options.model, *model_options);
  if (!model) return fail(model.error());
  for (const std::string& text : model->notes) note(options.output, text);
  if (const Status named = name_classes(*model, options.labels, options.output); !named) {
    return fail(named.error());
  }
  auto classifier = make_classifier(*model, options.flags.threads > 0 ? options.flags.threads : 1);
  if (!classifier) return fail(classifier.error());

  std::vector<Answer> answers;
  size_t unread = 0, warned = 0;
  for (const std::string& input : options.inputs) {
    auto answered = answer_file(input, *colors, *model, *classifier);
    if (!answered) return fail(answered.error());
    for (Answer& answer : *answered) {
      if (!answer.error.empty()) {
        ++unread;
        fail(rejected(answer.error));
      }
      if (!answer.warning.empty()) {
        ++warned;
        warning(options.output, answer.warning);
      }
      if (!options.output.json) print_answer(answer, *model, options);
      answers.push_back(std::move(answer));
    }
  }
  if (warned > 1) {
    warning(options.output, concat(warned, " of ", answers.size(),
                                   " inputs were answered with a "
                                   "warning; --strict refuses damaged pictures"));
  }
  if (options.output.json) {
    Json results = Json::array();
    for (const Answer& answer : answers) results.push_back(to_json(answer, *model, options));
    print_json({{"results", results},
                {"output_kind", output_kind_name(model->output_kind)},
                {"warnings", warned}});
  }
  if (const Status saved = save_logits(options, *model, answers); !saved) {
    return fail(saved.error());
  }
  return unread == 0 ? exit_done : exit_code(ErrorKind::rejected);
}

}  // namespace

void add_classify(CLI::App& program, Action& action) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("classify", "the most likely labels of pictures");
  command->example("octavo classify model.octavo photo.jpg");
  command->add_option("MODEL", options->model, "a plan (.octavo) or a float model (.onnx)")
      ->required();
  command
      ->add_option("INPUT", options->inputs,
                   "JPEG, PNG, WebP, BMP, PPM, .npy, or a frame as FILE.nv12:WxH")
      ->required();
  options->scores.add(*command, "a picture");
  options->colors.add(*command, "full", "bt601");
  command->add_option("--logits", options->logits, "write float32 [n, outputs] to this .npy")
      ->value("FILE");
  command->add_flag("--overwrite,!--no-overwrite", options->overwrite,
                    "replace an existing .npy file");
  command->add_option("--labels", options->labels, "class names, one a line; or imagenet")
      ->value("FILE");
  options->flags.add(*command);
  command->remove_option("--threads");
  command->add_option("--threads", options->flags.threads, "of one frame")
      ->check(whole_number(1, 1024))
      ->value("N")
      ->with_default("1");
  options->flags.add_output_name(*command);
  add_output_flags(*command, options->output);
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace octavo::command
