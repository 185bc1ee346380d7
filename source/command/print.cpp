#include "command/print.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "base/memory_error.h"
#include "base/text.h"
#include "base/utf8.h"

namespace octavo::command {

namespace {

// Display width: UTF-8 continuation bytes take no column.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// The same JSON, in which a terminal finds nothing to obey: control characters as its own escapes.
std::string terminal_json(std::string_view json) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  while (!json.empty()) {
    const Utf8Character character = first_character(json);
    if (character.code < 0x7f || !is_terminal_control(character.code)) {
      out += json.substr(0, character.bytes);
    } else {
      out += "\\u";
      for (int shift = 12; shift >= 0; shift -= 4) out += digits[character.code >> shift & 15];
    }
    json.remove_prefix(character.bytes);
  }
  return out;
}

// indent: below 0 for one line.
void write_json(const Json& object, int indent) {
  Json out = {{"schema_version", 1}};
  out.update(object);
  write_out(terminal_json(out.dump(indent)) + "\n");
}

bool terminal() {
  static const bool is_terminal = ::isatty(STDERR_FILENO) != 0;
  return is_terminal;
}

}  // namespace

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::failed:
      return 1;
    case ErrorKind::usage:
      return 2;
    case ErrorKind::rejected:
      return 3;
    case ErrorKind::gate_missed:
      return 4;
    case ErrorKind::unsupported:
      return 5;
    case ErrorKind::interrupted:
      return 130;
  }
  return 1;
}

int fail(const Error& error) noexcept {
  if (error.message == out_of_memory_message) {
    write_error(out_of_memory_line);
    return exit_code(error.kind);
  }
  try {
    write_error(concat("octavo: ", printable(error.message), "\n"));
  } catch (const std::bad_alloc&) {
    write_error(out_of_memory_line);
  }
  return exit_code(error.kind);
}

Error unreadable_pictures(size_t unreadable, size_t all) {
  return rejected(concat(unreadable, " of ", all,
                         " pictures could not be read; the answer is over the other ",
                         all - unreadable));
}

void note(const Output& output, std::string_view text) {
  if (!output.quiet) write_error(printable(text) + "\n");
}

void warning(const Output& output, std::string_view text) {
  if (!output.quiet) write_error(concat("warning: ", printable(text), "\n"));
}

std::string precision_text(const std::string& reads, ElementType output) {
  return output == ElementType::f32 ? reads + " to float32" : type_name(output);
}

void print_json(const Json& object) {
  write_json(object, 2);
}

void print_json_line(const Json& object) {
  write_json(object, -1);
}

Table::Table(std::vector<std::string> header, std::vector<bool> right)
    : rows_{std::move(header)}, right_(std::move(right)) {
  right_.resize(rows_.front().size(), false);
}

void Table::add(std::vector<std::string> row) {
  row.resize(rows_.front().size());
  for (std::string& cell : row) cell = printable(cell);
  rows_.push_back(std::move(row));
}

std::string Table::text() const {
  std::vector<size_t> width(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string space(width[i] - width_of(row[i]), ' ');
      line += right_[i] ? space + row[i] : row[i] + space;
      if (i + 1 < row.size()) line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

Progress::~Progress() {
  if (!open_line_) return;
  write_error("\r");
  for (int i = 0; i < last_width_; ++i) write_error(" ");
  write_error("\r");
}

void Progress::show(size_t done, size_t total, std::string_view what) {
  if (output_.quiet || total == 0) return;
  const int tenth = static_cast<int>(10 * done / total);
  if (what != what_) {
    what_ = what;
    last_tenth_ = terminal() ? -1 : 0;
  }
  if (!terminal()) {
    if (tenth == last_tenth_) return;
    last_tenth_ = tenth;
    write_error(fmt::format("{} {}/{}\n", what, done, total));
    return;
  }
  constexpr size_t bar_width = 30;
  const size_t filled = bar_width * done / total;
  const std::string line = fmt::format("{} [{}{}] {}/{}", what, std::string(filled, '='),
                                       std::string(bar_width - filled, ' '), done, total);
  write_error(fmt::format("\r{:<{}}", line, last_width_));
  last_width_ = static_cast<int>(line.size());
  open_line_ = true;
}

std::string megabytes(double bytes) {
  return fmt::format("{:.2f} MB", bytes / 1e6);
}

}  // namespace octavo::command
