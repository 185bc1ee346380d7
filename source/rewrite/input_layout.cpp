// The file's picture is NCHW, the result's is NHWC: the input tensor changes its shape
// and a Transpose behind it gives the old one, for the layout rewrites to cancel.
#include <algorithm>

#include "rewrite/table.h"

namespace octavo {

namespace {

enum class Layout { unknown, nchw, other };

bool is_two_dimensional(const Operator& op) {
  return std::holds_alternative<Conv2d>(op) || std::holds_alternative<Pool2d>(op) ||
         std::holds_alternative<Resize>(op);
}

// The importer puts Transpose(0, 2, 3, 1) in front of two-dimensional operators. If
// that is what the input meets first on every way, the input is NCHW; if it meets such an
// operator without one, it is NHWC. What it meets in another shape says nothing.
Layout layout_seen_from_input(const Graph& graph) {
  const std::vector<int> to_nhwc{0, 2, 3, 1};
  const Shape& own = graph.tensors[graph.input].shape;
  std::vector<bool> reached(graph.tensors.size(), false);
  reached[graph.input] = true;
  Layout layout = Layout::unknown;
  for (const Node& node : graph.nodes) {
    const auto reader = std::find_if(node.inputs.begin(), node.inputs.end(),
                                     [&](TensorId input) { return reached[input]; });
    if (reader == node.inputs.end()) continue;
    const auto* transpose = std::get_if<Transpose>(&node.op);
    const bool moves = transpose != nullptr;
    if (graph.tensors[*reader].shape == own) {
      if (is_two_dimensional(node.op) || (moves && transpose->perm != to_nhwc)) {
        return Layout::other;
      }
      if (moves) layout = Layout::nchw;
    }
    reached[node.output] = !moves && !is_two_dimensional(node.op);
  }
  return layout;
}

bool is_nchw(const Graph& graph) {
  const Shape& shape = graph.tensors[graph.input].shape;
  if (shape.size() != 4) return false;
  const Layout seen = layout_seen_from_input(graph);
  if (seen != Layout::unknown) return seen == Layout::nchw;
  // Nothing two-dimensional: colours are the axis of size 1 or 3.
  const auto colours = [](int64_t size) { return size == 1 || size == 3; };
  return colours(shape[1]) && !colours(shape[3]);
}

}  // namespace

int input_layout(Graph& graph) {
  if (!is_nchw(graph)) return 0;
  const Tensor old = graph.tensors[graph.input];
  const TensorId input =
      graph.add_tensor(old.name, {old.shape[0], old.shape[2], old.shape[3], old.shape[1]});
  graph.nodes.insert(graph.nodes.begin(),
                     Node{"", {}, Transpose{{0, 3, 1, 2}}, {input}, graph.input});
  graph.input = input;
  return 1;
}

}  // namespace octavo
