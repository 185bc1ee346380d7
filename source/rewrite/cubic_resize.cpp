// At the end: cubic interpolation, which no step does, is a product with a constant matrix along
// each axis.
#include "graph/resize_taps.h"
#include "rewrite/written_out.h"

namespace octavo {

namespace {

constexpr int64_t most_weights = int64_t{1} << 22;

// [outputs, 1, 1, inputs] by which a pixel of the result is made of those of the source. Taps
// beyond the border repeat it, and meet in one weight.
TensorId taps_as_kernel(Editor& editor, const Resize& op, int64_t inputs, int64_t outputs,
                        float scale) {
  std::vector<float> weights(static_cast<size_t>(inputs * outputs), 0.0f);
  const std::vector<ResizeTaps> taps = resize_taps(op, inputs, outputs, scale);
  for (size_t i = 0; i < taps.size(); ++i) {
    for (size_t j = 0; j < static_cast<size_t>(taps[i].count); ++j) {
      weights[i * static_cast<size_t>(inputs) + static_cast<size_t>(taps[i].index[j])] +=
          taps[i].weight[j];
    }
  }
  return editor.add_constant("cubic", {outputs, 1, 1, inputs}, std::move(weights));
}

bool write_out(Editor& editor, NodeId id) {
  const auto* found = std::get_if<Resize>(&editor.node(id).op);
  if (!found || found->mode != Resize::Mode::cubic) return false;
  const Resize op = *found;
  TensorId x = editor.node(id).inputs[0];
  const Shape from = editor.shape(x);
  if (from[1] * op.height > most_weights || from[2] * op.width > most_weights) return false;
  const TensorId rows = taps_as_kernel(editor, op, from[1], op.height, op.scale_h);
  const TensorId columns = taps_as_kernel(editor, op, from[2], op.width, op.scale_w);
  const auto insert = [&](Operator step, std::vector<TensorId> inputs) {
    x = editor.insert(id, "", std::move(step), std::move(inputs));
  };
  insert(Transpose{{0, 1, 3, 2}}, {x});  // [n, h, c, w]
  insert(Conv2d{}, {x, columns});
  insert(Transpose{{0, 3, 2, 1}}, {x});  // [n, w, c, h]
  editor.split(id, Conv2d{}, {x, rows}, Transpose{{0, 3, 1, 2}});
  return true;
}

}  // namespace

int cubic_resize(Graph& graph) {
  return rewrite_nodes(graph, write_out);
}

}  // namespace octavo
