// The clip threshold with the least Kullback-Leibler divergence between a tensor's
// histogram and its quantized form (Migacz 2017, "8-bit inference with TensorRT").
#pragma once

#include "quantize/statistics.h"

namespace octavo {

// whole: a histogram of one channel. 0 where it is empty.
double least_divergence_threshold(const ChannelHistograms& whole);

}  // namespace octavo
