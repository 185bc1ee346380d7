// At the end: means, sums, maxima and minima over any axes are made of steps that there are. Axes
// in front of the last are the rows of a map, and a pool goes over them; over the last axis, a
// mean is a convolution by equal weights and a maximum a pool over channels laid out as columns.
#include <algorithm>
#include <limits>
#include <set>

#include "rewrite/written_out.h"

namespace octavo {

namespace {

using Kind = Reduce::Kind;

int64_t count(const Shape& shape, size_t begin, size_t end) {
  return element_count({shape.begin() + static_cast<std::ptrdiff_t>(begin),
                        shape.begin() + static_cast<std::ptrdiff_t>(end)});
}

Pool2d pool_over(Kind kind, int64_t rows, int64_t columns) {
  Pool2d pool;
  pool.kind = kind == Kind::maximum ? Pool2d::Kind::maximum : Pool2d::Kind::average;
  pool.kernel = {static_cast<int>(rows), static_cast<int>(columns)};
  return pool;
}

class Reduction {
 public:
  Reduction(Editor& editor, NodeId near, Kind kind) : editor_(editor), near_(near), kind_(kind) {}

  // Axes [begin, end), none of them the last; they keep one entry.
  TensorId over_rows(TensorId x, size_t begin, size_t end) {
    Shape shape = editor_.shape(x);
    const int64_t rows = count(shape, begin, end);
    const Shape map{count(shape, 0, begin), rows, count(shape, end, shape.size() - 1),
                    shape.back()};
    x = insert(Reshape{map}, {x});
    x = insert(pool_over(kind_, rows, 1), {x});
    std::fill(shape.begin() + static_cast<std::ptrdiff_t>(begin),
              shape.begin() + static_cast<std::ptrdiff_t>(end), 1);
    return insert(Reshape{shape}, {x});
  }

  TensorId over_channels(TensorId x) {
    Shape shape = editor_.shape(x);
    const int64_t channels = shape.back(), pixels = element_count(shape) / channels;
    if (kind_ == Kind::maximum) {
      x = insert(Reshape{{1, pixels, channels, 1}}, {x});
      x = insert(pool_over(kind_, 1, channels), {x});
    } else {
      const float weight = 1.0f / static_cast<float>(channels);
      x = insert(Reshape{{1, 1, pixels, channels}}, {x});
      const TensorId weights = editor_.add_constant(
          "mean", {1, 1, 1, channels}, std::vector<float>(static_cast<size_t>(channels), weight));
      x = insert(Conv2d{}, {x, weights});
    }
    shape.back() = 1;
    return insert(Reshape{shape}, {x});
  }

 private:
  TensorId insert(Operator op, std::vector<TensorId> inputs) {
    return editor_.insert(near_, "", std::move(op), std::move(inputs));
  }

  Editor& editor_;
  NodeId near_;
  Kind kind_;
};

// sqrt(sum of x x).
void write_out_norm(Editor& editor, NodeId id, Reduce reduce) {
  const TensorId x = editor.node(id).inputs[0];
  reduce.kind = Kind::sum;
  const TensorId squares = editor.insert(id, "", Binary{Binary::Kind::multiply}, {x, x});
  const TensorId sum = editor.insert(id, "", reduce, {squares});
  editor.replace(id, Unary{Unary::Kind::sqrt}, {sum});
}

bool convert(Editor& editor, NodeId id) {
  const Node& node = editor.node(id);
  const auto* found = std::get_if<Reduce>(&node.op);
  if (!found || found->kind == Kind::l2) return false;
  const Reduce reduce = *found;
  const Shape shape = editor.shape(node.inputs[0]), output = editor.shape(node.output);
  if (shape.size() < 2 || output.empty()) return false;
  if (std::any_of(shape.begin(), shape.end(),
                  [](int64_t size) { return size > std::numeric_limits<int>::max(); })) {
    return false;
  }
  const bool least = reduce.kind == Kind::minimum, sum = reduce.kind == Kind::sum;
  Reduction by(editor, id, least ? Kind::maximum : reduce.kind);
  TensorId x = node.inputs[0];
  if (least) x = insert_scaled(editor, id, x, -1);
  const auto last = shape.size() - 1;
  double reduced = 1;
  for (size_t i = 0; i < reduce.axes.size();) {
    const auto begin = static_cast<size_t>(reduce.axes[i]);
    size_t end = begin;
    while (i < reduce.axes.size() && static_cast<size_t>(reduce.axes[i]) == end && end < last) {
      reduced *= static_cast<double>(shape[end]);
      ++end, ++i;
    }
    if (end > begin) x = by.over_rows(x, begin, end);
    if (i < reduce.axes.size() && static_cast<size_t>(reduce.axes[i]) == last) {
      reduced *= static_cast<double>(shape[last]);
      x = by.over_channels(x);
      ++i;
    }
  }
  if (least || sum) x = insert_scaled(editor, id, x, sum ? reduced : -1);
  editor.replace(id, Reshape{output}, {x});
  return true;
}

// Norms that no step of its own divides by.
int write_out_norms(Graph& graph) {
  Editor editor(graph);
  std::set<TensorId> kept;
  for (NodeId id = 0; id < editor.end(); ++id) {
    if (!editor.alive(id) || !is_l2_normalization(editor, id)) continue;
    TensorId norm = editor.node(id).inputs[1];
    if (made_by<Unary>(editor, norm)) norm = operand(editor, norm, 0);
    kept.insert(norm);
  }
  int changed = 0;
  for (NodeId id = 0, end = editor.end(); id < end; ++id) {
    if (!editor.alive(id)) continue;
    const auto* reduce = std::get_if<Reduce>(&editor.node(id).op);
    if (!reduce || reduce->kind != Kind::l2 || kept.contains(editor.node(id).output)) continue;
    write_out_norm(editor, id, *reduce);
    ++changed;
  }
  editor.finish();
  return changed;
}

}  // namespace

int reduce_by_pools(Graph& graph) {
  return write_out_norms(graph) + rewrite_nodes(graph, convert);
}

}  // namespace octavo
