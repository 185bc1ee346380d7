// Where the channels of a stored tensor come from, and who reads them: concatenations,
// selections and maxima move stored values, so scales are decided where a channel is
// rounded and travel along.
#pragma once

#include <cstdint>
#include <vector>

#include "quantize/steps.h"

namespace octavo {

struct ChannelOrigin {
  TensorId root = 0;  // the tensor that a step rounded, or the network's input
  int32_t channel = 0;
};

struct ChannelFlow {
  std::vector<std::vector<ChannelOrigin>> origins;  // by stored tensor, one a channel
  std::vector<TensorId> roots;                      // in the order in which they are made
  // Roots that must have one scale and zero point for all of their channels, since another shape
  // mixes them or a step sums over them; tied[r] == tied[s] where two roots must share it.
  // Index: tensor; itself otherwise.
  std::vector<bool> uniform;
  // Channels of a root whose distance is a multiple of its period have one scale, since another
  // shape shows them as one channel (a normalized row that becomes a map again). The number of
  // channels where each is free.
  std::vector<int64_t> period;
  std::vector<TensorId> tied;
  // For each root the indices of the non-moving steps that read its values.
  std::vector<std::vector<uint32_t>> readers;
};

ChannelFlow trace_channels(const Graph& graph, const FormedSteps& formed);

}  // namespace octavo
