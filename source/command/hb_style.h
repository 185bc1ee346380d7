// --style hb: the tables that users of hb_mapper know.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "pipeline/output_distance.h"
#include "plan/plan.h"
#include "quantize/steps.h"

namespace octavo::command {

// "" and "hb" are known.
Status check_hb_style(const std::string& style);

// A node of the file that is no step's.
struct HbNode {
  std::string name, op_type;
  bool can_run = false;
};
// A row a step, then one for each of `others`. whole: all nodes are steps'.
std::string hb_check_table(const Graph& graph, const FormedSteps& formed, bool whole,
                           const std::vector<HbNode>& others);

// A row a step, with cosine and threshold, then the output's four distances.
std::string hb_build_tables(const Plan& plan, const OutputDistance& output);

}  // namespace octavo::command
