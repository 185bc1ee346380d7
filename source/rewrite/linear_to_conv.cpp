// A matrix product with constant weights on a map [n, h, w, c] is a convolution of 1 x 1,
// on one row [1, c] or on tokens [n, t, c] too, and on a flattened map [1, h w c] one of h x w:
// classifier heads, attention and squeeze-and-excite then need no operator of their own.
#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

// The tensor to convolve, and the kernel's height and width.
struct Source {
  TensorId x;
  int64_t height = 1, width = 1;
};

std::optional<Source> source_of(const Editor& editor, TensorId x) {
  const Shape& shape = editor.shape(x);
  if (shape.size() == 4) return Source{x};
  if (shape.size() > 2 || (shape.size() == 2 && shape[0] != 1)) return Source{x};
  if (shape.size() != 2) return std::nullopt;
  if (made_by<Reshape>(editor, x)) {
    const TensorId map = operand(editor, x, 0);
    const Shape& full = editor.shape(map);
    if (full.size() == 4 && full[0] == 1) return Source{map, full[1], full[2]};
  }
  return Source{x};
}

// [t, c] -> [1, 1, t, c], [n, t, c] -> [n, 1, t, c]; further axes go into n.
Shape as_map(const Shape& shape) {
  const size_t rank = shape.size();
  int64_t count = 1;
  for (size_t axis = 0; axis + 2 < rank; ++axis) count *= shape[axis];
  return {count, 1, shape[rank - 2], shape[rank - 1]};
}

// [outputs, inputs] of either orientation.
std::vector<float> output_major(const Tensor& weight, bool transpose_b) {
  if (transpose_b) return *weight.values;
  return transposed(*weight.values, weight.shape, {1, 0});
}

bool convert(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* product = std::get_if<MatMul>(&node.op);
  if (!product) return false;
  const Tensor weight = editor.tensor(node.inputs[1]);
  const bool usable =
      weight.is_constant() && weight.shape.size() == 2 && editor.may_copy(node.inputs[1]);
  const auto source = usable ? source_of(editor, node.inputs[0]) : std::nullopt;
  if (!source) return false;
  const Shape output = editor.shape(node.output);
  std::vector<TensorId> inputs = node.inputs;
  inputs[0] = source->x;
  if (editor.shape(source->x).size() != 4) {
    inputs[0] = editor.insert(id, "", Reshape{as_map(editor.shape(source->x))}, {source->x});
  }
  const int64_t channels = editor.shape(inputs[0])[3];
  inputs[1] =
      editor.add_constant(weight.name, {output.back(), source->height, source->width, channels},
                          output_major(weight, product->transpose_b));
  if (output.size() == 4) {
    editor.replace(id, Conv2d{}, inputs);
  } else {
    editor.split(id, Conv2d{}, inputs, Reshape{output});
  }
  return true;
}

}  // namespace

int linear_to_conv(Graph& graph) {
  return rewrite_nodes(graph, convert);
}

}  // namespace octavo
