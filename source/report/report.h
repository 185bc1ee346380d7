// A plan as one page that needs nothing else: what it keeps of its float network, where it errs,
// where its time goes, and where it comes from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "evaluate/accuracy.h"
#include "plan/plan.h"

namespace octavo::report {

struct StepTime {
  double us = 0;  // median of a frame's
  std::string kernel;
};

// A picture to which the plan gives another class than the float network.
struct Flip {
  std::string path;
  int label = -1;
  int32_t before = 0, after = 0;  // the float network's class and the plan's
  std::string png;                // of what the network sees, small; "" where there is none
};

struct Report {
  std::string plan_path, sha256;
  size_t plan_bytes = 0;
  const Plan* plan = nullptr;
  std::string cpu, isa;
  std::vector<StepTime> times;  // a step of the plan each

  // With a float network and labelled pictures.
  std::string float_path, data_path;
  std::optional<Evaluation> evaluation;  // the float network, then the plan
  std::vector<Flip> flips;
  size_t flips_in_all = 0;

  std::string command;  // that repeats the page
};

std::string report_page(const Report& report);

// The parts that are drawn, SVG each; "" where there is nothing to draw.
std::string frontier_picture(const Plan& plan);
std::string error_picture(const Plan& plan);
std::string graph_picture(const Plan& plan);

}  // namespace octavo::report
