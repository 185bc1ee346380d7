// Permutations of axes. perm[i] is the input axis that output axis i shows.
#pragma once

#include <optional>
#include <vector>

#include "rewrite/editor.h"

namespace octavo {

using Permutation = std::vector<int>;

bool is_identity(const Permutation& perm);
Permutation inverse(const Permutation& perm);
// First `first`, then `second`.
Permutation compose(const Permutation& first, const Permutation& second);

// Entries that belong to the axes of the output of a Transpose, put to the axes of its input.
template <class Entries>
Entries entries_before(const Entries& after, const Permutation& perm) {
  Entries out = after;
  for (size_t i = 0; i < perm.size(); ++i) out[static_cast<size_t>(perm[i])] = after[i];
  return out;
}
Shape shape_after(const Shape& shape, const Permutation& perm);

// Whether only axes of size 1 change places: then the elements stay where they are in memory.
bool moves_only_ones(const Shape& shape, const Permutation& perm);

// Axes [from_begin, from_end) of one shape are axes [to_begin, to_end) of another of the same
// elements; segments follow each other, axes of size 1 belong to either neighbour.
struct Segment {
  size_t from_begin, from_end, to_begin, to_end;
};
std::vector<Segment> segments_of(const Shape& from, const Shape& to);

// The permutation that swaps rows and columns.
Permutation swapped_last_two(size_t rank);

std::vector<float> transposed(const std::vector<float>& values, const Shape& shape,
                              const Permutation& perm);

// For a Reshape of a Transpose of x: transposing its result by `perm` is a Reshape of x
// transposed by the permutation given here. Exists where `perm` keeps together what the Reshape
// joins or splits.
struct TransposedBeforeReshape {
  TensorId x;
  Permutation perm;
};
std::optional<TransposedBeforeReshape> transposed_before_reshape(const Editor& editor,
                                                                 TensorId reshaped,
                                                                 const Permutation& perm);

// The tensor t for which transposing by `perm` gives the operand, filled up with leading
// axes of size 1 as broadcasting does. It exists where no more data need move at run time: the
// operand is such a Transpose, a constant, only axes of size 1 change places, or a Transpose
// in front of it can take the other one along.
bool has_before_transpose(const Editor& editor, TensorId operand, const Permutation& perm);
TensorId before_transpose(Editor& editor, NodeId near, TensorId operand, const Permutation& perm);

}  // namespace octavo
