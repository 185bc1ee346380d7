#include "zoo/table.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "zoo/page.h"
#include "zoo/sheet.h"

namespace octavo::zoo {

namespace {

using Json = nlohmann::ordered_json;

std::string markdown_escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (std::string_view("\\|`*[]<>&").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string markdown_title(const Column& column) {
  return concat(column.source == Origin::board ? "Board: " : "", column.title,
                column.unit.empty() ? "" : concat(", ", column.unit));
}

// Display width: UTF-8 continuation bytes take no column.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// One column with its heading, padded to one width; numbers to the right.
std::vector<std::string> markdown_column(const Sheet& sheet, const Column& column,
                                         Reasons& reasons) {
  std::vector<std::string> cells = {markdown_title(column)};
  const bool right = is_numeric(sheet, column);
  for (const Line& line : sheet.lines) {
    const Value value = column.value(line);
    cells.push_back(std::holds_alternative<std::monostate>(value)
                        ? concat("[", reasons.number(why_empty(line, column)), "]")
                        : markdown_escaped(text_of(value, column.digits)));
  }
  size_t width = 3;
  for (const std::string& cell : cells) width = std::max(width, width_of(cell));
  for (std::string& cell : cells) {
    const std::string space(width - width_of(cell), ' ');
    cell = right ? space + cell : cell + space;
  }
  const std::string dashes(width - 1, '-');
  cells.insert(cells.begin() + 1, right ? dashes + ":" : dashes + "-");
  return cells;
}

std::string markdown_list(const char* heading, const std::vector<std::string>& sentences) {
  if (sentences.empty()) return "";
  std::string out = concat("\n## ", heading, "\n");
  for (size_t i = 0; i < sentences.size(); ++i)
    out += concat(i + 1, ". ", markdown_escaped(sentences[i]), "\n");
  return out;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// A table a section, each with the model in front: one of all columns could not be read.
std::string markdown(const Sheet& sheet) {
  std::string out = "# The zoo, measured\n\n";
  for (const auto& [label, fact] : sheet.facts)
    out += concat("- ", label, ": ", markdown_escaped(fact), "\n");
  for (const std::string& sentence : sheet.warnings) out += concat("\n**", sentence, "**\n");
  out += concat("\n", board_note, " [1] and the like stand where nothing was measured.\n");
  const std::vector<const Column*> shown = shown_columns(sheet);
  Reasons reasons;
  for (size_t i = 0; i < shown.size();) {
    const std::string_view section = shown[i]->section;
    std::vector<std::vector<std::string>> cells;
    if (i > 0) cells.push_back(markdown_column(sheet, *shown[0], reasons));
    for (; i < shown.size() && shown[i]->section == section; ++i)
      cells.push_back(markdown_column(sheet, *shown[i], reasons));
    out += concat("\n## ", section, "\n");
    for (size_t line = 0; line < cells[0].size(); ++line) {
      for (const auto& column : cells) out += concat("| ", column[line], " ");
      out += "|\n";
    }
  }
  out += markdown_list("Why cells are empty", reasons.sentences());
  if (!sheet.not_measured.empty())
    out += concat("\nNot measured: ", joined(sheet.not_measured), ".\n");
  return out;
}

std::string csv_quoted(std::string text) {
  // A spreadsheet would run a text that begins so as a formula.
  if (!text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos)
    text = "'" + text;
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

// Numbers in full; an interval fills two columns, KEY_low and KEY_high.
std::string csv_cell(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return concat(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return csv_quoted(*text);
  const auto* interval = std::get_if<std::array<double, 2>>(&value);
  return interval ? concat((*interval)[0], ",", (*interval)[1]) : "";
}

bool is_interval(const Column& column) {
  return column.key.ends_with("_ci95");
}

std::string csv(const Sheet& sheet) {
  std::string out;
  for (const Column& column : columns()) {
    out += is_interval(column) ? concat(column.key, "_low,", column.key, "_high,")
                               : concat(column.key, ",");
  }
  out += "reasons\n";
  for (const Line& line : sheet.lines) {
    for (const Column& column : columns()) {
      const std::string cell = csv_cell(column.value(line));
      out += cell.empty() && is_interval(column) ? ",," : cell + ",";
    }
    std::string reasons;
    for (const auto& [member, sentence] : line.row->reasons)
      reasons += concat(reasons.empty() ? "" : "; ", member, ": ", sentence);
    out += csv_quoted(reasons) + "\n";
  }
  return out;
}

Json json_value(const Value& value) {
  return std::visit(
      [](const auto& held) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::monostate>) {
          return nullptr;
        } else {
          return held;
        }
      },
      value);
}

std::string json(const Sheet& sheet) {
  const auto source = [](const Column& column) {
    return column.source == Origin::board ? "board" : column.source == Origin::zoo ? "zoo" : "row";
  };
  Json out = {{"schema_version", 1}, {"columns", Json::array()}, {"rows", Json::array()}};
  for (const Column& column : columns()) {
    out["columns"].push_back({{"key", column.key},
                              {"title", column.title},
                              {"unit", column.unit},
                              {"meaning", column.meaning},
                              {"source", source(column)}});
  }
  for (const Line& line : sheet.lines) {
    Json row;
    for (const Column& column : columns())
      row[std::string(column.key)] = json_value(column.value(line));
    row["reasons"] = line.row->reasons;
    out["rows"].push_back(std::move(row));
  }
  out["warnings"] = sheet.warnings;
  out["board"] = board_note;
  out["not_measured"] = sheet.not_measured;
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string table(const std::vector<Row>& rows, TableFormat format) {
  const Sheet sheet = make_sheet(rows);
  switch (format) {
    case TableFormat::markdown:
      return markdown(sheet);
    case TableFormat::csv:
      return csv(sheet);
    case TableFormat::json:
      return json(sheet);
    case TableFormat::html:
      return page(sheet);
  }
  return "";
}

}  // namespace octavo::zoo
