#include "rewrite/written_out.h"

namespace octavo {

TensorId insert_scaled(Editor& editor, NodeId near, TensorId x, double factor) {
  const Shape shape = editor.shape(x);
  const auto channels = static_cast<size_t>(shape.back());
  const TensorId scale = editor.add_constant(
      "scale", {shape.back()}, std::vector<float>(channels, static_cast<float>(factor)));
  const TensorId shift =
      editor.add_constant("shift", {shape.back()}, std::vector<float>(channels, 0.0f));
  return editor.insert(near, "", ChannelAffine{static_cast<int>(shape.size()) - 1},
                       {x, scale, shift});
}

bool is_l2_normalization(const Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* binary = std::get_if<Binary>(&node.op);
  if (!binary || binary->kind != Binary::Kind::divide) return false;
  TensorId norm = node.inputs[1];
  if (const auto* floor = made_by<Unary>(editor, norm)) {
    if (floor->kind != Unary::Kind::clip) return false;
    norm = operand(editor, norm, 0);
  }
  const auto* reduce = made_by<Reduce>(editor, norm);
  if (!reduce || reduce->kind != Reduce::Kind::l2) return false;
  const TensorId x = operand(editor, norm, 0);
  const int last = static_cast<int>(editor.shape(x).size()) - 1;
  return x == node.inputs[0] && reduce->axes == std::vector<int>{last} &&
         editor.reader_count(norm) == 1;
}

}  // namespace octavo
