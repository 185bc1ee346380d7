// A Slice or Gather behind a Reshape that only splits channels picks channels: it comes first,
// as a Gather of channels, and may then go into the convolution that makes them. So q, k and v
// of [n, tokens, 3, heads, d] or of [n, tokens, heads, 3 d] are rows of one matrix.
#include <numeric>

#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

// The axis of `split` from which on the last axis of `whole` is written, if there is one.
std::optional<size_t> split_begin(const Shape& whole, const Shape& split) {
  if (whole.size() < 2) return std::nullopt;
  int64_t elements = 1;
  for (size_t axis = split.size(); axis-- > 1;) {
    elements *= split[axis];
    if (elements == whole.back()) return axis;
    if (elements > whole.back()) return std::nullopt;
  }
  return std::nullopt;
}

// What the node picks along every axis; nothing where it picks nothing.
std::optional<std::vector<std::vector<int64_t>>> picked(const Node& node, const Shape& shape) {
  const auto* slice = std::get_if<Slice>(&node.op);
  const auto* gather = std::get_if<Gather>(&node.op);
  if (!slice && !gather) return std::nullopt;
  std::vector<std::vector<int64_t>> out(shape.size());
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (gather && static_cast<size_t>(gather->axis) == axis) {
      out[axis] = gather->indices;
      continue;
    }
    out[axis].resize(static_cast<size_t>(slice ? slice->sizes[axis] : shape[axis]));
    std::iota(out[axis].begin(), out[axis].end(), int64_t{0});
    if (!slice) continue;
    for (int64_t& i : out[axis]) i = slice->starts[axis] + i * slice->steps[axis];
  }
  return out;
}

bool takes_all(const std::vector<int64_t>& indices, int64_t size) {
  for (size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] != static_cast<int64_t>(i)) return false;
  }
  return static_cast<int64_t>(indices.size()) == size;
}

bool move_above(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  if (node.inputs.empty() || !made_by<Reshape>(editor, node.inputs[0])) return false;
  const Shape split = editor.shape(node.inputs[0]);
  const TensorId x = operand(editor, node.inputs[0], 0);
  const auto begin = split_begin(editor.shape(x), split);
  const auto indices = begin ? picked(node, split) : std::nullopt;
  if (!indices) return false;
  for (size_t axis = 0; axis < *begin; ++axis) {
    if (!takes_all((*indices)[axis], split[axis])) return false;
  }
  std::vector<int64_t> channels{0};
  for (size_t axis = *begin; axis < split.size(); ++axis) {
    std::vector<int64_t> next;
    for (const int64_t base : channels) {
      for (const int64_t i : (*indices)[axis]) next.push_back(base * split[axis] + i);
    }
    channels = std::move(next);
  }
  const int last = static_cast<int>(editor.shape(x).size()) - 1;
  const Shape shape = editor.shape(node.output);
  editor.split(id, Gather{last, std::move(channels)}, {x}, Reshape{shape});
  return true;
}

}  // namespace

int gather_before_reshape(Graph& graph) {
  return rewrite_nodes(graph, move_above);
}

}  // namespace octavo
