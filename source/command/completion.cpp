// What shells complete words of a command line from. The scripts are static: no key press starts
// the program.
#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "command/manual.h"

namespace octavo::command {

namespace {

std::string below_program(const CommandText& command) {
  std::string out;
  for (size_t i = 1; i < command.path.size(); ++i) out += (i == 1 ? "" : " ") + command.path[i];
  return out;
}

std::vector<CommandText> with_groups(const CommandText& command) {
  std::vector<CommandText> out{command};
  for (const CommandText& below : command.commands) {
    for (CommandText& each : with_groups(below)) out.push_back(std::move(each));
  }
  return out;
}

bool names_file(std::string_view value) {
  constexpr std::string_view files[] = {"FILE", "DATA",  "DIR",   "MODEL",
                                        "PLAN", "INPUT", "INDEX", "FOLDER"};
  return std::find(std::begin(files), std::end(files), value) != std::end(files);
}

std::string words(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : " ") + part;
  return out;
}

std::vector<std::string> names_of_flags(const CommandText& command) {
  std::vector<std::string> out;
  for (const OptionText& option : flags_of(command))
    out.insert(out.end(), option.names.begin(), option.names.end());
  return out;
}

std::vector<std::string> names_of_commands(const CommandText& command) {
  std::vector<std::string> out;
  for (const CommandText& below : command.commands) out.push_back(below.path.back());
  return out;
}

// In single quotes, of which `quote` is how the shell writes one inside.
std::string shell_quoted(std::string_view text, std::string_view quote) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += quote;
    } else {
      out += c;
    }
  }
  return out + "'";
}

// ---- bash ----

std::string bash_case(const std::string& command, const OptionText& option) {
  std::string patterns;
  for (const std::string& name : option.names)
    patterns += concat(patterns.empty() ? "" : "|", "'", command, " ", name, "'");
  if (!option.choices.empty())
    return concat("    ", patterns, ") COMPREPLY=($(compgen -W '", words(option.choices),
                  "' -- \"$current\")); return;;\n");
  return concat("    ", patterns, ") ", names_file(option.value) ? "compopt -o default; " : "",
                "return;;\n");
}

// ---- zsh ----

// Text inside an _arguments specification, where `:` and brackets have a meaning.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("[]:\\").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_value(const OptionText& option) {
  if (option.value.empty()) return "";
  const std::string action = !option.choices.empty()    ? concat("(", words(option.choices), ")")
                             : names_file(option.value) ? "_files"
                                                        : " ";
  return concat(":", option.choices.empty() ? zsh_text(option.value) : "word", ":", action);
}

std::string zsh_option(const OptionText& option) {
  std::string out;
  for (const std::string& name : option.names) {
    const std::string_view joint = option.value.empty() ? "" : name.starts_with("--") ? "=" : "+";
    out += concat(" \\\n    ",
                  shell_quoted(concat("*", name, joint, "[", zsh_text(explanation(option)), "]",
                                      zsh_value(option)),
                               "'\\''"));
  }
  return out;
}

std::string zsh_function_name(const CommandText& command) {
  std::string out;
  for (const std::string& part : command.path) out += "_" + part;
  return out;
}

std::string zsh_function(const CommandText& command) {
  std::string out = concat(zsh_function_name(command), "() {\n");
  if (command.commands.empty()) {
    out += "  _arguments -s";
    for (const OptionText& option : flags_of(command)) out += zsh_option(option);
    for (const OptionText& option : positionals_of(command)) {
      out +=
          concat(" \\\n    ",
                 shell_quoted(concat(option.repeated ? "*:" : ":", zsh_text(option.names.front()),
                                     ":", names_file(option.names.front()) ? "_files" : " "),
                              "'\\''"));
    }
    return out + "\n}\n";
  }
  out += "  local context state state_descr line\n  typeset -A opt_args\n  _arguments -C";
  for (const OptionText& option : flags_of(command)) out += zsh_option(option);
  out +=
      " \\\n    '1: :->command' '*:: :->rest'\n  case $state in\n    command)\n"
      "      local -a commands=(";
  for (const CommandText& below : command.commands)
    out += concat("\n        ", shell_quoted(concat(below.path.back(), ":", below.text), "'\\''"));
  out += ")\n      _describe command commands;;\n    rest)\n      case $line[1] in\n";
  for (const CommandText& below : command.commands)
    out += concat("        ", below.path.back(), ") ", zsh_function_name(below), ";;\n");
  return out + "      esac;;\n  esac\n}\n";
}

