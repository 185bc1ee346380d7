#include "quantize/simulate.h"

#include <algorithm>
#include <cmath>

#include "quantize/identity.h"

namespace octavo {

namespace {

RowRounding rounding_of(const FormedStep* step, const StoredTensor& tensor) {
  RowRounding out;
  for (size_t c = 0; c < tensor.scale.size(); ++c) {
    const StoredLevels clamp = step != nullptr ? stored_clamp(*step, tensor, c) : tensor.levels;
    out.scale.push_back(static_cast<float>(tensor.scale[c]));
    out.inverse_scale.push_back(static_cast<float>(1 / tensor.scale[c]));
    out.lo.push_back(static_cast<float>(clamp.lo - tensor.zero_point[c]));
    out.hi.push_back(static_cast<float>(clamp.hi - tensor.zero_point[c]));
  }
  return out;
}

void put_constant(Graph& graph, Node& node, size_t input, Shape shape, std::vector<float> values) {
  const std::string name = node.name + (input == 1 ? ".weight" : ".bias");
  const TensorId id = graph.add_constant(name, std::move(shape), std::move(values));
  if (node.inputs.size() == input) {
    node.inputs.push_back(id);
  } else {
    node.inputs[input] = id;
  }
}

// What a convolution adds to products of what the simulation feeds, which has the zero point taken
// off, in real values.
std::vector<float> real_biases(const StoredConvolution& conv,
                               const std::vector<int32_t>& zero_point, size_t group_channels) {
  const auto bias = stored_bias(conv);
  const size_t taps = conv.integers->taps();
  std::vector<float> out(bias.size());
  for (size_t o = 0; o < bias.size(); ++o) {
    const size_t first = o / static_cast<size_t>(conv.integers->outputs_per_group) * group_channels;
    auto sum = static_cast<double>(bias[o]);
    for (size_t k = 0; k < taps; ++k) {
      const double w = conv.weights[o * taps + k];
      sum += w * zero_point[first + k % group_channels];
    }
    out[o] = static_cast<float>(sum * conv.unit(o) + conv.centre);
  }
  return out;
}

// input_scale: the real value of one unit of what the simulation feeds, a channel each.
void put_integer_weights(Graph& graph, const FormedStep& step, const StoredConvolution& conv,
                         const std::vector<double>& input_scale,
                         const std::vector<int32_t>& zero_point) {
  Node& node = graph.nodes[step.node];
  const Shape shape = graph.tensors[node.inputs[1]].shape;
  const auto group_channels = static_cast<size_t>(shape[3]);
  const size_t taps = conv.integers->taps();
  std::vector<float> weights(conv.weights.size());
  for (size_t o = 0; o < conv.outputs(); ++o) {
    const double unit = conv.unit(o);
    const size_t first = o / static_cast<size_t>(conv.integers->outputs_per_group) * group_channels;
    for (size_t k = 0; k < taps; ++k) {
      const size_t c = first + k % group_channels;
      const double w = conv.weights[o * taps + k];
      weights[o * taps + k] = static_cast<float>(w * unit / input_scale[c]);
    }
    if (const auto& identity = conv.integers->identity; !identity.empty()) {
      const auto own = static_cast<size_t>(own_tap(graph, step, static_cast<int64_t>(o)));
      weights[o * taps + own] += static_cast<float>(identity[o]);
    }
  }
  put_constant(graph, node, 1, shape, std::move(weights));
  put_constant(graph, node, 2, {shape[0]}, real_biases(conv, zero_point, group_channels));
}

// Whoever observes it sees no tensor that is_given(): these have been rounded.
template <class IsGiven>
Status run_rounded(const Simulation& simulation, FloatSession& session,
                   std::span<const float> values, std::span<float> output, const Probe& before,
                   const Probe& after, const IsGiven& is_given) {
  std::vector<std::vector<float>> arguments(simulation.roundings.size());
  const FloatSession::Observer observer = [&](TensorId t, std::span<float> seen) {
    if (t >= arguments.size()) return;
    if (!is_given(t)) {
      if (const ActivationTable* table = simulation.table_at[t]) {
        const auto& argument = arguments[simulation.argument_of[t]];
        for (size_t i = 0; i < seen.size() && i < argument.size(); ++i)
          seen[i] = (*table)(argument[i]);
      }
      if (before) before(t, seen);
      simulation.roundings[t].apply(seen);
      if (after) after(t, seen);
      keep_from_zero(simulation.least_divisor[t], seen);
    }
    if (simulation.is_argument[t] != 0) arguments[t].assign(seen.begin(), seen.end());
  };
  return session.run(values, output, &observer);
}

}  // namespace

void keep_from_zero(const std::vector<float>& least_divisor, std::span<float> values) {
  const size_t channels = least_divisor.size();
  if (channels == 0) return;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] == 0) values[i] = least_divisor[i % channels];
  }
}

