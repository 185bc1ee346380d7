// Convolutions that hold an identity: a network trained with branches (RepVGG, Ding et al. 2021;
// MobileOne, RepViT, ...) adds x itself to a convolution of x, and its deployed form has merged
// both into one weight array. The one large weight a row then coarsens all others of its row. A
// step can take the identity as its residual instead, exactly and nearly for nothing.
#pragma once

#include <vector>

#include "quantize/steps.h"

namespace octavo {

// Where in a row [kh, kw, channels of the group] the weight of an output's own pixel and
// channel is, or -1 where the convolution has no such weight.
int64_t own_tap(const Graph& graph, const FormedStep& step, int64_t output);

// One factor an output channel of what to take as a residual from the weights of own_tap;
// empty where that gains too little or the step cannot.
std::vector<double> find_identity(const Graph& graph, const FormedStep& step);

// The weights of a step's convolution, less those that its identity takes over.
std::vector<float> weights_without(const Graph& graph, const FormedStep& step,
                                   const std::vector<double>& identity);

}  // namespace octavo
