// At the end: a Softmax along another axis than the last (attention over tokens, over the branches
// of a split) has that axis turned to the end, where rows lie together.
#include <numeric>

#include "rewrite/layout.h"
#include "rewrite/written_out.h"

namespace octavo {

namespace {

bool turn(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* softmax = std::get_if<Softmax>(&node.op);
  if (!softmax) return false;
  const int last = static_cast<int>(editor.shape(node.output).size()) - 1, axis = softmax->axis;
  if (axis == last) return false;
  Permutation swap(static_cast<size_t>(last) + 1);
  std::iota(swap.begin(), swap.end(), 0);
  std::swap(swap[static_cast<size_t>(axis)], swap[static_cast<size_t>(last)]);
  const TensorId x = editor.insert(id, "", Transpose{swap}, {node.inputs[0]});
  editor.split(id, Softmax{last}, {x}, Transpose{swap});
  return true;
}

}  // namespace

int softmax_over_last(Graph& graph) {
  return rewrite_nodes(graph, turn);
}

}  // namespace octavo
