// A Slice along channels only (the parts of a Split) is a Gather, which merges with
// channel shuffles and looks through Concat.
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool convert(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* slice = std::get_if<Slice>(&node.op);
  if (!slice) return false;
  const Shape& shape = editor.shape(node.inputs[0]);
  if (shape.size() < 2) return false;
  const size_t last = shape.size() - 1;
  for (size_t axis = 0; axis < last; ++axis) {
    if (slice->sizes[axis] != shape[axis] || slice->steps[axis] != 1) return false;
  }
  Gather gather{static_cast<int>(last), {}};
  for (int64_t i = 0; i < slice->sizes[last]; ++i) {
    gather.indices.push_back(slice->starts[last] + i * slice->steps[last]);
  }
  const TensorId x = node.inputs[0];
  editor.replace(id, std::move(gather), {x});
  return true;
}

}  // namespace

int slice_to_gather(Graph& graph) {
  return rewrite_nodes(graph, convert);
}

}  // namespace octavo