Simulation make_simulation(const StepNetwork& network, const Quantization& q) {
  const auto& [graph, mapping, formed, types, flow] = network;
  Simulation out;
  out.graph = graph;
  out.mapping = mapping;
  const size_t tensors = graph.tensors.size();
  out.roundings.resize(tensors);
  out.table_at.assign(tensors, nullptr);
  out.argument_of.assign(tensors, 0);
  out.is_argument.assign(tensors, 0);
  out.least_divisor.resize(tensors);

  const StoredTensor& input = q.tensors[graph.input];
  if (mapping.picture) {
    out.picture_zero.assign(input.zero_point.begin(), input.zero_point.end());
  } else {
    out.roundings[graph.input] = rounding_of(nullptr, input);
  }
  for (size_t s = 0; s < formed.steps.size(); ++s) {
    const FormedStep& step = formed.steps[s];
    if (step.is<form::Constant>()) {
      Tensor& constant = out.graph.tensors[step.output];
      std::vector<float> values = *constant.values;
      rounding_of(&step, q.tensors[step.output]).apply(values);
      constant.values = std::make_shared<const std::vector<float>>(std::move(values));
      continue;
    }
    const StoredTensor& from = q.tensors[step.inputs[0]];
    const bool from_picture = network.is_picture(step.inputs[0]);
    if (step.is<form::Convolution>()) {
      const std::vector<double> one(from.scale.size(), 1.0);
      put_integer_weights(out.graph, step, q.convolution(s), from_picture ? one : from.scale,
                          from.zero_point);
    } else if (from_picture && std::holds_alternative<ChannelAffine>(graph.nodes[step.node].op)) {
      const Node& affine = graph.nodes[step.node];
      const auto channels = static_cast<int64_t>(mapping.std.size());
      const auto scale = by_channel(graph.tensors[affine.inputs[1]], channels);
      const auto shift = by_channel(graph.tensors[affine.inputs[2]], channels);
      std::vector<float> factor(scale.size()), offset(shift.size());
      for (size_t c = 0; c < factor.size(); ++c) {
        factor[c] = static_cast<float>(scale[c] / mapping.std[c]);
        offset[c] = static_cast<float>(
            shift[c] + scale[c] * (from.zero_point[c] - mapping.mean[c]) / mapping.std[c]);
      }
      const Shape shape{static_cast<int64_t>(factor.size())};
      put_constant(out.graph, out.graph.nodes[step.node], 1, shape, std::move(factor));
      put_constant(out.graph, out.graph.nodes[step.node], 2, shape, std::move(offset));
    }
    if (step.is<form::Divide>()) {
      std::vector<float> half;
      for (const double scale : q.tensors[step.inputs[1]].scale) {
        half.push_back(static_cast<float>(scale / 2));
      }
      out.least_divisor[step.inputs[1]] = std::move(half);
    }
    if (!moves_only(step) && step.output != network.logits()) {
      out.roundings[step.output] = rounding_of(&step, q.tensors[step.output]);
    }
    if (q.tables[s]) {
      out.table_at[step.activated] = &*q.tables[s];
      out.argument_of[step.activated] = step.accumulated;
      out.is_argument[step.accumulated] = 1;
    }
  }
  return out;
}

void renew_bias(const StepNetwork& network, const Quantization& q, size_t s,
                Simulation& simulation) {
  const FormedStep& step = network.formed.steps[s];
  const Node& node = simulation.graph.nodes[step.node];
  const auto group_channels =
      static_cast<size_t>(simulation.graph.tensors[node.inputs[1]].shape[3]);
  simulation.graph.tensors[node.inputs[2]].values = std::make_shared<const std::vector<float>>(
      real_biases(q.convolution(s), q.tensors[step.inputs[0]].zero_point, group_channels));
}

void enter(const Simulation& simulation, std::span<float> values) {
  const size_t channels = simulation.picture_zero.size();
  for (size_t k = 0; channels != 0 && k < values.size(); ++k) {
    const size_t c = k % channels;
    const double pixel = values[k] * simulation.mapping.std[c] + simulation.mapping.mean[c];
    values[k] = static_cast<float>(std::rint(pixel)) - simulation.picture_zero[c];
  }
  simulation.roundings[simulation.graph.input].apply(values);
  keep_from_zero(simulation.least_divisor[simulation.graph.input], values);
}

Status simulate(const Simulation& simulation, FloatSession& session, std::vector<float> values,
                std::span<float> logits, const Probe& before, const Probe& after) {
  enter(simulation, values);
  return run_rounded(simulation, session, values, logits, before, after,
                     [&](TensorId t) { return t == simulation.graph.input; });
}

Status simulate_part(const Simulation& simulation, const GraphPart& part, FloatSession& session,
                     std::span<const float> given, std::span<float> kept, const Probe& before,
                     const Probe& after) {
  return run_rounded(simulation, session, given, kept, before, after, [&](TensorId t) {
    return std::binary_search(part.given.begin(), part.given.end(), t);
  });
}

}  // namespace octavo
