// octavo export PLAN -o FILE.onnx: the plan as pairs of QuantizeLinear and DequantizeLinear.

#include "export/export.h"

#include <fmt/core.h>

#include <algorithm>
#include <span>

#include "base/file.h"
#include "base/text.h"
#include "command/export.h"
#include "command/flags.h"
#include "command/outputs.h"
#include "command/print.h"
#include "pipeline/sha256.h"

namespace octavo::command {

namespace {

struct Options {
  std::string plan, output_path;
  bool overwrite = false;
  ExportOptions how;
  Output output;
};

// "a, b, c and 9 more".
template <class Items, class Text>
std::string listed(const Items& items, Text text) {
  constexpr size_t most = 8;
  std::string out;
  for (size_t i = 0; i < std::min(items.size(), most); ++i) {
    out += concat(i > 0 ? ", " : "", text(items[i]));
  }
  if (items.size() > most) out += concat(" and ", items.size() - most, " more");
  return out;
}

int run(const Options& options) {
  const OutputFile file{"-o", options.output_path, options.overwrite};
  if (const Status possible = check_output_file(file, {options.plan}); !possible) {
    return fail(possible.error());
  }
  auto plan = read_plan(options.plan);
  if (!plan) return fail(plan.error());
  auto made = export_onnx(*plan, options.how);
  if (!made) return fail(made.error());
  for (const std::string& text : notes_of_export(*made)) note(options.output, text);
  const auto written = write_export(*made, options.output_path, options.overwrite);
  if (!written) return fail(written.error());
  output_is_extra();
  if (options.output.json) {
    Json json{{"plan", options.plan}};
    json.update(export_json(*made, *written));
    print_json(json);
  } else if (!options.output.quiet) {
    print_out("wrote {}  {} bytes  sha256 {}  opset {}\n", options.output_path, written->bytes,
              written->sha256, made->opset);
  }
  return exit_done;
}

}  // namespace

std::vector<std::string> notes_of_export(const OnnxExport& made) {
  std::vector<std::string> notes;
  if (!made.coarser.empty()) {
    notes.push_back(concat(
        made.coarser.size(), made.coarser.size() == 1 ? " tensor has" : " tensors have",
        " channels of different zero points where the file has one, with steps as much coarser: ",
        listed(made.coarser, [](const CoarserTensor& tensor) {
          return fmt::format("{} ({:.2f} times)", printable(tensor.name), tensor.factor);
        })));
  }
  if (!made.by_table.empty()) {
    notes.push_back(
        concat("the activation of ", made.by_table.size(),
               made.by_table.size() == 1 ? " step is" : " steps are",
               " none that has an operator, and written as its table: ",
               listed(made.by_table, [](const std::string& name) { return printable(name); })));
  }
  return notes;
}

Result<WrittenExport> write_export(const OnnxExport& made, const std::string& path,
                                   bool overwrite) {
  const auto bytes = std::as_bytes(std::span(made.bytes));
  auto sha256 = sha256_hex(bytes);
  if (!sha256) return sha256.error();
  if (const Status status = write_file(path, bytes, overwrite); !status) return status.error();
  return WrittenExport{path, bytes.size(), *sha256};
}

Json export_json(const OnnxExport& made, const WrittenExport& written) {
  Json coarser = Json::array();
  for (const CoarserTensor& tensor : made.coarser) {
    coarser.push_back({{"name", tensor.name}, {"factor", tensor.factor}});
  }
  return {{"onnx", written.path},        {"bytes", written.bytes},
          {"sha256", written.sha256},    {"opset", made.opset},
          {"equalized", made.equalized}, {"coarser", std::move(coarser)},
          {"by_table", made.by_table}};
}

void add_export(CLI::App& program, Action& action) {
  const auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand(
      "export", "a plan as an ONNX file of quantized tensors, for other runtimes");
  command->example("octavo export model.octavo -o model.qdq.onnx");
  command->add_option("PLAN", o->plan, "a plan (.octavo)")->required();
  command->add_option("-o", o->output_path, "the file to write (.onnx)")
      ->required()
      ->value("FILE.onnx");
  command->add_flag("--symmetric,!--no-symmetric", o->how.symmetric,
                    "int8 with zero point 0, and no 16-bit integers, as TensorRT reads");
  command->add_flag("--overwrite,!--no-overwrite", o->overwrite, "replace an existing file");
  add_output_flags(*command, o->output);
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace octavo::command
