// Which nodes of a graph cannot be integers yet, and why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "graph/graph.h"

namespace octavo {

struct Obstacle {
  enum class Why : uint8_t {
    operator_itself,  // no instance of it can
    computed_weights,
    dilation,
    reduced_axes,
    norm_axes,
    norm_alone,
    network_input,
    computed_affine,
    affine_size,
    constant_side,
    bias,
    cubic,
    constants,
    larger_constant,
    constant_quotient,
    division_by_zero,
    other_axes,
    axis,            // number
    rounding_axis,   // number
    axes,            // number of them
    row,             // number of values, most
    shapes,          // shape, other
    constant_shape,  // shape
    output_shape,    // shape
    last_output,
    input_is_output,
    no_nodes
  };
  Why why = Why::operator_itself;
  Shape shape{}, other{};
  int64_t number = 0, most = 0;
};

struct Refusal {
  std::optional<uint32_t> node;  // none: the graph as a whole
  Obstacle obstacle;
};

// "there is no integer erf", "along axis 2": what follows a node's name and operator.
std::string reason(const Graph& graph, const Refusal& refusal);

// `rejected`, naming all that are refused, where any is.
Status all_formed(const Graph& graph, const std::vector<Refusal>& refused);

}  // namespace octavo
