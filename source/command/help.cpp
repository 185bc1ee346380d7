// octavo help [COMMAND...]: what --help shows; with --format the pages and scripts that are made
// from the parser.
#include <algorithm>
#include <memory>

#include "base/text.h"
#include "command/flags.h"
#include "command/print.h"

namespace octavo::command {

namespace {

struct Options {
  std::vector<std::string> path;
  std::string format = "text";
};

struct Format {
  std::string (*render)(const CommandText&) = nullptr;
};

const std::vector<std::pair<std::string, Format>>& formats() {
  static const std::vector<std::pair<std::string, Format>> known = {
      {"text", {help_text}},       {"man", {man_page}},       {"markdown", {markdown_reference}},
      {"bash", {bash_completion}}, {"zsh", {zsh_completion}}, {"fish", {fish_completion}}};
  return known;
}

Result<CommandText> find(CommandText command, const std::vector<std::string>& path) {
  for (const std::string& name : path) {
    std::vector<std::string> names;
    for (const CommandText& below : command.commands) names.push_back(below.path.back());
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) {
      const std::string near = nearest_name(name, names);
      return usage_error(concat(full_name(command), " has no command ", quoted(name),
                                near.empty() ? "" : concat("; did you mean ", near, "?")));
    }
    CommandText below = command.commands[static_cast<size_t>(at - names.begin())];
    command = std::move(below);
  }
  return command;
}

int run(const Options& options, const CommandText& program) {
  const auto format = choose("--format", options.format, formats());
  if (!format) return fail(format.error());
  if (!options.path.empty() && format->render != help_text)
    return fail(usage_error("--format is of the whole program; only text is of one command"));
  const auto command = find(program, options.path);
  if (!command) return fail(command.error());
  write_out(format->render(*command));
  return exit_done;
}

}  // namespace

void add_help(CLI::App& program, Action& action) {
  const auto o = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("help", "what --help shows; manual, reference, completions");
  command->example("octavo help classify");
  command->add_option("COMMAND", o->path, "a command, for example zoo pull");
  std::vector<std::string> names;
  for (const auto& [name, format] : formats()) names.push_back(name);
  command
      ->add_option("--format", o->format,
                   "of the whole program: a manual page, a Markdown page, a shell's completions")
      ->choices(names)
      ->with_default();
  command->callback([o, &program, &action] {
    action = [o, &program] { return run(*o, describe(program.parser())); };
  });
}

}  // namespace octavo::command
