// What the subcommands use of CLI11, under CLI11's names. The library is a header of five thousand
// lines whose code every file that includes it compiles anew, ten seconds each; here it is compiled
// once, in arguments.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "command/manual.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace octavo::command::CLI {

// Looks at a value as it was typed; what is wrong with it, or "".
struct Validator {
  std::function<std::string(const std::string&)> check;
  std::string range;  // in --help, behind the option's text: "1 to 64"
};

class Option {
 public:
  explicit Option(::CLI::Option* option) : option_(option) {}
  Option* required();
  // What follows the flag, as --help calls it: "FILE", "HxW".
  Option* value(const std::string& name);
  // Words, one of which follows the flag. They are shown and completed, not checked (see choose).
  Option* choices(const std::vector<std::string>& words);
  // --help shows the value that the variable has now as what holds where the flag is not given;
  // or these words, where that depends.
  Option* with_default();
  Option* with_default(const std::string& words);
  Option* check(const Validator& validator);
  Option* group(const std::string& name);
  Option* allow_extra_args(bool allow);
  size_t count() const;  // how often it was given

 private:
  ::CLI::Option* option_;
};

// A command; its subcommands and options live as long as it does.
class App {
 public:
  explicit App(::CLI::App* app) : app_(app) {}
  App(const App&) = delete;

  App* add_subcommand(const std::string& name, const std::string& text);
  void require_subcommand(size_t least, size_t most);
  void callback(std::function<void()> function);
  void example(const std::string& command_line);

  Option* add_flag(const std::string& name, bool& value, const std::string& text);
  Option* add_option(const std::string& name, std::string& value, const std::string& text);
  Option* add_option(const std::string& name, std::vector<std::string>& value,
                     const std::string& text);
  Option* add_option(const std::string& name, int& value, const std::string& text);
  Option* add_option(const std::string& name, int64_t& value, const std::string& text);
  Option* add_option(const std::string& name, uint64_t& value, const std::string& text);
  Option* add_option(const std::string& name, double& value, const std::string& text);
  void remove_option(const std::string& name);
  // How often the option of that name was given.
  size_t count(const std::string& name) const;
  const ::CLI::App& parser() const { return *app_; }

 private:
  Option* keep(::CLI::Option* option);

  ::CLI::App* app_;
  std::deque<App> subcommands_;
  std::deque<Option> options_;
};

}  // namespace octavo::command::CLI

namespace octavo::command {

// What the parser knows of a command and of those below it.
CommandText describe(const ::CLI::App& app);

class CommandLine {
 public:
  CommandLine(const std::string& name, const std::string& text);
  ~CommandLine();

  // What commands and flags are added to.
  CLI::App& program() { return program_; }
  // Sets the flags' variables and calls the command that is named; or tells of the command whose
  // help is asked for. An argument out of place: Error, with the nearest name that it could be.
  Result<std::optional<CommandText>> parse(std::vector<std::string> arguments);

 private:
  std::unique_ptr<::CLI::App> parser_;
  CLI::App program_;
};

}  // namespace octavo::command
