// The mean or maximum of a whole map in one form: a pool of the map's size, stride 1,
// whose output is [n, 1, 1, c]. It arrives as GlobalAveragePool, ReduceMean over height
// and width, AveragePool of the map's size, or a mean over tokens [n, t, c].
#include <limits>

#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

constexpr int64_t most_side = std::numeric_limits<int>::max();

Pool2d whole_map(Pool2d::Kind kind, const Shape& map) {
  Pool2d pool;
  pool.kind = kind;
  pool.kernel = {static_cast<int>(map[1]), static_cast<int>(map[2])};
  return pool;
}

std::optional<Pool2d::Kind> pool_kind(Reduce::Kind kind) {
  if (kind == Reduce::Kind::mean) return Pool2d::Kind::average;
  if (kind == Reduce::Kind::maximum) return Pool2d::Kind::maximum;
  return std::nullopt;
}

// The map [n, h, w, c] that a reduction takes away wholly, or nothing.
std::optional<Shape> reduced_map(const std::vector<int>& axes, const Shape& x) {
  if (x.size() == 4 && axes == std::vector<int>{1, 2}) return x;
  if (x.size() == 3 && axes == std::vector<int>{1}) return Shape{x[0], 1, x[1], x[2]};
  return std::nullopt;
}

bool from_reduce(Editor& editor, NodeId id, const Reduce& reduce) {
  const Node& node = editor.node(id);
  TensorId x = node.inputs[0];
  const auto kind = pool_kind(reduce.kind);
  const auto map = kind ? reduced_map(reduce.axes, editor.shape(x)) : std::nullopt;
  if (!map || (*map)[1] > most_side || (*map)[2] > most_side) return false;
  if (*map != editor.shape(x)) x = editor.insert(id, "", Reshape{*map}, {x});
  const Shape output = editor.shape(node.output);
  if (output == Shape{(*map)[0], 1, 1, (*map)[3]}) {
    editor.replace(id, whole_map(*kind, *map), {x});
  } else {
    editor.split(id, whole_map(*kind, *map), {x}, Reshape{output});
  }
  return true;
}

bool from_pool(Editor& editor, NodeId id, const Pool2d& pool) {
  const TensorId x = editor.node(id).inputs[0];
  const Shape map = editor.shape(x);
  constexpr std::array<int, 2> one{1, 1};
  const bool whole = pool.pads == Pads{} && pool.dilation == one && pool.kernel[0] == map[1] &&
                     pool.kernel[1] == map[2];
  const bool is_canonical = pool.stride == one && !pool.ceil_mode && !pool.count_include_pad;
  if (!whole || is_canonical) return false;
  editor.replace(id, whole_map(pool.kind, map), {x});
  return true;
}

bool recognise(Editor& editor, NodeId id) {
  const Operator op = editor.node(id).op;
  if (const auto* reduce = std::get_if<Reduce>(&op)) return from_reduce(editor, id, *reduce);
  if (const auto* pool = std::get_if<Pool2d>(&op)) return from_pool(editor, id, *pool);
  return false;
}

}  // namespace

int pool_whole_map(Graph& graph) {
  return rewrite_nodes(graph, recognise);
}

}  // namespace octavo
