// At the end: the larger of two tensors, element by element, is the maximum over two rows of a map
// in which one lies behind the other; the smaller is the negated larger of the negated two.
#include <algorithm>

#include "rewrite/written_out.h"

namespace octavo {

namespace {

bool convert(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* binary = std::get_if<Binary>(&node.op);
  if (!binary) return false;
  const bool least = binary->kind == Binary::Kind::minimum;
  if (!least && binary->kind != Binary::Kind::maximum) return false;
  const Shape shape = editor.shape(node.output);
  const int64_t elements = element_count(shape);
  std::vector<TensorId> inputs = node.inputs;
  for (TensorId& input : inputs) {
    if (editor.shape(input) != shape || editor.tensor(input).is_constant()) return false;
  }
  if (shape.empty() || inputs[0] == inputs[1]) return false;
  for (TensorId& input : inputs) {
    if (least) input = insert_scaled(editor, id, input, -1);
    input = editor.insert(id, "", Reshape{{1, elements}}, {input});
  }
  const int64_t channels = shape.back();
  TensorId x = editor.insert(id, "", Concat{1}, inputs);
  x = editor.insert(id, "", Reshape{{1, 2, elements / channels, channels}}, {x});
  Pool2d pool;
  pool.kind = Pool2d::Kind::maximum;
  pool.kernel = {2, 1};
  x = editor.insert(id, "", pool, {x});
  if (least) x = insert_scaled(editor, id, x, -1);
  editor.replace(id, Reshape{shape}, {x});
  return true;
}

}  // namespace

int extremes_by_pool(Graph& graph) {
  return rewrite_nodes(graph, convert);
}

}  // namespace octavo
