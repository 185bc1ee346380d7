// The columns of the zoo's table, each defined once: Markdown, CSV, JSON and the page all come
// from this list.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "zoo/models.h"
#include "zoo/row.h"

namespace octavo::zoo {

// A line of the table: a measured row and what the table of models says of it.
struct Line {
  const Row* row = nullptr;
  const Model* model = nullptr;  // null: this zoo has no model of that name
  std::string host;              // its letter in the heading: "A"
};

// Nothing, a text, a number in the column's unit, or an interval of two.
using Value = std::variant<std::monostate, std::string, double, std::array<double, 2>>;

enum class Origin {
  measured,  // of the row
  zoo,       // of models.toml
  board,     // what the reference board's own table states
};

struct Column {
  std::string_view key;      // in CSV and JSON
  std::string_view section;  // heading above; "" : for programs only, in CSV and JSON
  std::string_view title, unit;
  int digits = 0;           // behind the point, for people
  std::string_view member;  // of the row, under which `reasons` says why there is no value
  std::string_view meaning;
  Value (*value)(const Line&) = nullptr;
  Origin source = Origin::measured;
};

// In the table's order; those of a section follow each other.
const std::vector<Column>& columns();

// As people read it: "" for nothing, "69.36 to 70.16" for an interval.
std::string text_of(const Value& value, int digits);

// Why the line has no value there: one sentence.
std::string why_empty(const Line& line, const Column& column);

}  // namespace octavo::zoo
