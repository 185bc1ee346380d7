// The quantized network in float: the graph with the weights that its integers stand for,
// run by the float engine, with every rounding point rounded as the integer step would.
// Equal to the plan but for the engine's float sums, which now and then turn a tie over.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "graph/grid.h"
#include "graph/part.h"
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

// Once q.bias_shifts of a convolution are other ones.
void renew_bias(const StepNetwork& network, const Quantization& q, size_t step,
                Simulation& simulation);

// To be done after the rounding.
void keep_from_zero(const std::vector<float>& least_divisor, std::span<float> values);

// Called for every tensor of the graph; the values may be changed.
using Probe = std::function<void(TensorId tensor, std::span<float> values)>;

// What load_values gives, as the simulation's graph reads it.
void enter(const Simulation& simulation, std::span<float> values);

// One picture. values: as load_values gives them. before: ahead of the tensor's rounding,
// after: behind it; either may be empty.
Status simulate(const Simulation& simulation, FloatSession& session, std::vector<float> values,
                std::span<float> logits, const Probe& before, const Probe& after);

// The same for a part of simulation.graph, run by a session of part.graph: what it keeps from what
// it is given, which went through enter() or was kept by an earlier part. Probes see no tensor that
// a part is given, and simulate()'s not the network's input.
Status simulate_part(const Simulation& simulation, const GraphPart& part, FloatSession& session,
                     std::span<const float> given, std::span<float> kept, const Probe& before,
                     const Probe& after);

}  // namespace octavo
