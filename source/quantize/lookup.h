// Functions of one stored value. What a quantized file computes between two roundings, one number
// of one (an activation and its factor, or the preprocessing of a picture in front of the first
// rounding), has as many results as its argument has codes: they are computed when the plan is
// made, each operator rounded to float as the file's own runtime does, and the step looks them up.
#pragma once

#include <vector>

#include "quantize/steps.h"

namespace octavo {

// The nodes from `first`, which reads `x`, to the rounding that alone reads what they make (with
// it). Empty if there is no such rounding, or if an ordinary step computes the same in one go.
// of_bytes: x has 256 codes, else 65536, and one table must serve all channels.
std::vector<uint32_t> looked_up_nodes(const Graph& graph,
                                      const std::vector<std::vector<uint32_t>>& consumers,
                                      uint32_t first, TensorId x, bool of_bytes);

bool is_alike_for_all_channels(const Graph& graph, const std::vector<uint32_t>& nodes);

// What the nodes but the last make of a value of channel c.
float chain_value(const Graph& graph, const std::vector<uint32_t>& nodes, size_t c, float value);

}  // namespace octavo
