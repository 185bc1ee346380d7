#include "command/manual.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace octavo::command {

namespace {

constexpr size_t text_column = 28;
constexpr size_t width = 96;

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string out;
  for (const std::string& part : parts) out += concat(out.empty() ? "" : between, part);
  return out;
}

// The words in lines of at most `width`, each but the first behind `indent` spaces; the first
// stands at `column` already.
std::string wrapped(std::string_view text, size_t column, size_t indent) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (column > indent && column + 1 + word.size() > width) {
      out += concat("\n", std::string(indent, ' '));
      column = indent;
    } else if (!out.empty()) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

// A name and what it means, in two columns.
std::string entry(std::string_view name, std::string_view text) {
  std::string out = concat("  ", name);
  if (out.size() + 2 > text_column) {
    out += concat("\n", std::string(text_column, ' '));
  } else {
    out.resize(text_column, ' ');
  }
  return concat(out, wrapped(text, text_column, text_column), "\n");
}

// "-o, --output FILE".
std::string head(const OptionText& option) {
  std::string out = joined(option.names, ", ");
  if (!option.positional && !option.value.empty()) out += " " + option.value;
  return option.repeated ? out + "..." : out;
}

std::vector<OptionText> those(const CommandText& command, bool positional) {
  std::vector<OptionText> out;
  std::vector<std::string> groups;
  for (const OptionText& option : command.options) {
    if (option.positional == positional &&
        std::find(groups.begin(), groups.end(), option.group) == groups.end())
      groups.push_back(option.group);
  }
  for (const std::string& group : groups) {
    for (const OptionText& option : command.options)
      if (option.positional == positional && option.group == group) out.push_back(option);
  }
  return out;
}

void collect(const CommandText& command, std::vector<CommandText>& out) {
  if (command.commands.empty() || command.path.size() == 1) out.push_back(command);
  for (const CommandText& below : command.commands) collect(below, out);
}

// ---- man ----

// What roff would take for its own.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if ((c == '.' || c == '\'') && out.empty()) {
      out += concat("\\&", c);
    } else {
      out += c;
    }
  }
  return out;
}

std::string man_option(const OptionText& option) {
  std::string out = ".TP\n";
  for (size_t i = 0; i < option.names.size(); ++i)
    out += concat(i == 0 ? "" : ", ", "\\fB", roff(option.names[i]), "\\fR");
  if (!option.positional && !option.value.empty())
    out += concat(" \\fI", roff(option.value), "\\fR");
  if (option.repeated) out += "...";
  return concat(out, "\n", roff(explanation(option)), "\n");
}

std::string man_command(const CommandText& command) {
  std::string out = concat(".SS ", roff(full_name(command)), "\n", roff(command.text),
                           "\n.PP\n\\fB", roff(usage(command)), "\\fR\n");
  if (!command.example.empty())
    out += concat(".PP\nExample:\n.PP\n.RS\n.nf\n", roff(command.example), "\n.fi\n.RE\n");
  for (const OptionText& option : positionals_of(command)) out += man_option(option);
  std::string group = "Options";
  for (const OptionText& option : flags_of(command)) {
    if (option.group != group) out += concat(".PP\n", roff(option.group), ":\n");
    group = option.group;
    out += man_option(option);
  }
  return out;
}

// ---- Markdown ----

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string markdown_table(const std::vector<OptionText>& options) {
  std::string out = "| | |\n|---|---|\n";
  for (const OptionText& option : options)
    out += concat("| `", cell(head(option)), "` | ", cell(explanation(option)), " |\n");
  return out;
}

std::string markdown_command(const CommandText& command) {
  std::string out =
      concat("\n## ", full_name(command), "\n", command.text, "\n\n    ", usage(command), "\n");
  if (!command.example.empty()) out += concat("\n```sh\n", command.example, "\n```\n");
  const std::vector<OptionText> positionals = positionals_of(command), flags = flags_of(command);
  if (!positionals.empty()) out += concat("\n", markdown_table(positionals));
  for (size_t i = 0; i < flags.size();) {
    std::vector<OptionText> group;
    while (i < flags.size() && (group.empty() || flags[i].group == group.front().group))
      group.push_back(flags[i++]);
    out += concat("\n", group.front().group, ":\n\n", markdown_table(group));
  }
  return out;
}

}  // namespace

