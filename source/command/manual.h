// What the parser knows of the commands, as plain data, and the pages made of it: --help, the
// manual, the reference, and what shells complete words from.
#pragma once

#include <string>
#include <vector>

namespace octavo::command {

struct OptionText {
  std::vector<std::string> names{};    // {"-q", "--quiet"}; of what is no flag its name alone
  std::string value{};                 // what follows it: "FILE", "auto|max"; "" of a switch
  std::vector<std::string> choices{};  // where the value is one of a few words
  std::string text{};
  std::string range{};     // of a number: "1 to 64"
  std::string standard{};  // what holds where it is not given; "" where the text says that
  std::string group{};
  bool positional = false, required = false, repeated = false;
};

struct CommandText {
  std::vector<std::string> path;  // {"octavo", "zoo", "pull"}
  std::string text;
  std::string example;  // a command line
  std::vector<OptionText> options;
  std::vector<CommandText> commands;
};

// "octavo zoo pull".
std::string full_name(const CommandText& command);
// "octavo classify MODEL INPUT... [FLAGS]".
std::string usage(const CommandText& command);
// Its text with range, default and whether it must be given.
std::string explanation(const OptionText& option);
// The options that are flags or, else, the words without one; in their groups' order.
std::vector<OptionText> flags_of(const CommandText& command);
std::vector<OptionText> positionals_of(const CommandText& command);
// The program and every command below it that does something itself, in their order.
std::vector<CommandText> all_commands(const CommandText& program);

std::string help_text(const CommandText& command);
std::string man_page(const CommandText& program);
std::string markdown_reference(const CommandText& program);
std::string bash_completion(const CommandText& program);
std::string zsh_completion(const CommandText& program);
std::string fish_completion(const CommandText& program);

}  // namespace octavo::command
