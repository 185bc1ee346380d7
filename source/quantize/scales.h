// Scales of activations, a channel each where that costs less error than it saves.
//
// A step requantizes channel by channel anyway, so finer scales cost no time. Depthwise
// convolutions, pools, gates and additions take them exactly. A dense convolution takes
// them through its weights, w * s[c], whose rows are then rounded with one scale: channels
// with large s get fine weights, those with small s coarse ones. So of the scales
//     s[c] proportional to width[c]^power,   power 1: a channel each, 0: one a tensor
// (the exponent of SmoothQuant, Xiao et al. 2022, and of cross-layer equalization, Nagel et al.
// 2019) the power and size are chosen that minimise, relative to its variance, the expected
// squared error of all consumers' outputs: rounding and clipping of the activation times
// the weights' energy, and rounding of the weights times the activation's variance.
#pragma once

#include "quantize/pass.h"

namespace octavo {

Result<std::vector<StoredTensor>> choose_scales(const PassInputs& inputs, const Quantization&);

// Gives tensors that steps only move the scales of the channels they come from.
void carry_scales(const FormedSteps& formed, const ChannelFlow& flow,
                  std::vector<StoredTensor>& tensors);

// Scale and zero point of [lo, hi] stretched to `width` >= its own, zero exact.
struct Affine {
  double scale = 1;
  int32_t zero_point = 0;
};
Affine affine_for(const ChannelRange& range, double width, ElementType type);

}  // namespace octavo
