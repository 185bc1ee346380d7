#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "quantize/roundings.h"
#include "quantize/step_rewrites.h"
#include "quantize/steps.h"
#include "quantize/weights.h"

namespace octavo {

namespace {

constexpr int32_t finer = 256;  // levels of 16 bits in one of a byte's
constexpr float most = 32767;

std::span<const float> row_of(const Tensor& weight, size_t o) {
  const size_t taps = weight.values->size() / static_cast<size_t>(weight.shape[0]);
  return std::span(*weight.values).subspan(o * taps, taps);
}

bool is_left_in_float(const Tensor& weight) {
  for (size_t o = 0; o < static_cast<size_t>(weight.shape[0]); ++o) {
    if (!stored_scale(row_of(weight, o), levels_of_any_word)) return true;
  }
  return false;
}

bool is_one_pixel(const Tensor& tensor) {
  const auto shape = stored_shape(tensor.shape);
  return shape && (*shape)[0] * (*shape)[1] * (*shape)[2] == 1;
}

// The rounding of what the node reads, if it is bytes of one scale, one pixel of them, and the node
// a convolution by weights that the file keeps in float.
const FakeQuantize* bytes_by_float_weights(const Graph& graph, const Node& node,
                                           const std::vector<GivenStorage>& storage) {
  if (!std::holds_alternative<Conv2d>(node.op)) return nullptr;
  const GivenStorage& given = storage[node.inputs[0]];
  const Tensor& weight = graph.tensors[node.inputs[1]];
  if (given.rounding == nullptr || given.is_uneven || given.rounding->grid.highest > 255 ||
      !is_one_pixel(graph.tensors[node.inputs[0]]) || !weight.is_constant()) {
    return nullptr;
  }
  return is_left_in_float(weight) ? given.rounding : nullptr;
}

std::vector<float> in_words(const Tensor& weight) {
  std::vector<float> out;
  for (size_t o = 0; o < static_cast<size_t>(weight.shape[0]); ++o) {
    float largest = 0;
    for (const float w : row_of(weight, o)) largest = std::max(largest, std::fabs(w));
    // Rows that are next to nothing become nothing.
    const float scale = std::max(largest / most, std::numeric_limits<float>::min());
    for (const float w : row_of(weight, o)) out.push_back(std::rint(w / scale) * scale);
  }
  return out;
}

// The same values in words: each byte is 256 of their levels.
Node stored_finer(Graph& graph, TensorId x, const FakeQuantize& bytes, const std::string& name) {
  FakeQuantize words;
  words.grid = {{bytes.grid.scale[0] / finer}, {bytes.grid.zero_point[0] * finer}, UINT16_MAX};
  const Shape shape = graph.tensors[x].shape;
  return Node{name, {}, words, {x}, graph.add_tensor(name, shape)};
}

}  // namespace

// A quantized file may leave the weights of its last layer in float. Where one pixel meets them, 16
// bits cost next to nothing: the pixel is stored again as words, which such weights multiply.
int keep_float_weights(Graph& graph) {
  if (!has_roundings(graph)) return 0;
  std::vector<GivenStorage> storage(graph.tensors.size());
  std::vector<Node> nodes;
  int kept = 0;
  for (const Node& original : graph.nodes) {
    Node node = original;
    if (const FakeQuantize* bytes = bytes_by_float_weights(graph, node, storage)) {
      const std::string name = graph.tensors[node.inputs[0]].name + ".words." + node.name;
      nodes.push_back(stored_finer(graph, node.inputs[0], *bytes, name));
      node.inputs[0] = nodes.back().output;
      const Tensor weight = graph.tensors[node.inputs[1]];
      node.inputs[1] =
          graph.add_constant(weight.name + ".words." + node.name, weight.shape, in_words(weight));
      ++kept;
    }
    storage.resize(graph.tensors.size());
    // Of the original, which stays where it is.
    storage[node.output] = made_storage(original, storage);
    nodes.push_back(std::move(node));
  }
  graph.nodes = std::move(nodes);
  return kept;
}

}  // namespace octavo
