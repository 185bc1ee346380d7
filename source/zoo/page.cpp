#include "zoo/page.h"

#include <map>
#include <set>

#include "base/text.h"
#include "page/html.h"

namespace octavo::zoo {

namespace {

using namespace octavo::page;

constexpr unsigned char page_bytes[] = {
#include "page_html.inc"
};
constexpr unsigned char script_bytes[] = {
#include "page_js.inc"
};

// A long name may go on in the next line behind each underscore.
std::string breakable(std::string_view name) {
  std::string out;
  for (const char c : html_escaped(name)) out += c == '_' ? "_<wbr>" : std::string(1, c);
  return out;
}

std::string facts(const Sheet& sheet) {
  std::string out;
  for (const auto& [label, text] : sheet.facts)
    out += concat("<div>", element("dt", label), element("dd", text), "</div>\n");
  return out;
}

std::string kind_of(const Sheet& sheet, const Column& column) {
  return concat(is_numeric(sheet, column) ? "number" : "text",
                column.source == Origin::board ? " board" : "");
}

std::string head(const Sheet& sheet, const std::vector<const Column*>& shown) {
  // The first column stays in sight, hence under no group's heading.
  std::string groups = "<td class=\"corner\"></td>", titles;
  for (size_t i = 1; i < shown.size();) {
    const Column& first = *shown[i];
    size_t end = i;
    while (end < shown.size() && shown[end]->section == first.section &&
           (shown[end]->source == Origin::board) == (first.source == Origin::board))
      ++end;
    const bool board = first.source == Origin::board;
    groups += concat("<th scope=\"colgroup\" class=\"group", board ? " board" : "", "\" colspan=\"",
                     end - i, "\"><span>", board ? "Board states" : first.section, "</span></th>");
    i = end;
  }
  for (const Column* column : shown) {
    titles +=
        concat("<th scope=\"col\" class=\"", kind_of(sheet, *column), "\" data-key=\"", column->key,
               "\" title=\"", html_escaped(column->meaning), "\"><span>",
               html_escaped(column->title), "</span>",
               column->unit.empty() ? "" : concat("<small>", column->unit, "</small>"), "</th>");
  }
  return concat("<tr>", groups, "</tr>\n<tr>", titles, "</tr>\n");
}

std::string empty_cell(const std::string& reason, bool first, Reasons& reasons) {
  // Of neighbours with one reason the first is enough for the keyboard.
  return concat("<a href=\"#why-", reasons.number(reason), "\" title=\"", html_escaped(reason),
                "\"", first ? "" : " tabindex=\"-1\"",
                " aria-label=\"not measured: ", html_escaped(reason), "\">\u2014</a>");
}

std::string cell(const Line& line, const Column& column, const std::string& kind) {
  const Value value = column.value(line);
  const auto* number = std::get_if<double>(&value);
  const auto* interval = std::get_if<std::array<double, 2>>(&value);
  if (interval) number = interval->data();  // sorts by its low end
  return concat("<td class=\"", kind, "\"", number ? concat(" data-value=\"", *number, "\"") : "",
                ">", html_escaped(text_of(value, column.digits)), "</td>");
}

std::string body(const Sheet& sheet, const std::vector<const Column*>& shown, Reasons& reasons) {
  std::vector<std::string> kinds;
  for (const Column* column : shown) kinds.push_back(kind_of(sheet, *column));
  std::string out;
  for (size_t i = 0; i < sheet.lines.size(); ++i) {
    const Line& line = sheet.lines[i];
    const auto of_model = [&](std::string Model::*member) {
      return line.model ? html_escaped(line.model->*member) : "";
    };
    out += concat("<tr id=\"line-", i, "\" data-line=\"", i, "\" data-family=\"",
                  of_model(&Model::family), "\" data-architecture=\"",
                  of_model(&Model::architecture), "\"", line.row->accuracy ? " data-accuracy" : "",
                  "><th scope=\"row\">", breakable(line.row->name), "</th>");
    std::string last_reason;
    for (size_t c = 1; c < shown.size(); ++c) {
      if (!std::holds_alternative<std::monostate>(shown[c]->value(line))) {
        out += cell(line, *shown[c], kinds[c]);
        continue;
      }
      const std::string reason = why_empty(line, *shown[c]);
      out += concat("<td class=\"", kinds[c], " none\">",
                    empty_cell(reason, reason != last_reason, reasons), "</td>");
      last_reason = reason;
    }
    out += "</tr>\n";
  }
  return out;
}

std::string options(const Sheet& sheet, std::string Model::*member) {
  std::set<std::string> values;
  for (const Line& line : sheet.lines)
    if (line.model) values.insert(line.model->*member);
  std::string out;
  for (const std::string& value : values) out += element("option", value);
  return out;
}

std::string figure(const Sheet& sheet) {
  const Picture drawn = picture(sheet);
  if (drawn.svg.empty()) return "";
  return concat("<figure>\n", element("figcaption", drawn.title),
                "\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"picture\">",
                drawn.svg, "</div>\n</figure>\n");
}

std::string notes(const Sheet& sheet, const Reasons& reasons) {
  std::string out;
  if (!reasons.sentences().empty()) {
    out += "<h2>Why cells are empty</h2>\n<ol>\n";
    for (size_t i = 0; i < reasons.sentences().size(); ++i)
      out += concat("<li id=\"why-", i + 1, "\">", html_escaped(reasons.sentences()[i]), "</li>\n");
    out += "</ol>\n";
  }
  if (!sheet.not_measured.empty()) {
    std::string names;
    for (const std::string& name : sheet.not_measured) names += (names.empty() ? "" : ", ") + name;
    out += "<h2>Not measured</h2>\n" + element("p", names + ".");
  }
  std::string doubts;
  for (const Line& line : sheet.lines) {
    if (line.model && !line.model->doubts.empty())
      doubts += concat(element("dt", line.model->name), element("dd", line.model->doubts), "\n");
  }
  if (!doubts.empty())
    out +=
        concat("<h2>Where the board's table, the name and the weights do not fit together</h2>\n",
               "<dl class=\"doubts\">\n", doubts, "</dl>\n");
  return out;
}

}  // namespace

std::string page(const Sheet& sheet) {
  const std::string& style = shared_style();
  const std::string script = shared_script() + text_of_bytes(script_bytes);
  const std::vector<const Column*> shown = shown_columns(sheet);
  Reasons reasons;
  std::string warnings;
  for (const std::string& sentence : sheet.warnings) warnings += element("p", sentence);
  std::map<std::string, std::string> parts = {
      {"style", style},
      {"script", script},
      {"style digest", content_digest(style)},
      {"script digest", content_digest(script)},
      {"facts", facts(sheet)},
      {"warnings", warnings.empty() ? "" : concat("<div class=\"warning\">", warnings, "</div>")},
      {"figure", figure(sheet)},
      {"families", options(sheet, &Model::family)},
      {"architectures", options(sheet, &Model::architecture)},
      {"head", head(sheet, shown)},
      {"body", body(sheet, shown, reasons)},
      {"board", html_escaped(board_note)}};
  parts["notes"] = notes(sheet, reasons);
  return filled(text_of_bytes(page_bytes), parts);
}

}  // namespace octavo::zoo
