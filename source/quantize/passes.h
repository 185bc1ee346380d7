// The passes of the quantizer as a table (passes.cpp), in the order in which they run, as the
// rewrites of a graph are one.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quantize/pass.h"

namespace octavo {

struct Pass {
  std::string_view name, why;
  std::string_view counts;  // what `run` counts: "weights rounded to another integer"
  // Fills in the one field that is its own; how much of it differs from what was there.
  Result<size_t> (*run)(const PassInputs& inputs, Quantization& quantization);
  std::string_view needed_by;      // a pass; "": it may be left out
  bool looks_at_pictures = false;  // left out where there are none
  bool reads_taps = false;         // collected once for all of these, which follow each other
};

std::span<const Pass> passes();

// `usage` where a name is neither a pass's nor that of a rewrite for steps (prepare.h), with the
// nearest, or that of one which another needs.
Status check_disabled(std::span<const std::string> disabled);

// What is left out is named together with rewrites of any graph: takes what is the quantizer's,
// passes and rewrites for steps, out of `names`.
std::vector<std::string> take_for_quantizer(std::vector<std::string>& names);

// All of the table that is not disabled. `ran` is told of each; it may be empty.
Result<Quantization> run_passes(const PassInputs& inputs, std::span<const std::string> disabled,
                                const PassObserver& ran);

}  // namespace octavo
