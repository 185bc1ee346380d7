#include "rewrite/layout.h"

#include "rewrite/pattern.h"

namespace octavo {

bool is_identity(const Permutation& perm) {
  for (size_t i = 0; i < perm.size(); ++i) {
    if (perm[i] != static_cast<int>(i)) return false;
  }
  return true;
}

Permutation inverse(const Permutation& perm) {
  Permutation out(perm.size());
  for (size_t i = 0; i < perm.size(); ++i) out[static_cast<size_t>(perm[i])] = static_cast<int>(i);
  return out;
}

Permutation compose(const Permutation& first, const Permutation& second) {
  Permutation out(second.size());
  for (size_t i = 0; i < second.size(); ++i) out[i] = first[static_cast<size_t>(second[i])];
  return out;
}

Shape shape_after(const Shape& shape, const Permutation& perm) {
  Shape out;
  for (const int axis : perm) out.push_back(shape[static_cast<size_t>(axis)]);
  return out;
}

bool moves_only_ones(const Shape& shape, const Permutation& perm) {
  int last = -1;
  for (const int axis : perm) {
    if (shape[static_cast<size_t>(axis)] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

std::vector<float> transposed(const std::vector<float>& values, const Shape& shape,
                              const Permutation& perm) {
  const size_t rank = shape.size();
  std::vector<int64_t> strides(rank, 1);
  for (size_t axis = rank; axis-- > 1;) strides[axis - 1] = strides[axis] * shape[axis];
  const Shape out_shape = shape_after(shape, perm);
  std::vector<int64_t> index(rank, 0);
  std::vector<float> out(values.size());
  int64_t from = 0;
  for (float& value : out) {
    value = values[static_cast<size_t>(from)];
    for (size_t axis = rank; axis-- > 0;) {  // step like an odometer
      const int64_t stride = strides[static_cast<size_t>(perm[axis])];
      from += stride;
      if (++index[axis] < out_shape[axis]) break;
      from -= stride * out_shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

namespace {

Shape filled_up(Shape shape, size_t rank) {
  if (shape.size() < rank) shape.insert(shape.begin(), rank - shape.size(), 1);
  return shape;
}

bool is_transpose_by(const Editor& editor, TensorId id, const Permutation& perm) {
  const auto* transpose = made_by<Transpose>(editor, id);
  return transpose && transpose->perm == perm;
}

}  // namespace

bool has_before_transpose(const Editor& editor, TensorId id, const Permutation& perm) {
  if (editor.shape(id).size() > perm.size()) return false;
  if (is_transpose_by(editor, id, perm)) return true;
  if (editor.tensor(id).is_constant()) return editor.may_copy(id);
  return moves_only_ones(filled_up(editor.shape(id), perm.size()), inverse(perm));
}

TensorId before_transpose(Editor& editor, NodeId near, TensorId id, const Permutation& perm) {
  if (is_transpose_by(editor, id, perm)) return operand(editor, id, 0);
  const Shape shape = filled_up(editor.shape(id), perm.size());
  const Permutation back = inverse(perm);
  if (!editor.tensor(id).is_constant()) {
    return editor.insert(near, "", Reshape{shape_after(shape, back)}, {id});
  }
  return editor.add_constant(editor.tensor(id).name, shape_after(shape, back),
                             transposed(values(editor, id), shape, back));
}

}  // namespace octavo
