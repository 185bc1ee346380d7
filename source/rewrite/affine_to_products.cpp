// At the end: a ChannelAffine along another axis than the last (a temperature for every head of
// an attention matrix) is a product with a constant and a sum with another, since a channel is
// what lies last. The same number for every entry fits the last axis as well as any.
#include <algorithm>

#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool all_are(const std::vector<float>& values, float number) {
  return std::all_of(values.begin(), values.end(), [=](float v) { return v == number; });
}

void onto_last_axis(Editor& editor, NodeId id, int last) {
  std::vector<TensorId> inputs = editor.node(id).inputs;
  const int64_t count = editor.shape(inputs[0]).back();
  for (const size_t i : {1, 2}) {
    const std::vector<float> entries(static_cast<size_t>(count), values(editor, inputs[i])[0]);
    inputs[i] = editor.add_constant(editor.tensor(inputs[i]).name, {count}, entries);
  }
  editor.replace(id, ChannelAffine{last}, inputs);
}

bool convert(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* affine = std::get_if<ChannelAffine>(&node.op);
  if (!affine) return false;
  const TensorId x = node.inputs[0];
  const int last = static_cast<int>(editor.shape(x).size()) - 1;
  if (affine->axis == last) return false;
  const std::vector<float> scale = values(editor, node.inputs[1]);
  const std::vector<float> shift = values(editor, node.inputs[2]);
  if (uniform(scale) && uniform(shift) && editor.shape(x).back() <= most_channels) {
    onto_last_axis(editor, id, last);
    return true;
  }
  Shape shape(static_cast<size_t>(last - affine->axis) + 1, 1);
  shape[0] = static_cast<int64_t>(scale.size());
  const std::string scale_name = editor.tensor(node.inputs[1]).name;
  const std::string shift_name = editor.tensor(node.inputs[2]).name;
  const TensorId factor = editor.add_constant(scale_name, shape, scale);
  const Binary multiply{Binary::Kind::multiply};
  if (all_are(shift, 0)) {
    editor.replace(id, multiply, {x, factor});
    return true;
  }
  const TensorId summand = editor.add_constant(shift_name, shape, shift);
  const TensorId product = all_are(scale, 1) ? x : editor.insert(id, "", multiply, {x, factor});
  editor.replace(id, Binary{Binary::Kind::add}, {product, summand});
  return true;
}

}  // namespace

int affine_to_products(Graph& graph) {
  return rewrite_nodes(graph, convert);
}

}  // namespace octavo
