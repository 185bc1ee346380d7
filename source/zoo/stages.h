// The stages of a row, each a process of this program: its peak memory is its own, and its end
// harms no other row. Each fills its members of the row, or none and says why.
#pragma once

#include <string>

#include "base/result.h"
#include "zoo/build.h"
#include "zoo/float_file.h"
#include "zoo/models.h"
#include "zoo/row.h"

namespace octavo::zoo {

struct Job {
  const Model& model;
  const BuildOptions& options;
  FloatFile file;
  std::string plan;  // path

  // How pictures become the float file's input, where the file itself does not say it.
  std::vector<std::string> recipe_flags() const;
};

Status inspect_float(const Job& job, Row& row);   // input, classes, parameters, macs
Status quantize(const Job& job, Row& row);        // plan_*, calibration_pictures, build_*
Status evaluate(const Job& job, Row& row);        // accuracy
Status measure_plan(const Job& job, Row& row);    // one_thread, all_threads, all_streams, host.isa
Status measure_float(const Job& job, Row& row);   // float_one_thread
Status measure_memory(const Job& job, Row& row);  // peak_bytes

}  // namespace octavo::zoo
