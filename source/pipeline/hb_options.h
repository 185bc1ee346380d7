// What `octavo build` does with hb_mapper's YAML: the options that flags would give.
#pragma once

#include <string>
#include <vector>

#include "pipeline/build.h"
#include "pipeline/hb_config.h"

namespace octavo {

struct HbBuild {
  std::string model, output;  // paths; output is WORKING_DIR/PREFIX.octavo, "" without a prefix
  BuildOptions options;
  std::vector<std::string> notes;  // what was passed over, found elsewhere or means more here
};

// What stands on the command line goes before the file.
struct HbOverrides {
  std::string model, calibration;  // "": as the file says
};

// Paths are relative to the current folder or, where nothing is there, to the folder of
// `config_path`. The model is looked into: what the YAML says of its input must agree with it.
Result<HbBuild> hb_build(const HbConfig& config, const std::string& config_path,
                         const HbOverrides& overrides);

}  // namespace octavo
