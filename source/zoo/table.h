// The rows as a table: Markdown, CSV, JSON and one offline page.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "zoo/row.h"

namespace octavo::zoo {

enum class TableFormat { markdown, csv, json, html };

// One line a row, in the order of models.toml; figures of models that are not among `rows` are
// empty. A model with several rows keeps the last.
std::string table(const std::vector<Row>& rows, TableFormat format);

}  // namespace octavo::zoo
