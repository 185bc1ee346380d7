// Inside the room: the end of a step, from the f of docs/numerics.md to the stored tensor.
#pragma once

#include <functional>
#include <string>

#include "export/emit.h"

namespace octavo {

// Emits what gives f * factor + offset; a convolution takes both into weights and bias.
using MakeArgument = std::function<std::string(const PerChannel& factor, const PerChannel& offset)>;

// Activation, residual and clamp of the step on its argument, and the output's pair. Whether the
// activation went as a table of knots.
bool finish_step(Emitter& out, const Step& step, const Epilogue& epilogue, AxisOrder layout,
                 const MakeArgument& argument);

}  // namespace octavo
