// A Slice is a Gather along each axis that it cuts (the parts of a Split, crops, tokens), which
// merges with other Gathers and channel shuffles and looks through Concat.
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool cuts(const Slice& slice, const Shape& shape, size_t axis) {
  return slice.sizes[axis] != shape[axis] || slice.steps[axis] != 1;
}

Gather along(const Slice& slice, size_t axis) {
  Gather gather{static_cast<int>(axis), {}};
  for (int64_t i = 0; i < slice.sizes[axis]; ++i) {
    gather.indices.push_back(slice.starts[axis] + i * slice.steps[axis]);
  }
  return gather;
}

bool convert(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* found = std::get_if<Slice>(&node.op);
  if (!found) return false;
  const Slice slice = *found;
  const Shape shape = editor.shape(node.inputs[0]);
  if (shape.size() < 2) return false;
  std::vector<size_t> axes;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (!cuts(slice, shape, axis)) continue;
    if (slice.sizes[axis] > most_channels) return false;
    axes.push_back(axis);
  }
  if (axes.empty()) return false;  // it changes nothing: remove_identity
  TensorId x = node.inputs[0];
  for (size_t i = 0; i + 1 < axes.size(); ++i) {
    x = editor.insert(id, "", along(slice, axes[i]), {x});
  }
  editor.replace(id, along(slice, axes.back()), {x});
  return true;
}

}  // namespace

int slice_to_gather(Graph& graph) {
  return rewrite_nodes(graph, convert);
}

}  // namespace octavo
