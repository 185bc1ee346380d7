// Inside source/pipeline: one reader a section of hb_mapper's YAML.
#pragma once

#include "base/text.h"
#include "pipeline/hb_config.h"
#include "pipeline/hb_keys.h"

namespace octavo::hb {

Status read_model(const Sections& file, HbConfig& config);
Status read_input(const Sections& file, HbConfig& config);
Status read_calibration(const Sections& file, HbConfig& config);

}  // namespace octavo::hb
