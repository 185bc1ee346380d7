// A Transpose moves below operators of one activation: unary ones, reductions, slices and
// the like, whose axes are renamed. Below the last of them it meets the Transpose that the
// importer put in front of the next two-dimensional operator, and both cancel.
#include <algorithm>

#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

// The operator on the untransposed tensor, and the permutation behind it.
struct Moved {
  Operator op;
  Permutation after;
};

struct MoveBelow {
  const Permutation& perm;

  int before(int axis) const { return perm[static_cast<size_t>(axis)]; }

  bool is_last(int axis) const { return axis == static_cast<int>(perm.size()) - 1; }

  // Two in a row are one.
  std::optional<Moved> operator()(const Transpose& op) const {
    return Moved{Transpose{compose(perm, op.perm)}, {}};
  }
  std::optional<Moved> operator()(const Unary& op) const { return Moved{op, perm}; }
  std::optional<Moved> operator()(const FakeQuantize& op) const {
    FakeQuantize moved = op;
    if (op.by_axis()) moved.axis = before(op.axis);
    return Moved{moved, perm};
  }
  std::optional<Moved> operator()(const ChannelAffine& op) const {
    return Moved{ChannelAffine{before(op.axis)}, perm};
  }
  // Normalizations over the last axis read rows as they lie in memory, and stay so.
  std::optional<Moved> operator()(const Softmax& op) const {
    if (is_last(op.axis) && !is_last(before(op.axis))) return std::nullopt;
    return Moved{Softmax{before(op.axis)}, perm};
  }
  std::optional<Moved> operator()(const LayerNorm& op) const {
    if (!is_last(perm.back())) return std::nullopt;
    return Moved{op, perm};
  }
  std::optional<Moved> operator()(const Gather& op) const {
    return Moved{Gather{before(op.axis), op.indices}, perm};
  }
  std::optional<Moved> operator()(const Slice& op) const {
    return Moved{Slice{entries_before(op.starts, perm), entries_before(op.sizes, perm),
                       entries_before(op.steps, perm)},
                 perm};
  }
  std::optional<Moved> operator()(const Pad& op) const {
    return Moved{
        Pad{op.mode, entries_before(op.before, perm), entries_before(op.after, perm), op.value},
        perm};
  }
  std::optional<Moved> operator()(const Expand& op) const {
    if (op.shape.size() != perm.size()) return std::nullopt;
    return Moved{Expand{entries_before(op.shape, perm)}, perm};
  }
  std::optional<Moved> operator()(const Reduce& op) const {
    const bool norm_of_rows =
        op.kind == Reduce::Kind::l2 && op.axes.size() == 1 && is_last(op.axes[0]);
    if (norm_of_rows && !is_last(before(op.axes[0]))) return std::nullopt;
    Reduce moved = op;
    for (int& axis : moved.axes) axis = before(axis);
    std::sort(moved.axes.begin(), moved.axes.end());
    return Moved{moved, op.keep_dims ? perm : order_of_kept(op.axes)};
  }
  template <class Op>
  std::optional<Moved> operator()(const Op&) const {
    return std::nullopt;
  }

 private:
  // The axes that a reduction leaves, as ranks among those left of the untransposed tensor.
  Permutation order_of_kept(const std::vector<int>& reduced) const {
    std::vector<int> kept;
    for (int axis = 0; axis < static_cast<int>(perm.size()); ++axis) {
      if (std::find(reduced.begin(), reduced.end(), axis) == reduced.end()) {
        kept.push_back(before(axis));
      }
    }
    std::vector<int> sorted = kept;
    std::sort(sorted.begin(), sorted.end());
    for (int& axis : kept) {
      axis =
          static_cast<int>(std::lower_bound(sorted.begin(), sorted.end(), axis) - sorted.begin());
    }
    return kept;
  }
};

bool move_below(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  if (node.inputs.empty()) return false;
  const auto* transpose = made_by<Transpose>(editor, node.inputs[0]);
  if (!transpose) return false;
  const std::optional<Moved> moved = std::visit(MoveBelow{transpose->perm}, node.op);
  if (!moved) return false;
  std::vector<TensorId> inputs = node.inputs;
  inputs[0] = operand(editor, inputs[0], 0);
  if (is_identity(moved->after)) {
    editor.replace(id, moved->op, inputs);
  } else {
    editor.split(id, moved->op, inputs, Transpose{moved->after});
  }
  return true;
}

}  // namespace

int transpose_below(Graph& graph) {
  return rewrite_nodes(graph, move_below);
}

}  // namespace octavo
