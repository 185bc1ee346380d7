// Padding that no other operator takes. Reflected and repeated borders are rows and columns
// picked again. A border of one number around a map, and channels of it, are a convolution that
// copies: its padding is zero, so that another number is taken off in front and put back behind.
// Tokens and rows have constants joined to them.
#include <algorithm>
#include <cmath>

#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

constexpr int64_t most_weights = int64_t{1} << 22;

// Where each row of a padded axis comes from.
std::vector<int64_t> border_indices(const Pad& pad, size_t axis, int64_t size) {
  std::vector<int64_t> out;
  for (int64_t i = -pad.before[axis]; i < size + pad.after[axis]; ++i) {
    if (pad.mode == Pad::Mode::edge) {
      out.push_back(std::clamp<int64_t>(i, 0, size - 1));
    } else {  // reflect: at most size - 1 on either side
      out.push_back(i < 0 ? -i : i < size ? i : 2 * (size - 1) - i);
    }
  }
  return out;
}

bool pick_borders(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* op = std::get_if<Pad>(&node.op);
  if (!op || op->mode == Pad::Mode::constant) return false;
  const Pad pad = *op;
  const Shape shape = editor.shape(node.inputs[0]);
  const size_t last = shape.size() - 1;
  TensorId x = node.inputs[0];
  std::vector<size_t> padded;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (pad.before[axis] == 0 && pad.after[axis] == 0) continue;
    if (shape[axis] + pad.before[axis] + pad.after[axis] > most_channels) return false;
    padded.push_back(axis);
  }
  if (padded.empty()) return false;  // the identity
  for (const size_t axis : padded) {
    // What an integer step picks are channels.
    Permutation swap(shape.size());
    for (size_t i = 0; i < swap.size(); ++i) swap[i] = static_cast<int>(i);
    std::swap(swap[axis], swap[last]);
    const bool moves = axis != last;
    if (moves) x = editor.insert(id, "", Transpose{swap}, {x});
    const Gather gather{static_cast<int>(last), border_indices(pad, axis, shape[axis])};
    const bool ends = axis == padded.back();
    if (ends && moves) {
      editor.split(id, gather, {x}, Transpose{swap});
    } else if (ends) {
      editor.replace(id, gather, {x});
    } else {
      x = editor.insert(id, "", gather, {x});
      if (moves) x = editor.insert(id, "", Transpose{swap}, {x});
    }
  }
  return true;
}

// x plus a number, channel by channel.
TensorId shifted(Editor& editor, NodeId near, TensorId x, float by) {
  const int64_t channels = editor.shape(x)[3];
  const auto count = static_cast<size_t>(channels);
  const TensorId scale = editor.add_constant("", {channels}, std::vector<float>(count, 1));
  const TensorId shift = editor.add_constant("", {channels}, std::vector<float>(count, by));
  return editor.insert(near, "", ChannelAffine{3}, {x, scale, shift});
}

bool copy_with_border(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* op = std::get_if<Pad>(&node.op);
  if (!op || op->mode != Pad::Mode::constant || !(std::fabs(op->value) <= 1e6f)) return false;
  const Pad pad = *op;
  TensorId x = node.inputs[0];
  const Shape from = editor.shape(x), to = editor.shape(node.output);
  constexpr int64_t most = 1 << 16;
  if (from.size() != 4 || pad.before[0] != 0 || pad.after[0] != 0) return false;
  for (const size_t axis : {1, 2}) {
    if (pad.before[axis] > most || pad.after[axis] > most) return false;
  }
  const bool depthwise = from[3] == to[3];
  const int64_t inputs = depthwise ? 1 : from[3];
  if (to[3] > most_weights / inputs) return false;
  std::vector<float> weights(static_cast<size_t>(to[3] * inputs), depthwise ? 1.0f : 0.0f);
  for (int64_t c = 0; !depthwise && c < from[3]; ++c) {
    weights[static_cast<size_t>((pad.before[3] + c) * inputs + c)] = 1;
  }
  Conv2d conv;
  conv.pads = {static_cast<int>(pad.before[1]), static_cast<int>(pad.before[2]),
               static_cast<int>(pad.after[1]), static_cast<int>(pad.after[2])};
  conv.groups = depthwise ? static_cast<int>(from[3]) : 1;
  const std::string name = node.name;
  const TensorId weight =
      editor.add_constant(name + "/copies", {to[3], 1, 1, inputs}, std::move(weights));
  if (pad.value == 0) {
    editor.replace(id, conv, {x, weight});
    return true;
  }
  x = shifted(editor, id, x, -pad.value);
  const auto count = static_cast<size_t>(to[3]);
  const TensorId one = editor.add_constant("", {to[3]}, std::vector<float>(count, 1));
  const TensorId back = editor.add_constant("", {to[3]}, std::vector<float>(count, pad.value));
  const TensorId copied = editor.insert(id, "", conv, {x, weight});
  editor.replace(id, ChannelAffine{3}, {copied, one, back});
  return true;
}

// What is no map, or is padded with whole maps: constants are joined to it, one axis after the
// other, the last first, while the tensor is small.
bool join_border(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* op = std::get_if<Pad>(&node.op);
  if (!op || op->mode != Pad::Mode::constant || !(std::fabs(op->value) <= 1e6f)) return false;
  const Pad pad = *op;
  TensorId x = node.inputs[0];
  const Shape to = editor.shape(node.output);
  if (editor.shape(x) == to || element_count(to) > most_weights) return false;
  Concat concat;
  std::vector<TensorId> parts;
  for (size_t axis = to.size(); axis-- > 0;) {
    Shape shape = editor.shape(x);
    if (shape[axis] == to[axis]) continue;
    if (!parts.empty()) shape = editor.shape(x = editor.insert(id, "", concat, parts));
    concat.axis = static_cast<int>(axis);
    parts.clear();
    const auto join = [&](int64_t size) {
      if (size == 0) return;
      shape[axis] = size;
      parts.push_back(editor.add_constant(
          "border", shape, std::vector<float>(static_cast<size_t>(element_count(shape)), pad.value)));
    };
    join(pad.before[axis]);
    parts.push_back(x);
    join(pad.after[axis]);
  }
  editor.replace(id, concat, parts);
  return true;
}

bool put_border(Editor& editor, NodeId id) {
  return copy_with_border(editor, id) || join_border(editor, id);
}

}  // namespace

int pad_to_gather(Graph& graph) {
  return rewrite_nodes(graph, pick_borders);
}

int pad_to_conv(Graph& graph) {
  return rewrite_nodes(graph, put_border);
}

}  // namespace octavo
