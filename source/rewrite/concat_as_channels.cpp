// At the end: a Concat along another axis than the last (a class token in front of tokens, halves
// of a map that is rolled) joins channels of flattened tensors, since only channels can be joined.
#include "rewrite/written_out.h"

namespace octavo {

namespace {

bool flatten_around(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* concat = std::get_if<Concat>(&node.op);
  if (!concat) return false;
  const Shape output = editor.shape(node.output);
  const auto axis = static_cast<size_t>(concat->axis);
  if (axis + 1 == output.size()) return false;
  for (const TensorId input : node.inputs) {
    if (editor.tensor(input).is_constant() && !editor.may_copy(input)) return false;
  }
  const int64_t before =
      element_count({output.begin(), output.begin() + static_cast<std::ptrdiff_t>(axis)});
  std::vector<TensorId> inputs = node.inputs;
  for (TensorId& input : inputs) {
    const Shape flat{before, element_count(editor.shape(input)) / before};
    input = editor.tensor(input).is_constant()
                ? editor.add_constant(editor.tensor(input).name, flat, values(editor, input))
                : editor.insert(id, "", Reshape{flat}, {input});
  }
  editor.split(id, Concat{1}, inputs, Reshape{output});
  return true;
}

}  // namespace

int concat_as_channels(Graph& graph) {
  return rewrite_nodes(graph, flatten_around);
}

}  // namespace octavo
