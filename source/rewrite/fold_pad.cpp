// Zeros put around a map in front of a convolution are the convolution's own padding; in
// front of an average they are padding that counts.
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

// Height and width only, with zeros.
std::optional<Pads> zero_border(const Pad& pad) {
  constexpr int64_t most = 1 << 16;
  if (pad.mode != Pad::Mode::constant || pad.value != 0 || pad.before.size() != 4) {
    return std::nullopt;
  }
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

bool fold(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  if (node.inputs.empty()) return false;
  const auto* pad = made_by<Pad>(editor, node.inputs[0]);
  const auto border = pad ? zero_border(*pad) : std::nullopt;
  if (!border) return false;
  Operator op = node.op;
  if (auto* conv = std::get_if<Conv2d>(&op)) {
    constexpr int most = 1 << 16;
    const Pads& p = conv->pads;
    if (p.top > most || p.left > most || p.bottom > most || p.right > most) return false;
    conv->pads = sum(conv->pads, *border);
  } else if (auto* pool = std::get_if<Pool2d>(&op)) {
    const bool counted = pool->pads == Pads{} || pool->count_include_pad;
    const bool simple = !pool->ceil_mode && pool->dilation == std::array<int, 2>{1, 1};
    if (pool->kind != Pool2d::Kind::average || !counted || !simple) return false;
    pool->pads = sum(pool->pads, *border);
    pool->count_include_pad = true;
    if (!fits(pool->pads, pool->kernel)) return false;
  } else {
    return false;
  }
  std::vector<TensorId> inputs = node.inputs;
  inputs[0] = operand(editor, inputs[0], 0);
  editor.replace(id, op, inputs);
  return true;
}

}  // namespace

int fold_pad(Graph& graph) {
  return rewrite_nodes(graph, fold);
}

}  // namespace octavo
