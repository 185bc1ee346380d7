// A Reshape that joins or splits only axes which lie side by side in front of the
// Transpose too (height and width into tokens, channels into heads) can come first:
// [n, h, w, c] -> [n, c, h, w] -> [n, c, hw] is [n, h, w, c] -> [n, hw, c] -> [n, c, hw].
#include <algorithm>

#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

// The axes of a segment in front of the Transpose, if they lie side by side there in the
// same order; axes of size 1 may lie anywhere. Nothing otherwise.
std::optional<int> place_before(const Segment& segment, const Permutation& perm,
                                const Shape& transposed_shape) {
  std::vector<int> axes;
  for (size_t i = segment.from_begin; i < segment.from_end; ++i) {
    if (transposed_shape[i] != 1) axes.push_back(perm[i]);
  }
  if (axes.empty()) return perm[segment.from_begin];
  const Permutation back = inverse(perm);
  for (size_t i = 1; i < axes.size(); ++i) {
    if (axes[i] < axes[i - 1]) return std::nullopt;
    for (int between = axes[i - 1] + 1; between < axes[i]; ++between) {
      if (transposed_shape[static_cast<size_t>(back[static_cast<size_t>(between)])] != 1) {
        return std::nullopt;
      }
    }
  }
  return axes.front();
}

struct Placed {
  int place;
  Segment segment;
};

// Segments in the order in which they lie in front of the Transpose.
std::optional<std::vector<Placed>> placed_segments(const Shape& from, const Shape& to,
                                                   const Permutation& perm) {
  std::vector<Placed> out;
  for (const Segment& segment : segments_of(from, to)) {
    const auto place = place_before(segment, perm, from);
    if (!place) return std::nullopt;
    out.push_back({*place, segment});
  }
  std::sort(out.begin(), out.end(),
            [](const Placed& a, const Placed& b) { return a.place < b.place; });
  return out;
}

bool move_below(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* reshape = std::get_if<Reshape>(&node.op);
  const auto* transpose = reshape ? made_by<Transpose>(editor, node.inputs[0]) : nullptr;
  if (!transpose) return false;
  const Shape from = editor.shape(node.inputs[0]);
  const Shape to = reshape->shape;
  const auto segments = placed_segments(from, to, transpose->perm);
  if (!segments || segments->empty()) return false;
  Shape shape;                  // of the Reshape that comes first
  Permutation perm(to.size());  // of the Transpose behind it
  for (const Placed& placed : *segments) {
    for (size_t axis = placed.segment.to_begin; axis < placed.segment.to_end; ++axis) {
      perm[axis] = static_cast<int>(shape.size());
      shape.push_back(to[axis]);
    }
  }
  const TensorId x = operand(editor, node.inputs[0], 0);
  if (is_identity(perm)) {
    editor.replace(id, Reshape{shape}, {x});
  } else {
    editor.split(id, Reshape{shape}, {x}, Transpose{perm});
  }
  return true;
}

}  // namespace

int transpose_below_reshape(Graph& graph) {
  return rewrite_nodes(graph, move_below);
}

}  // namespace octavo
