// An average of x s + t is the average of x, times s, plus t: the affine moves behind the
// pool, where it works on fewer elements and often meets a convolution to vanish into.
// Not where padding counts: padding holds zero, not t.
#include <algorithm>

#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool move_below(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* found = std::get_if<Pool2d>(&node.op);
  if (!found || found->kind != Pool2d::Kind::average) return false;
  const Pool2d pool = *found;
  const TensorId x = node.inputs[0];
  const auto* affine = made_by<ChannelAffine>(editor, x);
  if (!affine || affine->axis != 3 || editor.reader_count(x) != 1) return false;
  const std::vector<TensorId> parameters = editor.node(editor.maker(x)).inputs;
  const std::vector<float>& shift = values(editor, parameters[2]);
  const bool shifts = std::any_of(shift.begin(), shift.end(), [](float v) { return v != 0; });
  if (pool.count_include_pad && pool.pads != Pads{} && shifts) return false;
  const TensorId pooled = editor.insert(id, node.name, pool, {parameters[0]});
  editor.replace(id, ChannelAffine{3}, {pooled, parameters[1], parameters[2]});
  return true;
}

}  // namespace

int affine_below_pool(Graph& graph) {
  return rewrite_nodes(graph, move_below);
}

}  // namespace octavo
