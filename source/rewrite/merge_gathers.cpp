// A Gather of a Gather along the same axis is one; a Gather of a Concat that takes from
// one operand only reads that operand.
#include <algorithm>

#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool merge_pair(Editor& editor, NodeId id, Gather gather) {
  const TensorId x = editor.node(id).inputs[0];
  const auto* inner = made_by<Gather>(editor, x);
  if (!inner || inner->axis != gather.axis) return false;
  for (int64_t& index : gather.indices) index = inner->indices[static_cast<size_t>(index)];
  editor.replace(id, std::move(gather), {operand(editor, x, 0)});
  return true;
}

bool look_through_concat(Editor& editor, NodeId id, Gather gather) {
  const TensorId x = editor.node(id).inputs[0];
  constexpr size_t most_parts = 256;  // thousands of gathers of one Concat stay linear
  const auto* concat = made_by<Concat>(editor, x);
  if (!concat || concat->axis != gather.axis) return false;
  if (editor.node(editor.maker(x)).inputs.size() > most_parts) return false;
  const auto [least, most] = std::minmax_element(gather.indices.begin(), gather.indices.end());
  int64_t begin = 0;
  for (const TensorId part : editor.node(editor.maker(x)).inputs) {
    const int64_t end = begin + editor.shape(part)[static_cast<size_t>(gather.axis)];
    if (*least >= begin && *most < end) {
      for (int64_t& index : gather.indices) index -= begin;
      editor.replace(id, std::move(gather), {part});
      return true;
    }
    begin = end;
  }
  return false;
}

bool merge(Editor& editor, NodeId id) {
  const auto* gather = std::get_if<Gather>(&editor.node(id).op);
  if (!gather) return false;
  const Gather copy = *gather;
  return merge_pair(editor, id, copy) || look_through_concat(editor, id, copy);
}

}  // namespace

int merge_gathers(Graph& graph) {
  return rewrite_nodes(graph, merge);
}

}  // namespace octavo
