#include <algorithm>
#include <cmath>

#include "graph/pointwise.h"
#include "rewrite/pattern.h"
#include "rewrite/rewrite.h"

namespace octavo {

namespace {

// (pixel - mean) / std * s + t = (pixel - (mean - t std / s)) / (std / s). Nothing is
// done where the result would not be a normalization of pixels.
bool absorb(const Affine& affine, std::span<float> mean, std::span<float> std) {
  std::vector<double> new_mean(mean.size()), new_std(std.size());
  for (size_t c = 0; c < mean.size(); ++c) {
    if (!(affine.scale[c] > 0)) return false;
    new_std[c] = std[c] / affine.scale[c];
    new_mean[c] = mean[c] - affine.shift[c] * new_std[c];
  }
  const auto mean_float = to_float(new_mean), std_float = to_float(new_std);
  if (!mean_float || !std_float) return false;
  if (std::any_of(std_float->begin(), std_float->end(), [](float v) { return !(v > 0); })) {
    return false;
  }
  std::copy(mean_float->begin(), mean_float->end(), mean.begin());
  std::copy(std_float->begin(), std_float->end(), std.begin());
  return true;
}

// The ChannelAffine along channels that alone reads the input, or no_node.
NodeId affine_on_input(const Editor& editor) {
  if (editor.reader_count(editor.graph_input()) != 1) return no_node;
  for (NodeId id = 0; id < editor.end(); ++id) {
    if (!editor.alive(id)) continue;
    const Node& node = editor.node(id);
    if (node.inputs[0] != editor.graph_input()) continue;
    return std::holds_alternative<ChannelAffine>(node.op) ? id : no_node;
  }
  return no_node;
}

}  // namespace

bool absorb_input_affine(Graph& graph, std::span<float> mean, std::span<float> std) {
  const Shape& shape = graph.tensors[graph.input].shape;
  if (shape.size() != 4 || static_cast<size_t>(shape[3]) != mean.size() ||
      mean.size() != std.size()) {
    return false;
  }
  const std::vector<bool> exact = between_roundings(graph);
  Editor editor(graph);
  bool taken = false;
  for (NodeId id = affine_on_input(editor); id != no_node; id = affine_on_input(editor)) {
    const auto affine = affine_along(editor, id, 3);
    const TensorId output = editor.node(id).output;
    if (!affine || output == editor.graph_output() || exact[output]) break;
    if (!absorb(*affine, mean, std)) break;
    taken = editor.bypass(id, editor.graph_input()) || taken;
  }
  editor.finish();
  return taken;
}

}  // namespace octavo