// ---- fish ----

// Whether the words so far are those of the command and of none below it.
std::string fish_condition(const CommandText& command) {
  const CommandText& c = command;
  if (c.path.size() == 1) return "__fish_use_subcommand";
  std::string out = c.path.size() > 2    ? ""
                    : c.path[1] == "zoo" ? ""
                                         : "not __fish_seen_subcommand_from zoo; and ";
  for (size_t i = 1; i < c.path.size(); ++i)
    out += concat(i == 1 ? "" : "; and ", "__fish_seen_subcommand_from ", c.path[i]);
  if (!c.commands.empty())
    out += concat("; and not __fish_seen_subcommand_from ", words(names_of_commands(c)));
  return out;
}

std::string fish_option(const OptionText& option, const std::string& condition) {
  std::string out = concat("complete -c octavo -n ", shell_quoted(condition, "\\'"));
  for (const std::string& name : option.names)
    out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (!option.choices.empty()) {
    out += concat(" -x -a '", words(option.choices), "'");
  } else if (!option.value.empty()) {
    out += names_file(option.value) ? " -r -F" : " -x";
  }
  return concat(out, " -d ", shell_quoted(explanation(option), "\\'"), "\n");
}

}  // namespace

std::string bash_completion(const CommandText& program) {
  const std::vector<CommandText> commands = with_groups(program);
  std::string known, values, flags;
  for (const CommandText& command : commands) {
    const std::string name = below_program(command);
    if (!name.empty()) known += concat(known.empty() ? "" : "|", "'", name, "'");
    for (const OptionText& option : flags_of(command))
      if (!option.value.empty()) values += bash_case(name, option);
    std::vector<std::string> offered = names_of_commands(command);
    const std::vector<std::string> more = names_of_flags(command);
    offered.insert(offered.end(), more.begin(), more.end());
    flags += concat("    '", name, "') words='", words(offered), "';;\n");
  }
  return concat(R"(# bash completion of octavo, made by: octavo help --format bash
_octavo() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= words= i
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case "${command:+$command }${COMP_WORDS[i]}" in
      )",
                known, R"() command="${command:+$command }${COMP_WORDS[i]}";;
    esac
  done
  case "$command $previous" in
)",
                values, R"(  esac
  case "$command" in
)",
                flags, R"(  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ $current != -* && -n $command ]]; then compopt -o default; fi
}
complete -F _octavo octavo
)");
}

std::string zsh_completion(const CommandText& program) {
  std::string out =
      "#compdef octavo\n# zsh completion of octavo, made by: octavo help --format zsh\n";
  for (const CommandText& command : with_groups(program)) out += zsh_function(command);
  return out + "_octavo \"$@\"\n";
}

std::string fish_completion(const CommandText& program) {
  std::string out = "# fish completion of octavo, made by: octavo help --format fish\n";
  for (const CommandText& command : with_groups(program)) {
    const std::string condition = fish_condition(command);
    for (const CommandText& below : command.commands)
      out += concat("complete -c octavo -f -n ", shell_quoted(condition, "\\'"), " -a ",
                    below.path.back(), " -d ", shell_quoted(below.text, "\\'"), "\n");
    for (const OptionText& option : flags_of(command)) out += fish_option(option, condition);
  }
  return out;
}

}  // namespace octavo::command
