// Two ChannelAffines in a row are one: (x s1 + t1) s2 + t2 = x s1 s2 + (t1 s2 + t2). One
// with equal entries is written along the last axis, where channels end up.
#include "graph/pointwise.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool put(Editor& editor, NodeId id, int axis, TensorId x, const Affine& affine) {
  const auto scale = to_float(affine.scale);
  const auto shift = to_float(affine.shift);
  if (!scale || !shift) return false;
  const std::string name = editor.node(id).name;
  const Shape channels{static_cast<int64_t>(scale->size())};
  const TensorId scale_id = editor.add_constant(name + "/scale", channels, *scale);
  const TensorId shift_id = editor.add_constant(name + "/shift", channels, *shift);
  editor.replace(id, ChannelAffine{axis}, {x, scale_id, shift_id});
  return true;
}

bool merge(Editor& editor, NodeId id, const std::vector<bool>& exact) {
  const Node& node = editor.node(id);
  const auto* op = std::get_if<ChannelAffine>(&node.op);
  if (!op) return false;
  const TensorId x = node.inputs[0];
  const int last = static_cast<int>(editor.shape(x).size()) - 1;
  const bool alone = made_by<ChannelAffine>(editor, x) && editor.reader_count(x) == 1;
  if (alone && !exact[node.output]) {
    const NodeId first = editor.maker(x);
    for (const int axis : {op->axis, std::get<ChannelAffine>(editor.node(first).op).axis}) {
      auto outer = affine_along(editor, id, axis);
      const auto inner = affine_along(editor, first, axis);
      if (!outer || !inner) continue;
      for (size_t i = 0; i < outer->scale.size(); ++i) {
        outer->shift[i] += inner->shift[i] * outer->scale[i];
        outer->scale[i] *= inner->scale[i];
      }
      return put(editor, id, axis, operand(editor, x, 0), *outer);
    }
  }
  if (op->axis == last) return false;
  const auto affine = affine_along(editor, id, last);
  return affine && put(editor, id, last, x, *affine);
}

}  // namespace

int merge_affine(Graph& graph) {
  const std::vector<bool> exact = between_roundings(graph);
  return rewrite_nodes(graph,
                       [&](Editor& editor, NodeId id) { return merge(editor, id, exact); });
}

}  // namespace octavo
