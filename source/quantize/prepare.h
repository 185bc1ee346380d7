// What a float graph needs before it can be cut into steps: nodes that change no value, where
// what is stored would otherwise have to be two things at once.
#pragma once

#include "graph/graph.h"

namespace octavo {

// picture: the network is fed pictures, whose scale and zero point are their std and mean.
//
//   - a picture that anything but a convolution or a multiply-add reads goes through one
//   - a constant that varies along more than the channels is written out as large as the tensor
//     that it is added to or multiplied by, and is then stored like an activation
//   - a tensor whose channels a quantized file stores with different scales is copied in front of
//     what cannot take them so
//   - the right operand of a product of two activations is stored as signed bytes: where
//     anything else reads the same values, it gets a tensor of its own
Graph prepare_for_steps(const Graph& graph, bool picture);

}  // namespace octavo
