// A Slice or Gather behind a Reshape that only splits channels picks channels: it comes first,
// as a Gather of channels, and may then go into the convolution that makes them. So q, k and v
// of [n, tokens, 3, heads, d] or of [n, tokens, heads, 3 d] are rows of one matrix.
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

// What the node picks along an axis of `size` entries; nothing if it picks nowhere at all.
std::optional<std::vector<int64_t>> picked(const Operator& op, size_t axis, int64_t size) {
  const auto* slice = std::get_if<Slice>(&op);
  const auto* gather = std::get_if<Gather>(&op);
  if (!slice && !gather) return std::nullopt;
  if (gather && static_cast<size_t>(gather->axis) == axis) return gather->indices;
  const int64_t count = slice ? slice->sizes[axis] : size;
  if (count > most_channels) return std::nullopt;
  std::vector<int64_t> out(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    out[static_cast<size_t>(i)] = slice ? slice->starts[axis] + i * slice->steps[axis] : i;
  }
  return out;
}

bool takes_all(const Operator& op, size_t axis, int64_t size) {
  if (const auto* gather = std::get_if<Gather>(&op))
    return static_cast<size_t>(gather->axis) != axis;
  const auto* slice = std::get_if<Slice>(&op);
  return slice && slice->sizes[axis] == size && slice->steps[axis] == 1;
}

// The channels, in the order of the node's output, of a split that begins at an axis.
std::optional<std::vector<int64_t>> picked_channels(const Operator& op, const Shape& split,
                                                    size_t begin, int64_t most) {
  std::vector<int64_t> channels{0};
  for (size_t axis = begin; axis < split.size(); ++axis) {
    const auto indices = picked(op, axis, split[axis]);
    if (!indices) return std::nullopt;
    if (channels.size() * indices->size() > static_cast<size_t>(most)) return std::nullopt;
    std::vector<int64_t> next;
    next.reserve(channels.size() * indices->size());
    for (const int64_t base : channels) {
      for (const int64_t i : *indices) next.push_back(base * split[axis] + i);
    }
    channels = std::move(next);
  }
  return channels;
}

bool move_above(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  if (node.inputs.empty() || !made_by<Reshape>(editor, node.inputs[0])) return false;
  const Shape split = editor.shape(node.inputs[0]);
  const TensorId x = operand(editor, node.inputs[0], 0);
  const Shape& whole = editor.shape(x);
  const auto begin = split_begin(whole, split);
  if (!begin) return false;
  for (size_t axis = 0; axis < *begin; ++axis) {
    if (!takes_all(node.op, axis, split[axis])) return false;
  }
  // No more than there are: what picks channels twice is no part of them.
  auto channels = picked_channels(node.op, split, *begin, whole.back());
  if (!channels) return false;
  const int last = static_cast<int>(whole.size()) - 1;
  const Shape shape = editor.shape(node.output);
  editor.split(id, Gather{last, std::move(*channels)}, {x}, Reshape{shape});
  return true;
}

}  // namespace

int gather_before_reshape(Graph& graph) {
  return rewrite_nodes(graph, move_above);
}

}  // namespace octavo
