#include <algorithm>
#include <cmath>

#include "quantize/step_rewrites.h"
#include "quantize/steps.h"

namespace octavo {

namespace {

constexpr int64_t most_values = int64_t{1} << 26;  // that they may take together

std::vector<float> broadcast(const Tensor& constant, const Shape& whole) {
  Shape from(whole.size() - constant.shape.size(), 1);
  from.insert(from.end(), constant.shape.begin(), constant.shape.end());
  std::vector<float> out(static_cast<size_t>(element_count(whole)));
  Shape at(whole.size(), 0);
  for (float& value : out) {
    size_t index = 0;
    for (size_t axis = 0; axis < whole.size(); ++axis) {
      const int64_t here = from[axis] == 1 ? 0 : at[axis];
      index = index * static_cast<size_t>(from[axis]) + static_cast<size_t>(here);
    }
    value = (*constant.values)[index];
    for (size_t axis = whole.size(); axis-- > 0 && ++at[axis] == whole[axis];) at[axis] = 0;
  }
  return out;
}

// Whether it did. `room`: values that may still be written out.
bool write_out_constant(Graph& graph, Node& node, int64_t& room) {
  auto* binary = std::get_if<Binary>(&node.op);
  if (binary == nullptr) return false;
  const bool first = graph.tensors[node.inputs[0]].is_constant();
  if (first == graph.tensors[node.inputs[1]].is_constant()) return false;
  TensorId& operand = node.inputs[first ? 0 : 1];
  const Tensor constant = graph.tensors[operand];
  const Shape whole = graph.tensors[node.output].shape;
  if (whole.empty()) return false;  // one number
  const bool as_large = graph.tensors[node.inputs[first ? 1 : 0]].shape == whole;
  if (!as_large || !by_channel(constant, whole.back()).empty()) return false;
  const bool divides = binary->kind == Binary::Kind::divide && !first;
  if (constant.shape == whole && !divides) return false;
  const int64_t count = element_count(whole);
  if (count > room) return false;  // form_steps names it
  room -= count;
  std::vector<float> values = broadcast(constant, whole);
  if (divides) {
    for (float& value : values) value = 1.0f / value;
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      return false;
    }
    binary->kind = Binary::Kind::multiply;
  }
  operand = graph.add_constant(constant.name, whole, std::move(values));
  return true;
}

}  // namespace

int write_out_constants(Graph& graph) {
  int64_t room = most_values;
  int changed = 0;
  for (Node& node : graph.nodes) changed += write_out_constant(graph, node, room) ? 1 : 0;
  return changed;
}

}  // namespace octavo
