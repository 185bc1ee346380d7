// Any bytes as hb_mapper's YAML: refused with a sentence of one line, or a configuration whose
// numbers can be used.
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "pipeline/hb_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto config = octavo::parse_hb_config({reinterpret_cast<const char*>(data), size});
  if (!config) {
    const std::string& message = config.error().message;
    if (message.empty() || message.find('\n') != std::string::npos) std::abort();
    return 0;
  }
  if (!(config->max_percentile > 0.5 && config->max_percentile <= 1)) std::abort();
  for (const auto& triple : {config->mean, config->std}) {
    for (size_t c = 0; triple && c < 3; ++c) {
      if (!std::isfinite((*triple)[c])) std::abort();
    }
  }
  for (const int64_t side : config->input_shape) {
    if (side < 1) std::abort();
  }
  for (const octavo::NodePrecision& node : config->int16) {
    if (!node.output && !node.all_inputs && node.inputs.empty()) std::abort();
  }
  return 0;
}
