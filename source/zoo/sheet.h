// The rows, set in order, and what a reader must know of them all before the figures.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "zoo/columns.h"

namespace octavo::zoo {

struct Sheet {
  std::vector<Line> lines;     // in the order of models.toml; of a model its newest row
  std::vector<RowHost> hosts;  // the letters of the lines: A, B, ...
  std::vector<std::pair<std::string, std::string>> facts;  // "Measured on", "2026-01-31"
  std::vector<std::string> warnings;                       // whole sentences
  std::vector<std::string> not_measured;                   // models of the zoo without a row
};

// Points into `rows`, which must outlive it.
Sheet make_sheet(const std::vector<Row>& rows);

// The columns that people see; the host's letter only where there are several.
std::vector<const Column*> shown_columns(const Sheet& sheet);

// Whether any line has a number there.
bool is_numeric(const Sheet& sheet, const Column& column);

inline constexpr std::string_view board_note =
    "\"Board\": what the reference board's own table (classification chapter of the RDK X5 model "
    "zoo) states; it names no sample size, and none of it was measured here.";

// Sentences, each once, numbered from 1 in the order in which they are asked for.
class Reasons {
 public:
  size_t number(const std::string& sentence);
  const std::vector<std::string>& sentences() const { return sentences_; }

 private:
  std::vector<std::string> sentences_;
};

}  // namespace octavo::zoo
