#include "command/passes.h"

#include <algorithm>

#include "base/fixed.h"
#include "base/text.h"

namespace octavo::command {

void PassLog::add(const PassRun& run) {
  const auto known = std::find_if(rows_.begin(), rows_.end(),
                                  [&](const Row& row) { return row.last.name == run.name; });
  Row& row = known != rows_.end() ? *known : rows_.emplace_back();
  row.last = run;
  row.runs += 1;
  row.milliseconds += run.milliseconds;
}

std::string PassLog::table() const {
  Table out({"pass", "runs", "ms", "what it did"}, {false, true, true, false});
  for (const Row& row : rows_) {
    out.add({std::string(row.last.name), concat(row.runs), fixed(row.milliseconds, 1),
             concat(row.last.changed, " ", row.last.counts)});
  }
  return out.text();
}

Json PassLog::json() const {
  Json out = Json::array();
  for (const Row& row : rows_) {
    out.push_back({{"name", row.last.name},
                   {"runs", row.runs},
                   {"ms", row.milliseconds},
                   {"changed", row.last.changed},
                   {"counts", row.last.counts}});
  }
  return out;
}

}  // namespace octavo::command
