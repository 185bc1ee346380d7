// One form of clamping: minimum and maximum with a number, clip of clip and ReLU become
// one clip, and clip to [0, infinity] becomes ReLU.
#include <algorithm>
#include <cmath>
#include <limits>

#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

struct Clamp {
  TensorId x;
  float low = -infinity, high = infinity;
};

std::optional<Clamp> clamp_of(const Editor& editor, TensorId id) {
  if (const auto* unary = made_by<Unary>(editor, id)) {
    if (unary->kind == Unary::Kind::relu) return Clamp{operand(editor, id, 0), 0, infinity};
    if (unary->kind != Unary::Kind::clip) return std::nullopt;
    return Clamp{operand(editor, id, 0), unary->alpha, unary->beta};
  }
  const auto* binary = made_by<Binary>(editor, id);
  if (!binary) return std::nullopt;
  for (const size_t side : {0, 1}) {
    const TensorId x = operand(editor, id, 1 - side);
    const auto bound = scalar(editor, operand(editor, id, side));
    if (!bound || editor.shape(x) != editor.shape(id)) continue;
    const auto value = static_cast<float>(*bound);
    if (binary->kind == Binary::Kind::minimum) return Clamp{x, -infinity, value};
    if (binary->kind == Binary::Kind::maximum) return Clamp{x, value, infinity};
  }
  return std::nullopt;
}

// max then min: outer(inner(x)) clamps the inner bounds by the outer ones.
Clamp merged(const Clamp& inner, const Clamp& outer) {
  return {inner.x, std::clamp(inner.low, outer.low, outer.high),
          std::clamp(inner.high, outer.low, outer.high)};
}

bool recognise(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  std::optional<Clamp> clamp = clamp_of(editor, node.output);
  if (!clamp || editor.tensor(clamp->x).is_constant()) return false;
  const auto inner = editor.reader_count(clamp->x) == 1 ? clamp_of(editor, clamp->x) : std::nullopt;
  if (inner) clamp = merged(*inner, *clamp);
  const bool relu = clamp->low == 0 && clamp->high == infinity;
  const auto* unary = std::get_if<Unary>(&node.op);
  const bool is_canonical = unary && (unary->kind == Unary::Kind::relu || !relu);
  if (is_canonical && !inner) return false;
  editor.replace(
      id, relu ? Unary{Unary::Kind::relu} : Unary{Unary::Kind::clip, clamp->low, clamp->high},
      {clamp->x});
  return true;
}

}  // namespace

int recognise_clip(Graph& graph) {
  return rewrite_nodes(graph, recognise);
}

}  // namespace octavo
