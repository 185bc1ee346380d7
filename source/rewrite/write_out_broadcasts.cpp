// At the end: operands that are broadcast otherwise than a step can (a spatial gate [n, h, w, 1],
// a gate of rows [n, h, 1, c]) are written out: every axis of size 1 is picked as often as the
// other operand is long. A gate [n, 1, 1, c] and constants stay.
#include <algorithm>

#include "rewrite/written_out.h"

namespace octavo {

namespace {

constexpr int64_t most_written_out = int64_t{1} << 24;  // elements

Shape filled_up(const Shape& shape, size_t rank) {
  Shape out(rank, 1);
  std::copy(shape.begin(), shape.end(), out.end() - static_cast<std::ptrdiff_t>(shape.size()));
  return out;
}

// One pixel an image: axes 1 to rank - 2 are 1, as in a stored [n, 1, 1, c].
bool is_gate(const Shape& shape, const Shape& whole) {
  if (shape.size() != whole.size() || shape.size() < 3 || shape.back() != whole.back()) {
    return false;
  }
  const size_t leading = shape.size() >= 4 ? shape.size() - 3 : 1;
  for (size_t axis = 0; axis < leading; ++axis) {
    if (shape[axis] != whole[axis]) return false;
  }
  return std::all_of(shape.begin() + static_cast<std::ptrdiff_t>(leading), shape.end() - 1,
                     [](int64_t size) { return size == 1; });
}

// x as `whole`; the last axes first, while the tensor is small.
TensorId written_out(Editor& editor, NodeId near, TensorId x, const Shape& whole) {
  Shape shape = filled_up(editor.shape(x), whole.size());
  if (shape != editor.shape(x)) x = editor.insert(near, "", Reshape{shape}, {x});
  for (size_t axis = whole.size(); axis-- > 0;) {
    if (shape[axis] == whole[axis]) continue;
    Gather gather{static_cast<int>(axis), {}};
    gather.indices.assign(static_cast<size_t>(whole[axis]), 0);
    x = editor.insert(near, "", std::move(gather), {x});
  }
  return x;
}

bool of_operands(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* binary = std::get_if<Binary>(&node.op);
  if (!binary) return false;
  if (is_l2_normalization(editor, id)) return false;
  const Binary op = *binary;
  const bool extreme = op.kind == Binary::Kind::minimum || op.kind == Binary::Kind::maximum;
  const Shape whole = editor.shape(node.output);
  if (whole.size() < 2 || element_count(whole) > most_written_out) return false;
  std::vector<TensorId> inputs = node.inputs;
  bool changed = false;
  for (const size_t side : {1, 0}) {
    const Shape shape = editor.shape(inputs[side]);
    if (editor.tensor(inputs[side]).is_constant()) continue;
    const bool other_is_whole = editor.shape(inputs[1 - side]) == whole;
    const bool may_be_gate =
        !extreme && other_is_whole && !editor.tensor(inputs[1 - side]).is_constant() &&
        (side == 1 || (op.kind != Binary::Kind::subtract && op.kind != Binary::Kind::divide));
    if (shape == whole || (may_be_gate && is_gate(shape, whole))) continue;
    inputs[side] = written_out(editor, id, inputs[side], whole);
    changed = true;
  }
  if (changed) editor.replace(id, op, inputs);
  return changed;
}

bool of_expand(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  if (!std::holds_alternative<Expand>(node.op)) return false;
  const Shape whole = editor.shape(node.output);
  if (element_count(whole) > most_written_out || whole == editor.shape(node.inputs[0])) {
    return false;
  }
  return editor.bypass(id, written_out(editor, id, node.inputs[0], whole));
}

// Products of as many matrices on either side; two matrices alone are one of each.
bool of_product(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* product = std::get_if<MatMul>(&node.op);
  if (!product || node.inputs.size() > 2) return false;
  const MatMul op = *product;
  const Shape output = editor.shape(node.output);
  const Shape leading = output.size() > 2 ? output : filled_up(output, 3);
  std::vector<TensorId> inputs = node.inputs;
  bool changed = false;
  for (TensorId& input : inputs) {
    if (editor.tensor(input).is_constant()) return false;
    const Shape shape = editor.shape(input);
    Shape whole = leading;
    std::copy(shape.end() - 2, shape.end(), whole.end() - 2);
    if (shape == whole) continue;
    if (element_count(whole) > most_written_out) return false;
    input = written_out(editor, id, input, whole);
    changed = true;
  }
  if (!changed) return false;
  if (output.size() == 2) {
    editor.split(id, op, inputs, Reshape{output});
  } else {
    editor.replace(id, op, inputs);
  }
  return true;
}

bool write_out(Editor& editor, NodeId id) {
  return of_operands(editor, id) || of_expand(editor, id) || of_product(editor, id);
}

}  // namespace

int write_out_broadcasts(Graph& graph) {
  return rewrite_nodes(graph, write_out);
}

}  // namespace octavo
