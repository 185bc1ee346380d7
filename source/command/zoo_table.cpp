// octavo zoo table: the rows that `zoo build` wrote, as Markdown, CSV, JSON or a page.

#include <fmt/core.h>

#include <filesystem>
#include <span>

#include "base/file.h"
#include "command/flags.h"
#include "command/outputs.h"
#include "command/print.h"
#include "command/zoo.h"
#include "zoo/table.h"

namespace octavo::command {

namespace {

using zoo::TableFormat;

struct Options {
  std::vector<std::string> folders = {"octavo-zoo"};
  std::string format, out;
  bool overwrite = false;
  Output output;
};

// --format, else what the file's name says, else --json, else Markdown.
Result<TableFormat> format_of(const Options& options) {
  const std::vector<std::pair<std::string, TableFormat>> formats = {
      {"markdown", TableFormat::markdown},
      {"csv", TableFormat::csv},
      {"json", TableFormat::json},
      {"html", TableFormat::html}};
  if (!options.format.empty()) return choose("--format", options.format, formats);
  if (options.out.empty()) return options.output.json ? TableFormat::json : TableFormat::markdown;
  const std::string extension = std::filesystem::path(options.out).extension().string();
  if (extension == ".md") return TableFormat::markdown;
  if (extension == ".htm") return TableFormat::html;
  for (const auto& [name, format] : formats)
    if (extension == "." + name) return format;
  return usage_error(concat("-o ", quoted(options.out),
                            ": its end (.md, .csv, .json, .html) or --format must say the format"));
}

int table(const Options& options) {
  const auto format = format_of(options);
  if (!format) return fail(format.error());
  if (options.output.json && options.out.empty() && *format != TableFormat::json)
    return fail(usage_error("--json prints JSON: with another --format the table needs -o FILE"));
  const OutputFile out{"-o", options.out, options.overwrite};
  if (const Status possible = check_output_file(out, options.folders); !possible)
    return fail(possible.error());
  const auto rows = zoo::read_rows(options.folders);
  if (!rows) return fail(rows.error());
  const std::string text = zoo::table(*rows, *format);
  if (options.out.empty()) {
    write_out(text);
    return exit_done;
  }
  const Status written = write_file(options.out, std::as_bytes(std::span(text)), options.overwrite);
  if (!written) return fail(written.error());
  if (options.output.json) {
    print_json({{"file", options.out}, {"bytes", text.size()}, {"rows", rows->size()}});
  } else {
    note(options.output, concat(options.out, ": ", rows->size(), " rows"));
  }
  return exit_done;
}

}  // namespace

void add_zoo_table(CLI::App& zoo, Action& action) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = zoo.add_subcommand("table", "what `zoo build` measured, as a table");
  command->example("octavo zoo table -o zoo.html");
  command->add_option("FOLDER", options->folders, "where the rows are")->with_default("octavo-zoo");
  command->add_option("--format", options->format, "of the table")
      ->choices({"markdown", "csv", "json", "html"})
      ->with_default("what the file's name says, else markdown");
  command->add_option("-o,--output", options->out, "a file in place of stdout")->value("FILE");
  command->add_flag("--overwrite,!--no-overwrite", options->overwrite, "replace the file");
  add_output_flags(*command, options->output);
  command->callback([options, &action] { action = [options] { return table(*options); }; });
}

}  // namespace octavo::command
