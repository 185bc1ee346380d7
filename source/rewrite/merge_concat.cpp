// A Concat of channels that all come from one tensor, each perhaps with a scale and a
// shift, is one Gather with one ChannelAffine: a normalization written out a colour at a
// time (torchvision's transform_input), a Split that is joined again.
#include <algorithm>

#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

struct Channels {
  TensorId source = 0;
  std::vector<int64_t> indices;
  Affine affine;
  bool scaled = false;
};

// A Gather along the axis, or a ChannelAffine of one.
std::optional<Channels> channels_of(const Editor& editor, TensorId id, int axis) {
  Channels out;
  const auto size = static_cast<size_t>(editor.shape(id)[static_cast<size_t>(axis)]);
  out.affine = {std::vector<double>(size, 1), std::vector<double>(size, 0)};
  if (made_by<ChannelAffine>(editor, id)) {
    const auto affine = affine_along(editor, editor.maker(id), axis);
    if (!affine) return std::nullopt;
    out.affine = *affine;
    out.scaled = true;
    id = operand(editor, id, 0);
  }
  const auto* gather = made_by<Gather>(editor, id);
  if (!gather || gather->axis != axis) return std::nullopt;
  out.indices = gather->indices;
  out.source = operand(editor, id, 0);
  return out;
}

template <class Value>
void append(std::vector<Value>& to, const std::vector<Value>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// Of all operands together, if they have one source.
std::optional<Channels> joined(const Editor& editor, const Node& node, int axis) {
  Channels all;
  for (const TensorId input : node.inputs) {
    const auto part = channels_of(editor, input, axis);
    if (!part || (input != node.inputs[0] && part->source != all.source)) return std::nullopt;
    all.source = part->source;
    all.scaled = all.scaled || part->scaled;
    append(all.indices, part->indices);
    append(all.affine.scale, part->affine.scale);
    append(all.affine.shift, part->affine.shift);
  }
  return all;
}

bool merge(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* concat = std::get_if<Concat>(&node.op);
  if (!concat) return false;
  const int axis = concat->axis;
  const auto all = joined(editor, node, axis);
  if (!all) return false;
  if (!all->scaled) {
    editor.replace(id, Gather{axis, all->indices}, {all->source});
    return true;
  }
  const auto scale = to_float(all->affine.scale), shift = to_float(all->affine.shift);
  if (!scale || !shift) return false;
  const Shape channels{static_cast<int64_t>(scale->size())};
  const TensorId gathered = editor.insert(id, "", Gather{axis, all->indices}, {all->source});
  const TensorId scale_id = editor.add_constant(node.name + "/scale", channels, *scale);
  const TensorId shift_id = editor.add_constant(node.name + "/shift", channels, *shift);
  editor.replace(id, ChannelAffine{axis}, {gathered, scale_id, shift_id});
  return true;
}

}  // namespace

int merge_concat(Graph& graph) {
  return rewrite_nodes(graph, merge);
}

}  // namespace octavo
