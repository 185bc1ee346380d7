// At the end: a Gather along another axis than the last (a class token, a crop, every second row)
// picks channels of a flattened tensor, since only channels can be picked. Where these would be too
// many (windows that overlap, as HaloNet has), the axis is turned to the end and back.
#include "rewrite/written_out.h"

namespace octavo {

namespace {

bool flatten_around(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* gather = std::get_if<Gather>(&node.op);
  if (!gather) return false;
  const Shape shape = editor.shape(node.inputs[0]), output = editor.shape(node.output);
  const auto axis = static_cast<size_t>(gather->axis);
  if (axis + 1 == shape.size()) return false;
  const auto count = [&](size_t begin, size_t end) {
    return element_count({shape.begin() + static_cast<std::ptrdiff_t>(begin),
                          shape.begin() + static_cast<std::ptrdiff_t>(end)});
  };
  const int64_t before = count(0, axis), run = count(axis + 1, shape.size());
  const auto picked = static_cast<int64_t>(gather->indices.size());
  if (picked * run > most_channels) {
    const Gather along{2, gather->indices};
    const TensorId x = editor.insert(id, "", Reshape{{before, shape[axis], run}}, {node.inputs[0]});
    const TensorId turned = editor.insert(id, "", Transpose{{0, 2, 1}}, {x});
    const TensorId rows = editor.insert(id, "", along, {turned});
    editor.split(id, Transpose{{0, 2, 1}}, {rows}, Reshape{output});
    return true;
  }
  Gather channels{1, {}};
  for (const int64_t index : gather->indices) {
    for (int64_t i = 0; i < run; ++i) channels.indices.push_back(index * run + i);
  }
  const TensorId x = editor.insert(id, "", Reshape{{before, shape[axis] * run}}, {node.inputs[0]});
  editor.split(id, std::move(channels), {x}, Reshape{output});
  return true;
}

}  // namespace

int gather_as_channels(Graph& graph) {
  return rewrite_nodes(graph, flatten_around);
}

}  // namespace octavo
