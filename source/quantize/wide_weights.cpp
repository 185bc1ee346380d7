#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "quantize/roundings.h"
#include "quantize/step_rewrites.h"
#include "quantize/weights.h"

namespace octavo {

namespace {

// A convolution's weights as the file's integers.
struct WholeWeights {
  std::vector<int32_t> levels;  // [outputs, taps]
  std::vector<float> scale;     // [outputs]
};

std::optional<WholeWeights> whole_of(const Tensor& weight, WholeLevels levels) {
  const auto rows = static_cast<size_t>(weight.shape[0]);
  const size_t taps = weight.values->size() / rows;
  const auto of_all = stored_scale(*weight.values, levels);  // a scale a tensor, not a row
  WholeWeights out;
  for (size_t o = 0; o < rows; ++o) {
    const auto row = std::span(*weight.values).subspan(o * taps, taps);
    const auto scale = of_all ? of_all : stored_scale(row, levels);
    if (!scale) return std::nullopt;
    out.scale.push_back(*scale);
    for (const float w : row) out.levels.push_back(static_cast<int32_t>(std::rint(w / *scale)));
  }
  return out;
}

// Takes what a signed byte holds off the level.
int32_t take_part(int32_t& level) {
  const int32_t part = std::clamp(level, -128, 127);
  level -= part;
  return part;
}

int64_t parts_of(const WholeWeights& weights) {
  int64_t most = 1;
  for (int32_t level : weights.levels) {
    int64_t parts = 0;
    for (; level != 0; ++parts) take_part(level);
    most = std::max(most, parts);
  }
  return most;
}

// [o, kh, kw, c] as [o, kh, kw, parts * c]: those of a tap one after the other.
std::vector<float> split(const WholeWeights& weights, int64_t outputs, int64_t channels,
                         int64_t parts) {
  std::vector<float> out;
  const int64_t positions = static_cast<int64_t>(weights.levels.size()) / channels;
  for (int64_t position = 0; position < positions; ++position) {
    const auto first = weights.levels.begin() + position * channels;
    std::vector<int32_t> rest(first, first + channels);
    const auto o = static_cast<size_t>(position / (positions / outputs));
    for (int64_t part = 0; part < parts; ++part) {
      for (int32_t& level : rest) {
        out.push_back(static_cast<float>(take_part(level)) * weights.scale[o]);
      }
    }
  }
  return out;
}

std::optional<WholeWeights> wide_weights(const Graph& graph, const Node& node) {
  if (!std::holds_alternative<Conv2d>(node.op) || node.inputs[0] == graph.input) return {};
  const Tensor& weight = graph.tensors[node.inputs[1]];
  if (!weight.is_constant() || whole_of(weight, {})) return {};
  return whole_of(weight, levels_of_any_byte);
}

// The channels of each group, `parts` times.
Node repeat_channels(Graph& graph, const Node& node, int64_t parts) {
  const TensorId x = node.inputs[0];
  const int64_t of_group = graph.tensors[node.inputs[1]].shape[3];
  const std::string name = graph.tensors[x].name + ".repeated." + node.name;
  Shape shape = graph.tensors[x].shape;
  Gather gather;
  gather.axis = static_cast<int>(shape.size()) - 1;
  for (int64_t first = 0; first < shape.back(); first += of_group) {
    for (int64_t i = 0; i < parts * of_group; ++i) gather.indices.push_back(first + i % of_group);
  }
  shape.back() *= parts;
  return Node{name, {}, gather, {x}, graph.add_tensor(name, shape)};
}

void put_weights(Graph& graph, Node& node, const WholeWeights& weights, int64_t parts) {
  const Tensor old = graph.tensors[node.inputs[1]];
  Shape shape = old.shape;
  shape[3] *= parts;
  node.inputs[1] = graph.add_constant(old.name + ".parts." + node.name, shape,
                                      split(weights, old.shape[0], old.shape[3], parts));
}

}  // namespace

// Weights of a quantized file that signed bytes do not hold, unsigned bytes with a zero point far
// from 128: a convolution whose weights are whole numbers of up to 9 bits reads its input's
// channels two or three times, by weights that are parts of the file's and add up to them. Sums
// stay the file's, in kernels of bytes.
int split_wide_weights(Graph& graph) {
  if (!has_roundings(graph)) return 0;
  std::vector<Node> nodes;
  for (const Node& original : graph.nodes) {
    Node node = original;
    if (const auto weights = wide_weights(graph, node)) {
      const int64_t parts = parts_of(*weights);
      nodes.push_back(repeat_channels(graph, node, parts));
      put_weights(graph, node, *weights, parts);
      node.inputs[0] = nodes.back().output;
    }
    nodes.push_back(std::move(node));
  }
  const size_t split_ones = nodes.size() - graph.nodes.size();
  graph.nodes = std::move(nodes);
  return static_cast<int>(split_ones);
}

}  // namespace octavo
