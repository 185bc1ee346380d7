// A final Softmax or LogSoftmax is taken off: logits rank the classes alike, and scores are
// computed from them anyway. Only where it runs over all classes of the one picture. So is a
// final Sigmoid, whose scores come from logits that no table has clipped.
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

bool is_over_all(const Editor& editor, TensorId id, int axis) {
  const Shape& shape = editor.shape(id);
  const int64_t classes = element_count(shape);
  return classes > 1 && shape[static_cast<size_t>(axis)] == classes;
}

// x in x - log(sum(exp(x))) over all classes, or in the log of a softmax over them.
std::optional<TensorId> in_log_softmax(const Editor& editor, TensorId id) {
  if (const auto inner = unary_operand(editor, id, Unary::Kind::log)) {
    const auto* softmax = made_by<Softmax>(editor, *inner);
    if (softmax == nullptr || editor.reader_count(*inner) != 1) return std::nullopt;
    if (!is_over_all(editor, *inner, softmax->axis)) return std::nullopt;
    return operand(editor, *inner, 0);
  }
  const auto difference = binary_operands(editor, id, Binary::Kind::subtract);
  const auto sum =
      difference ? unary_operand(editor, difference->b, Unary::Kind::log) : std::nullopt;
  const auto* reduce = sum ? made_by<Reduce>(editor, *sum) : nullptr;
  if (reduce == nullptr || reduce->kind != Reduce::Kind::sum) return std::nullopt;
  if (element_count(editor.shape(*sum)) != 1) return std::nullopt;
  const auto exponent = unary_operand(editor, operand(editor, *sum, 0), Unary::Kind::exp);
  if (exponent != difference->a || element_count(editor.shape(id)) < 2) return std::nullopt;
  if (editor.shape(id) != editor.shape(*exponent)) return std::nullopt;
  return exponent;
}

// x in x - max(x), which an exporter or the importer put there so that exp does not overflow.
std::optional<TensorId> without_largest(const Editor& editor, TensorId id) {
  const auto difference = binary_operands(editor, id, Binary::Kind::subtract);
  const auto* reduce = difference ? made_by<Reduce>(editor, difference->b) : nullptr;
  if (reduce == nullptr || reduce->kind != Reduce::Kind::maximum) return std::nullopt;
  const bool of_all = element_count(editor.shape(difference->b)) == 1 &&
                      operand(editor, difference->b, 0) == difference->a &&
                      editor.shape(difference->a) == editor.shape(id);
  return of_all ? std::optional(difference->a) : std::nullopt;
}

struct End {
  TensorId logits;
  bool sigmoid = false;
};

std::optional<End> end_at(const Editor& editor, TensorId id) {
  if (const auto* softmax = made_by<Softmax>(editor, id)) {
    if (!is_over_all(editor, id, softmax->axis)) return std::nullopt;
    return End{operand(editor, id, 0)};
  }
  if (const auto logits = in_log_softmax(editor, id)) {
    const auto shifted = without_largest(editor, *logits);
    return End{shifted ? *shifted : *logits};
  }
  if (const auto logits = unary_operand(editor, id, Unary::Kind::sigmoid)) {
    return End{*logits, true};
  }
  return std::nullopt;
}

}  // namespace

int remove_softmax(Graph& graph) {
  // One end alone is taken off: the softmax of sigmoids is no softmax of their logits.
  if (graph.softmax_removed || graph.output_kind != OutputKind::logits) return 0;
  Editor editor(graph);
  TensorId id = graph.output;
  while (editor.maker(id) != no_node && editor.reader_count(id) == 1 &&
         (made_by<Reshape>(editor, id) || made_by<Transpose>(editor, id))) {
    id = operand(editor, id, 0);
  }
  const auto end = editor.reader_count(id) == 1 ? end_at(editor, id) : std::nullopt;
  const bool removed = end && editor.bypass(editor.maker(id), end->logits);
  editor.finish();
  if (!removed) return 0;
  if (end->sigmoid) {
    graph.output_kind = OutputKind::sigmoids;
  } else {
    graph.softmax_removed = true;
  }
  return 1;
}

}  // namespace octavo
