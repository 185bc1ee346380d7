// clip(a x + b, 0, m) / m is hard_sigmoid(x) with alpha = a / m, beta = b / m: MobileNetV3
// as clip(x + 3, 0, 6) / 6 and Keras as clip(0.2 x + 0.5, 0, 1).
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

struct Ramp {
  ScalarAffine line;  // the value before the clip
  double top = 1;
};

std::optional<Ramp> ramp(const Editor& editor, TensorId id) {
  const auto* clip = made_by<Unary>(editor, id);
  if (!clip || clip->kind != Unary::Kind::clip || clip->alpha != 0 || !(clip->beta > 0)) {
    return std::nullopt;
  }
  std::optional<ScalarAffine> line = scalar_affine(editor, operand(editor, id, 0));
  if (!line) return std::nullopt;
  // a x + b may be written as two nodes.
  if (const auto inner = scalar_affine(editor, line->x);
      inner && editor.reader_count(line->x) == 1) {
    line = ScalarAffine{inner->x, line->scale * inner->scale,
                        line->scale * inner->shift + line->shift};
  }
  return Ramp{*line, clip->beta};
}

bool recognise(Editor& editor, NodeId id) {
  const TensorId output = editor.node(id).output;
  std::optional<Ramp> found = ramp(editor, output);  // clip(.., 0, 1): nothing to divide by
  if (found && found->top != 1) return false;
  if (!found) {
    const auto scaling = scalar_affine(editor, output);
    if (!scaling || scaling->shift != 0 || editor.reader_count(scaling->x) != 1) return false;
    found = ramp(editor, scaling->x);
    if (!found || !near(scaling->scale * found->top, 1)) return false;
  }
  const auto alpha = static_cast<float>(found->line.scale / found->top);
  const auto beta = static_cast<float>(found->line.shift / found->top);
  editor.replace(id, Unary{Unary::Kind::hard_sigmoid, alpha, beta}, {found->line.x});
  return true;
}

}  // namespace

int recognise_hard_sigmoid(Graph& graph) {
  return rewrite_nodes(graph, recognise);
}

}  // namespace octavo
