#include "rewrite/layout.h"

#include <algorithm>

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

std::vector<Segment> segments_of(const Shape& from, const Shape& to) {
  std::vector<Segment> out;
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    Segment segment{i, i + 1, j, j + 1};
    int64_t left = from[i++], right = to[j++];
    while (left != right) {
      if (left < right) {
        left *= from[i++];
      } else {
        right *= to[j++];
      }
    }
    segment.from_end = i;
    segment.to_end = j;
    out.push_back(segment);
  }
  if (out.empty()) return out;
  out.back().from_end = from.size();  // only axes of size 1 are left
  out.back().to_end = to.size();
  return out;
}

Permutation swapped_last_two(size_t rank) {
  Permutation out(rank);
  for (size_t i = 0; i < rank; ++i) out[i] = static_cast<int>(i);
  if (rank >= 2) std::swap(out[rank - 1], out[rank - 2]);
  return out;
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

// The segments in the order in which `perm` shows them, if it keeps each together.
std::optional<std::vector<Segment>> permuted_segments(const std::vector<Segment>& segments,
                                                      const Permutation& perm) {
  std::vector<Segment> out;
  for (size_t i = 0; i < perm.size();) {
    const auto axis = static_cast<size_t>(perm[i]);
    const auto segment = std::find_if(segments.begin(), segments.end(),
                                      [&](const Segment& s) { return s.to_begin == axis; });
    if (segment == segments.end()) return std::nullopt;
    for (size_t to = segment->to_begin; to < segment->to_end; ++to, ++i) {
      if (i == perm.size() || perm[i] != static_cast<int>(to)) return std::nullopt;
    }
    out.push_back(*segment);
  }
  return out;
}

}  // namespace

std::optional<TransposedBeforeReshape> transposed_before_reshape(const Editor& editor,
                                                                 TensorId reshaped,
                                                                 const Permutation& perm) {
  if (!made_by<Reshape>(editor, reshaped)) return std::nullopt;
  const TensorId inner = operand(editor, reshaped, 0);
  const auto* transpose = made_by<Transpose>(editor, inner);
  if (!transpose) return std::nullopt;
  const auto segments =
      permuted_segments(segments_of(editor.shape(inner), editor.shape(reshaped)), perm);
  if (!segments) return std::nullopt;
  Permutation before;
  for (const Segment& segment : *segments) {
    for (size_t axis = segment.from_begin; axis < segment.from_end; ++axis) {
      before.push_back(static_cast<int>(axis));
    }
  }
  if (before.size() != transpose->perm.size()) return std::nullopt;
  return TransposedBeforeReshape{operand(editor, inner, 0), compose(transpose->perm, before)};
}

bool has_before_transpose(const Editor& editor, TensorId id, const Permutation& perm) {
  if (editor.shape(id).size() > perm.size()) return false;
  if (is_transpose_by(editor, id, perm)) return true;
  if (editor.tensor(id).is_constant()) return editor.may_copy(id);
  if (transposed_before_reshape(editor, id, inverse(perm))) return true;
  return moves_only_ones(filled_up(editor.shape(id), perm.size()), inverse(perm));
}

TensorId before_transpose(Editor& editor, NodeId near, TensorId id, const Permutation& perm) {
  if (is_transpose_by(editor, id, perm)) return operand(editor, id, 0);
  const Shape shape = filled_up(editor.shape(id), perm.size());
  const Permutation back = inverse(perm);
  if (const auto moved = transposed_before_reshape(editor, id, back)) {
    const TensorId x = editor.insert(near, "", Transpose{moved->perm}, {moved->x});
    return editor.insert(near, "", Reshape{shape_after(shape, back)}, {x});
  }
  if (!editor.tensor(id).is_constant()) {
    return editor.insert(near, "", Reshape{shape_after(shape, back)}, {id});
  }
  return editor.add_constant(editor.tensor(id).name, shape_after(shape, back),
                             transposed(values(editor, id), shape, back));
}

}  // namespace octavo
