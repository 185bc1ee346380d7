// The quantized network in float: the graph with the weights that its integers stand for,
// run by the float engine, with every rounding point rounded as the integer step would.
// Equal to the plan but for the engine's float sums, which now and then turn a tie over.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "graph/grid.h"
#include "quantize/network.h"
#include "quantize/quantization.h"

namespace octavo {

struct Simulation {
  Graph graph;
  std::vector<RowRounding> roundings;  // by tensor, as the plan's multipliers have it; empty: none
  std::vector<const ActivationTable*>
      table_at;                       // by tensor: set where a table's step has its result
  std::vector<TensorId> argument_of;  // by tensor: what that table reads
  std::vector<uint8_t> is_argument;   // by tensor
  // By tensor: half a unit of each channel, which a divisor is where it was rounded to nothing.
  std::vector<std::vector<float>> least_divisor;
  InputMapping mapping;
  // A picture enters as pixel less zero point, so that padding is what the plan pads with.
  std::vector<float> picture_zero;
};

// `q`, as far as the passes have come, at least to its tables. It must outlive the simulation.
Simulation make_simulation(const StepNetwork& network, const Quantization& q);

// To be done after the rounding.
void keep_from_zero(const std::vector<float>& least_divisor, std::span<float> values);

// Called for every tensor of the graph; the values may be changed.
using Probe = std::function<void(TensorId tensor, std::span<float> values)>;

// One picture. values: as load_values gives them. before: ahead of the tensor's rounding,
// after: behind it; either may be empty.
Status simulate(const Simulation& simulation, FloatSession& session, std::vector<float> values,
                std::span<float> logits, const Probe& before, const Probe& after);

}  // namespace octavo
