// Nodes that move or combine constants only: other rewrites leave them behind. The
// importer has folded all that the file itself computes, so that little is enough here.
#include <cmath>

#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

using Values = std::vector<float>;

constexpr int64_t most_elements = int64_t{1} << 20;

std::optional<float> combined(Binary::Kind kind, float a, float b) {
  switch (kind) {
    case Binary::Kind::add:
      return a + b;
    case Binary::Kind::subtract:
      return a - b;
    case Binary::Kind::multiply:
      return a * b;
    case Binary::Kind::divide:
      return a / b;
    default:
      return std::nullopt;
  }
}

struct Fold {
  const Editor& editor;
  const Node& node;

  const Values& in(size_t i) const { return values(editor, node.inputs[i]); }

  std::optional<Values> operator()(const Reshape&) const { return in(0); }
  std::optional<Values> operator()(const Transpose& op) const {
    return transposed(in(0), editor.shape(node.inputs[0]), op.perm);
  }
  std::optional<Values> operator()(const Binary& op) const {
    const Values& a = in(0);
    const Values& b = in(1);
    if (a.size() != b.size() && a.size() != 1 && b.size() != 1) return std::nullopt;
    Values out(std::max(a.size(), b.size()));
    for (size_t i = 0; i < out.size(); ++i) {
      const auto value = combined(op.kind, a[a.size() == 1 ? 0 : i], b[b.size() == 1 ? 0 : i]);
      if (!value || !std::isfinite(*value)) return std::nullopt;
      out[i] = *value;
    }
    return out;
  }
  template <class Op>
  std::optional<Values> operator()(const Op&) const {
    return std::nullopt;
  }
};

bool fold(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  for (const TensorId input : node.inputs) {
    if (!editor.tensor(input).is_constant() || !editor.may_copy(input)) return false;
  }
  const Tensor output = editor.tensor(node.output);
  if (element_count(output.shape) > most_elements) return false;
  std::optional<Values> folded = std::visit(Fold{editor, node}, node.op);
  if (!folded || folded->size() != static_cast<size_t>(element_count(output.shape))) return false;
  return editor.bypass(id, editor.add_constant(output.name, output.shape, *std::move(folded)));
}

}  // namespace

int fold_constants(Graph& graph) {
  return rewrite_nodes(graph, fold);
}

}  // namespace octavo
