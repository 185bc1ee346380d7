// What a float graph needs before it can be cut into steps, as a table of rewrites (rewrite.h),
// once each and in its order: mostly copies, where what is stored would otherwise have to be two
// things at once.
#pragma once

#include <span>
#include <string>

#include "quantize/quantize.h"
#include "rewrite/rewrite.h"

namespace octavo {

std::span<const Rewrite> step_rewrites();

// `graph` has been through run_rewrites; `disabled` may name others than these rewrites. `ran` is
// told of each that changed something; it may be empty.
Result<Graph> prepare_for_steps(Graph graph, std::span<const std::string> disabled = {},
                                const PassObserver& ran = {});

}  // namespace octavo
