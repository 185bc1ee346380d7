// Reshape, Transpose, Reshape that splits one axis into factors, permutes these and joins
// them again only reorders that axis: a Gather. ShuffleNet's channel shuffle is the case
// of two factors.
#include <functional>
#include <numeric>

#include "rewrite/layout.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

// Where `split` is `whole` with one axis written as several.
struct SplitAxis {
  size_t axis = 0, parts = 0;
};

bool is_split_at(const Shape& whole, const Shape& split, const SplitAxis& where) {
  const auto first = split.begin() + static_cast<std::ptrdiff_t>(where.axis);
  const auto last = first + static_cast<std::ptrdiff_t>(where.parts);
  Shape joined(split.begin(), first);
  joined.push_back(std::accumulate(first, last, int64_t{1}, std::multiplies<>()));
  joined.insert(joined.end(), last, split.end());
  return joined == whole;
}

bool permutes_only(const Permutation& perm, const SplitAxis& where) {
  for (size_t i = 0; i < perm.size(); ++i) {
    const bool inside = i >= where.axis && i < where.axis + where.parts;
    if (!inside && perm[i] != static_cast<int>(i)) return false;
  }
  return true;
}

std::optional<SplitAxis> shuffled_axis(const Shape& whole, const Shape& split,
                                       const Permutation& perm) {
  if (split.size() <= whole.size()) return std::nullopt;
  for (size_t axis = 0; axis < whole.size(); ++axis) {
    const SplitAxis where{axis, split.size() - whole.size() + 1};
    if (is_split_at(whole, split, where) && permutes_only(perm, where)) return where;
  }
  return std::nullopt;
}

std::vector<int64_t> shuffled_indices(const Shape& split, const Permutation& perm,
                                      const SplitAxis& where) {
  Shape factors;
  Permutation inner;
  for (size_t i = where.axis; i < where.axis + where.parts; ++i) {
    factors.push_back(split[i]);
    inner.push_back(perm[i] - static_cast<int>(where.axis));
  }
  std::vector<int64_t> strides(factors.size(), 1);
  for (size_t i = factors.size(); i-- > 1;) strides[i - 1] = strides[i] * factors[i];
  std::vector<int64_t> indices{0};
  for (const int factor : inner) {  // each output axis in turn becomes the fastest one
    std::vector<int64_t> next;
    for (const int64_t base : indices) {
      for (int64_t i = 0; i < factors[static_cast<size_t>(factor)]; ++i) {
        next.push_back(base + i * strides[static_cast<size_t>(factor)]);
      }
    }
    indices = std::move(next);
  }
  return indices;
}

bool recognise(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  if (!std::holds_alternative<Reshape>(node.op)) return false;
  const auto* transpose = made_by<Transpose>(editor, node.inputs[0]);
  if (!transpose) return false;
  const TensorId split_tensor = operand(editor, node.inputs[0], 0);
  if (!made_by<Reshape>(editor, split_tensor)) return false;
  const TensorId x = operand(editor, split_tensor, 0);
  const Shape& split = editor.shape(split_tensor);
  if (editor.shape(x) != editor.shape(node.output)) return false;
  const auto where = shuffled_axis(editor.shape(x), split, transpose->perm);
  if (!where) return false;
  editor.replace(
      id, Gather{static_cast<int>(where->axis), shuffled_indices(split, transpose->perm, *where)},
      {x});
  return true;
}

}  // namespace

int recognise_channel_shuffle(Graph& graph) {
  return rewrite_nodes(graph, recognise);
}

}  // namespace octavo
