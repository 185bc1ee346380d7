// --style hb: the tables that users of hb_mapper know.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "build/output_distance.h"
#include "plan/plan.h"
#include "quantize/steps.h"

namespace octavo::command {

// "" and "hb" are known.
Status check_hb_style(const std::string& style);

// The name under which its users know what a step does: "Conv".
std::string hb_type(StepKind kind, bool maximum);

// A row of the checker's table. A node that cannot run has no place.
struct HbCheckRow {
  std::string node, type;
  bool runs = true;
};
std::string hb_check_table(const std::vector<HbCheckRow>& rows);

// A row a step, with cosine and threshold, then the output's four distances.
std::string hb_build_tables(const Plan& plan, const OutputDistance& output);

}  // namespace octavo::command
