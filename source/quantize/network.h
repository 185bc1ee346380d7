// A network cut into steps: what every pass of the quantizer reads and none changes.
#pragma once

#include <string>
#include <vector>

#include "quantize/flow.h"
#include "quantize/pictures.h"
#include "quantize/quantize.h"
#include "quantize/types.h"

namespace octavo {

struct StepNetwork {
  Graph graph;
  InputMapping mapping;
  FormedSteps formed;
  StoredTypes types;
  ChannelFlow flow;

  TensorId logits() const { return formed.stored_as[graph.output]; }  // the one f32 tensor
  bool is_picture(TensorId t) const { return mapping.picture && t == graph.input; }
};

// `graph` has been through run_rewrites. Of the options: int16_nodes, disabled and ran. The errors
// of prepare_for_steps, form_steps and stored_types, and those of a preprocessing that does not fit
// the network.
Result<StepNetwork> cut_into_steps(const Graph& graph, const Preprocess* how,
                                   const QuantizeOptions& options = {});

}  // namespace octavo
