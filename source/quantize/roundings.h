// Files that are quantized already (pairs of QuantizeLinear and DequantizeLinear) need no
// calibration pictures, if they say how everything is stored.
#pragma once

#include "quantize/calibrate.h"
#include "quantize/flow.h"

namespace octavo {

bool has_roundings(const Graph& graph);

// `rejected`, naming the first tensor that no pair rounds.
Status check_rounded(const Graph& graph, const FormedSteps& formed, const InputMapping& mapping);

// `rejected` where tensors that need one scale are given different ones.
Status check_ties(const Graph& graph, const FormedSteps& formed, const ChannelFlow& flow);

// In place of statistics: the ranges that the roundings leave room for. Needs check_rounded.
Calibration calibration_of_roundings(const Graph& graph, const FormedSteps& formed,
                                     const InputMapping& mapping);

}  // namespace octavo
