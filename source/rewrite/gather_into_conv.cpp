// Channels that are picked from a convolution's output need not be computed together: each
// Gather becomes the convolution of its own rows (q, k and v of attention). Only where nothing
// else reads the output and no row is computed twice, so that the work never grows.
#include <map>

#include "rewrite/table.h"
#include "rewrite/weights.h"

namespace octavo {

namespace {

struct Readers {
  std::vector<NodeId> gathers;
  size_t picked = 0;
};

// For every dense convolution, the Gathers of its channels.
std::map<NodeId, Readers> gathers_of_convs(const Editor& editor) {
  std::map<NodeId, Readers> out;
  for (NodeId id = 0; id < editor.end(); ++id) {
    if (!editor.alive(id)) continue;
    const Node& node = editor.node(id);
    const auto* gather = std::get_if<Gather>(&node.op);
    if (!gather || gather->axis != 3) continue;
    const auto* conv = made_by<Conv2d>(editor, node.inputs[0]);
    if (!conv || conv->groups != 1) continue;
    Readers& readers = out[editor.maker(node.inputs[0])];
    readers.gathers.push_back(id);
    readers.picked += gather->indices.size();
  }
  return out;
}

Linear rows_of(const Linear& whole, const std::vector<int64_t>& rows) {
  Linear out = whole;
  const size_t length = whole.weight.size() / whole.outputs;
  out.weight.clear();
  out.bias.clear();
  for (const int64_t row : rows) {
    const auto first = whole.weight.begin() + row * static_cast<int64_t>(length);
    out.weight.insert(out.weight.end(), first, first + static_cast<int64_t>(length));
    out.bias.push_back(whole.bias[static_cast<size_t>(row)]);
  }
  out.outputs = rows.size();
  out.shape[0] = static_cast<int64_t>(rows.size());
  return out;
}

int divide(Editor& editor, NodeId conv, const Readers& readers) {
  const TensorId output = editor.node(conv).output, x = editor.node(conv).inputs[0];
  if (editor.reader_count(output) != readers.gathers.size()) return 0;
  const std::optional<Linear> whole = linear_of(editor, conv);
  if (!whole || !whole->output_major || readers.picked > whole->outputs) return 0;
  const Operator op = editor.node(conv).op;
  int changed = 0;
  for (const NodeId id : readers.gathers) {
    const auto rows = std::get<Gather>(editor.node(id).op).indices;
    changed += put_linear(editor, id, op, x, rows_of(*whole, rows));
  }
  return changed;
}

}  // namespace

int gather_into_conv(Graph& graph) {
  Editor editor(graph);
  int changed = 0;
  for (const auto& [conv, readers] : gathers_of_convs(editor)) {
    changed += divide(editor, conv, readers);
  }
  editor.finish();
  return changed;
}

}  // namespace octavo
