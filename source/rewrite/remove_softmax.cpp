// A final Softmax is taken off: logits rank the classes alike, and scores are computed
// from them anyway. Only where the softmax runs over all classes of the one picture.
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

int remove_softmax(Graph& graph) {
  Editor editor(graph);
  TensorId id = graph.output;
  while (editor.maker(id) != no_node && editor.reader_count(id) == 1 &&
         made_by<Reshape>(editor, id)) {
    id = operand(editor, id, 0);
  }
  bool removed = false;
  const auto* softmax = made_by<Softmax>(editor, id);
  if (softmax && editor.reader_count(id) == 1) {
    const Shape& shape = editor.shape(id);
    const bool over_all = shape[static_cast<size_t>(softmax->axis)] == element_count(shape);
    removed = over_all && editor.bypass(editor.maker(id), operand(editor, id, 0));
  }
  editor.finish();
  graph.softmax_removed = graph.softmax_removed || removed;
  return removed ? 1 : 0;
}

}  // namespace octavo
