#include <algorithm>
#include <cmath>

#include "graph/pointwise.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

// (pixel - mean) / std * s + t = (pixel - (mean - t std / s)) / (std / s). Nothing is
// done where the result would not be a normalization of pixels.
bool absorb(const Affine& affine, Normalization& normalization) {
  const size_t channels = affine.scale.size();
  std::vector<double> new_mean(channels), new_std(channels);
  for (size_t c = 0; c < channels; ++c) {
    if (!(affine.scale[c] > 0)) return false;
    new_std[c] = normalization.std[c] / affine.scale[c];
    new_mean[c] = normalization.mean[c] - affine.shift[c] * new_std[c];
  }
  const auto mean = to_float(new_mean), std = to_float(new_std);
  if (!mean || !std) return false;
  if (std::any_of(std->begin(), std->end(), [](float v) { return !(v > 0); })) return false;
  std::copy(mean->begin(), mean->end(), normalization.mean.begin());
  std::copy(std->begin(), std->end(), normalization.std.begin());
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

// A normalization that the file itself performs goes into mean and std, so that the network's first
// node reads pixels. Lowering then folds mean and std into the first convolution (numerics.md,
// "Borders").
int absorb_input_affine(Graph& graph) {
  const Shape& shape = graph.tensors[graph.input].shape;
  if (!graph.normalization || shape.size() != 4 ||
      static_cast<size_t>(shape[3]) > graph.normalization->mean.size()) {
    return 0;
  }
  const std::vector<bool> exact = between_roundings(graph);
  Editor editor(graph);
  int taken = 0;
  for (NodeId id = affine_on_input(editor); id != no_node; id = affine_on_input(editor)) {
    const auto affine = affine_along(editor, id, 3);
    const TensorId output = editor.node(id).output;
    if (!affine || output == editor.graph_output() || exact[output]) break;
    if (!absorb(*affine, *graph.normalization)) break;
    if (editor.bypass(id, editor.graph_input())) ++taken;
  }
  editor.finish();
  return taken;
}

}  // namespace octavo
