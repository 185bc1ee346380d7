// Inside the room: one function a kind of step.
#pragma once

#include <string>

#include "export/emit.h"

namespace octavo {

struct Emitted {
  std::string problem;    // why ONNX cannot express the step; "" if it can
  bool by_table = false;  // the activation went as a table of knots
};

Emitted emit_step(Emitter& out, const Step& step);

// float [1, c, h, w], the network's input under that name, becomes the plan's first tensor.
void emit_input(Emitter& out, const std::string& name);

}  // namespace octavo
