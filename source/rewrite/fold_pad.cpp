// Zeros put around a map in front of a convolution are the convolution's own padding; in
// front of an average they are padding that counts. Around a map none of whose values is
// smaller, zeros (behind a ReLU) or any other number win no maximum: the pool's own padding.
#include <algorithm>

#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"
#include "rewrite/value_bounds.h"

namespace octavo {

namespace {

// Height and width only, with one number.
std::optional<Pads> border_of(const Pad& pad) {
  constexpr int64_t most = 1 << 16;
  if (pad.mode != Pad::Mode::constant || pad.before.size() != 4) return std::nullopt;
  for (const Shape* amounts : {&pad.before, &pad.after}) {
    const Shape& a = *amounts;
    if (a[0] != 0 || a[3] != 0 || a[1] > most || a[2] > most) return std::nullopt;
  }
  return Pads{static_cast<int>(pad.before[1]), static_cast<int>(pad.before[2]),
              static_cast<int>(pad.after[1]), static_cast<int>(pad.after[2])};
}

Pads sum(const Pads& a, const Pads& b) {
  return {a.top + b.top, a.left + b.left, a.bottom + b.bottom, a.right + b.right};
}

// A pool's window must hold a pixel, so that its padding is less than its kernel.
bool fits(const Pads& pads, const std::array<int, 2>& kernel) {
  return pads.top < kernel[0] && pads.bottom < kernel[0] && pads.left < kernel[1] &&
         pads.right < kernel[1];
}

// Exporters write minus infinity as the lowest float.
bool wins_no_maximum(float padding, const KnownValues& x) {
  constexpr float as_good_as_infinite = -1e30f;
  return padding <= x.bounds.lo || padding <= as_good_as_infinite;
}

// The Pad that makes an operand, as it would be behind a Transpose that stands between.
struct Padded {
  TensorId x;  // in front of both
  Pad pad;
  Permutation turned;  // empty: no Transpose
};

std::optional<Padded> padded(const Editor& editor, TensorId id) {
  if (const auto* pad = made_by<Pad>(editor, id)) return Padded{operand(editor, id, 0), *pad, {}};
  const auto* transpose = made_by<Transpose>(editor, id);
  if (!transpose) return std::nullopt;
  const TensorId inner = operand(editor, id, 0);
  const auto* found = made_by<Pad>(editor, inner);
  if (!found) return std::nullopt;
  Pad pad = *found;
  pad.before = shape_after(pad.before, transpose->perm);
  pad.after = shape_after(pad.after, transpose->perm);
  return Padded{operand(editor, inner, 0), pad, transpose->perm};
}

bool fold(Editor& editor, NodeId id, const std::vector<KnownValues>& known) {
  const Node& node = editor.node(id);
  if (node.inputs.empty()) return false;
  const auto found = padded(editor, node.inputs[0]);
  const auto border = found ? border_of(found->pad) : std::nullopt;
  if (!border) return false;
  const Pad* pad = &found->pad;
  const TensorId x = found->x;
  const auto* maximum = std::get_if<Pool2d>(&node.op);
  const bool takes_maximum = maximum && maximum->kind == Pool2d::Kind::maximum;
  if (!takes_maximum && pad->value != 0) return false;
  Operator op = node.op;
  if (auto* conv = std::get_if<Conv2d>(&op)) {
    constexpr int most = 1 << 16;
    const Pads& p = conv->pads;
    if (p.top > most || p.left > most || p.bottom > most || p.right > most) return false;
    conv->pads = sum(conv->pads, *border);
  } else if (auto* pool = std::get_if<Pool2d>(&op)) {
    const bool counted = pool->pads == Pads{} || pool->count_include_pad;
    const bool simple = !pool->ceil_mode && pool->dilation == std::array<int, 2>{1, 1};
    if (!simple) return false;
    if (takes_maximum) {
      if (x >= known.size() || !wins_no_maximum(pad->value, known[x])) return false;
    } else {
      if (!counted) return false;
      pool->count_include_pad = true;
    }
    pool->pads = sum(pool->pads, *border);
    if (!fits(pool->pads, pool->kernel)) return false;
  } else {
    return false;
  }
  std::vector<TensorId> inputs = node.inputs;
  inputs[0] = found->turned.empty() ? x : editor.insert(id, "", Transpose{found->turned}, {x});
  editor.replace(id, op, inputs);
  return true;
}

}  // namespace

int fold_pad(Graph& graph) {
  const bool pads = std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) {
    return std::holds_alternative<Pad>(node.op);
  });
  if (!pads) return 0;
  const std::vector<KnownValues> known = known_values(graph);
  Editor editor(graph);
  int changed = 0;
  const NodeId end = editor.end();
  for (NodeId id = 0; id < end; ++id) {
    if (editor.alive(id) && fold(editor, id, known)) ++changed;
  }
  editor.finish();
  return changed;
}

}  // namespace octavo
