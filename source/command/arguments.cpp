#include "command/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>
#include <utility>

#include "base/text.h"

namespace octavo::command::CLI {

Option* Option::required() {
  option_->required();
  return this;
}

Option* Option::check(const Validator& validator) {
  option_->check(::CLI::Validator(validator.check, validator.range));
  return this;
}

Option* Option::value(const std::string& name) {
  option_->type_name(name);
  return this;
}

Option* Option::choices(const std::vector<std::string>& words) {
  std::string name;
  for (const std::string& word : words) name += (name.empty() ? "" : "|") + word;
  return value(name);
}

Option* Option::with_default() {
  option_->capture_default_str();
  return this;
}

Option* Option::with_default(const std::string& words) {
  option_->default_str(words);
  return this;
}

Option* Option::group(const std::string& name) {
  option_->group(name);
  return this;
}

Option* Option::allow_extra_args(bool allow) {
  option_->allow_extra_args(allow);
  return this;
}

size_t Option::count() const {
  return option_->count();
}

App* App::add_subcommand(const std::string& name, const std::string& text) {
  ::CLI::App* command = app_->add_subcommand(name, text);
  command->footer(std::string());  // not the example of what it is below
  return &subcommands_.emplace_back(command);
}

void App::require_subcommand(size_t least, size_t most) {
  app_->require_subcommand(least, most);
}

void App::callback(std::function<void()> function) {
  app_->callback(std::move(function));
}

void App::example(const std::string& command_line) {
  app_->footer(command_line);
}

Option* App::keep(::CLI::Option* option) {
  return &options_.emplace_back(option);
}

Option* App::add_flag(const std::string& name, bool& value, const std::string& text) {
  return keep(app_->add_flag(name, value, text));
}

Option* App::add_option(const std::string& name, std::string& value, const std::string& text) {
  return keep(app_->add_option(name, value, text));
}

Option* App::add_option(const std::string& name, std::vector<std::string>& value,
                        const std::string& text) {
  return keep(app_->add_option(name, value, text));
}

Option* App::add_option(const std::string& name, int& value, const std::string& text) {
  return keep(app_->add_option(name, value, text));
}

Option* App::add_option(const std::string& name, int64_t& value, const std::string& text) {
  return keep(app_->add_option(name, value, text));
}

Option* App::add_option(const std::string& name, uint64_t& value, const std::string& text) {
  return keep(app_->add_option(name, value, text));
}

Option* App::add_option(const std::string& name, double& value, const std::string& text) {
  return keep(app_->add_option(name, value, text));
}

void App::remove_option(const std::string& name) {
  app_->remove_option(app_->get_option(name));
}

size_t App::count(const std::string& name) const {
  return app_->get_option(name)->count();
}

}  // namespace octavo::command::CLI

namespace octavo::command {

namespace {

std::vector<std::string> split_at_bars(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, '|');) out.push_back(word);
  return out;
}

std::vector<std::string> path_of(const ::CLI::App& app) {
  std::vector<std::string> path;
  if (app.get_parent()) path = path_of(*app.get_parent());
  path.push_back(app.get_name());
  return path;
}

OptionText describe_option(const ::CLI::Option& option) {
  OptionText out;
  out.positional = option.get_positional();
  if (out.positional) out.names = {option.get_name(true)};
  for (const std::string& name : option.get_snames()) out.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.names.push_back("--" + name);
  if (option.get_items_expected_max() > 0) {
    // CLI11 knows a validator's words only as a part of the type's name.
    const std::string type = option.get_type_name();
    const size_t colon = type.find(':');
    out.value = type.substr(0, colon);
    if (colon != std::string::npos) out.range = type.substr(colon + 1);
    if (out.value.find('|') != std::string::npos) out.choices = split_at_bars(out.value);
  }
  out.text = option.get_description();
  out.standard = option.get_default_str();
  out.group = option.get_group();
  out.required = option.get_required();
  out.repeated = option.get_items_expected_max() > 1;
  return out;
}

}  // namespace

CommandText describe(const ::CLI::App& app) {
  CommandText out;
  out.path = path_of(app);
  out.text = app.get_description();
  out.example = app.get_footer();
  for (const ::CLI::Option* option : app.get_options()) {
    if (option != app.get_help_ptr()) out.options.push_back(describe_option(*option));
  }
  out.options.push_back({.names = {"-h", "--help"}, .text = "show this help", .group = "Options"});
  for (const ::CLI::App* command : app.get_subcommands({}))
    out.commands.push_back(describe(*command));
  return out;
}

namespace {

// "--per_channel=1" to "--per-channel=1": `_` is accepted for `-` in long flags.
std::string normalized(std::string argument) {
  if (!argument.starts_with("--")) return argument;
  for (char& c : argument) {
    if (c == '=') break;
    if (c == '_') c = '-';
  }
  return argument;
}

std::vector<std::string> flag_names(const ::CLI::App& app) {
  std::vector<std::string> names;
  for (const ::CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_fnames()) names.push_back("--" + name);
  }
  return names;
}

std::vector<std::string> command_names(const ::CLI::App& app) {
  std::vector<std::string> names;
  for (const ::CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  return names;
}

// The innermost subcommand that was named: of `octavo zoo pull`, pull.
const ::CLI::App& chosen_app(const ::CLI::App& program) {
  const ::CLI::App* app = &program;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return *app;
}

// What CLI11 could not place, with the nearest name that it could have been.
std::string explain(const ::CLI::ParseError& error, const ::CLI::App& program) {
  std::string text = error.what();
  const ::CLI::App& app = chosen_app(program);
  for (const std::string& left : app.remaining(true)) {
    const bool flag = left.starts_with("-");
    const std::string word = left.substr(0, left.find('='));
    const std::string near = nearest_name(word, flag ? flag_names(app) : command_names(app));
    text = flag ? concat("unknown flag ", quoted(word)) : concat("unexpected ", quoted(word));
    if (!near.empty()) text += concat("; did you mean ", near, "?");
    break;
  }
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return concat(text, " (", full_name(describe(app)), " --help)");
}

}  // namespace

CommandLine::CommandLine(const std::string& name, const std::string& text)
    : parser_(std::make_unique<::CLI::App>(text)), program_(parser_.get()) {
  parser_->name(name);
}

CommandLine::~CommandLine() = default;

Result<std::optional<CommandText>> CommandLine::parse(std::vector<std::string> arguments) {
  for (std::string& argument : arguments) argument = normalized(std::move(argument));
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    parser_->parse(std::move(arguments));
  } catch (const ::CLI::CallForHelp&) {
    return std::optional(describe(chosen_app(*parser_)));
  } catch (const ::CLI::ParseError& error) {
    return usage_error(explain(error, *parser_));
  }
  return std::optional<CommandText>();
}

}  // namespace octavo::command