std::string full_name(const CommandText& command) {
  return joined(command.path, " ");
}

std::string usage(const CommandText& command) {
  std::string out = full_name(command);
  if (!command.commands.empty()) return out + " COMMAND";
  for (const OptionText& option : positionals_of(command))
    out += concat(" ", option.required ? "" : "[", head(option), option.required ? "" : "]");
  for (const OptionText& option : flags_of(command))
    if (option.required) out += concat(" ", option.names.front(), " ", option.value);
  return out + " [FLAGS]";
}

std::string explanation(const OptionText& option) {
  std::vector<std::string> notes;
  if (option.required && !option.positional) notes.emplace_back("required");
  if (!option.range.empty()) notes.push_back(option.range);
  if (!option.standard.empty()) notes.push_back("default: " + option.standard);
  return notes.empty() ? option.text : concat(option.text, " (", joined(notes, "; "), ")");
}

std::vector<OptionText> flags_of(const CommandText& command) {
  return those(command, false);
}

std::vector<OptionText> positionals_of(const CommandText& command) {
  return those(command, true);
}

std::vector<CommandText> all_commands(const CommandText& program) {
  std::vector<CommandText> out;
  collect(program, out);
  return out;
}

std::string help_text(const CommandText& command) {
  std::string out =
      concat(wrapped(command.text, 0, 0), "\n\nUsage: ", wrapped(usage(command), 7, 7), "\n");
  if (!command.example.empty()) out += concat("\nExample:\n  ", command.example, "\n");
  if (!command.commands.empty()) {
    out += "\nCommands:\n";
    for (const CommandText& below : command.commands) out += entry(below.path.back(), below.text);
  }
  const std::vector<OptionText> positionals = positionals_of(command);
  if (!positionals.empty()) out += "\n";
  for (const OptionText& option : positionals) out += entry(head(option), explanation(option));
  std::string group;
  for (const OptionText& option : flags_of(command)) {
    if (option.group != group) out += concat("\n", option.group, ":\n");
    group = option.group;
    out += entry(head(option), explanation(option));
  }
  return out;
}

std::string man_page(const CommandText& program) {
  std::string out = concat(".TH OCTAVO 1 \"\" \"octavo " OCTAVO_VERSION
                           "\" \"User Commands\"\n"
                           ".SH NAME\noctavo \\- ",
                           roff(program.text),
                           "\n.SH SYNOPSIS\n.B octavo\n.I COMMAND\n[\\fIFLAGS\\fR]\n"
                           ".SH COMMANDS\n");
  for (const CommandText& command : all_commands(program)) {
    if (command.path.size() > 1) out += man_command(command);
  }
  out += concat(".SH \"EXIT STATUS\"\n",
                roff("0 done; 1 failed; 2 usage; 3 an input was rejected; 4 a gate, a digest or a "
                     "comparison was missed; 5 this machine cannot; 130 interrupted."),
                "\n");
  return out;
}

std::string markdown_reference(const CommandText& program) {
  std::string out = concat(
      "# Commands and flags\n\nMade by `octavo help --format markdown` from what the "
      "parser knows; [reference.md](reference.md)\nsays what flags, exit codes and files "
      "mean.\n\n| command | does |\n|---|---|\n");
  std::string sections;
  for (const CommandText& command : all_commands(program)) {
    if (command.path.size() == 1) continue;
    std::string anchor = full_name(command);
    std::replace(anchor.begin(), anchor.end(), ' ', '-');
    out += concat("| [`", full_name(command), "`](#", anchor, ") | ", cell(command.text), " |\n");
    sections += markdown_command(command);
  }
  return out + sections;
}

}  // namespace octavo::command
