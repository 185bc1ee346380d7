#include "quantize/step_rewrites.h"

namespace octavo {

namespace {

GivenStorage joined(const std::vector<GivenStorage>& parts) {
  GivenStorage out = parts[0];
  for (const GivenStorage& part : parts) {
    if (part.rounding == nullptr || out.rounding == nullptr) return {};
    out.is_uneven = out.is_uneven || part.is_uneven || *part.rounding != *out.rounding;
  }
  return out;
}

}  // namespace

Node copy_of(Graph& graph, TensorId x, const std::string& name) {
  const Shape shape = graph.tensors[x].shape;
  const auto count = static_cast<size_t>(shape.back());
  const TensorId one =
      graph.add_constant(name + ".scale", {shape.back()}, std::vector<float>(count, 1.0f));
  const TensorId zero =
      graph.add_constant(name + ".shift", {shape.back()}, std::vector<float>(count, 0.0f));
  ChannelAffine affine;
  affine.axis = static_cast<int>(shape.size()) - 1;
  return Node{name, {}, affine, {x, one, zero}, graph.add_tensor(name, shape)};
}

GivenStorage made_storage(const Node& node, const std::vector<GivenStorage>& storage) {
  if (const auto* rounding = std::get_if<FakeQuantize>(&node.op)) {
    return {rounding, rounding->by_axis()};
  }
  const auto* pool = std::get_if<Pool2d>(&node.op);
  const bool moves = changes_arrangement(node) || std::holds_alternative<Gather>(node.op) ||
                     std::holds_alternative<Slice>(node.op) ||
                     (pool != nullptr && pool->kind == Pool2d::Kind::maximum);
  if (moves) return storage[node.inputs[0]];
  if (!std::holds_alternative<Concat>(node.op)) return {};
  std::vector<GivenStorage> parts;
  for (const TensorId input : node.inputs) parts.push_back(storage[input]);
  return joined(parts);
}

}  // namespace octavo
