// The mean of a whole map in one form: an average pool of the map's size, stride 1, whose
// output is [n, 1, 1, c]. It arrives as GlobalAveragePool, ReduceMean over height and
// width, AveragePool of the map's size, or a mean over tokens [n, t, c].
#include <limits>

#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

constexpr int64_t most_side = std::numeric_limits<int>::max();

Pool2d whole_map(const Shape& map) {
  Pool2d pool;
  pool.kind = Pool2d::Kind::average;
  pool.kernel = {static_cast<int>(map[1]), static_cast<int>(map[2])};
  return pool;
}

// The map [n, h, w, c] that a mean reduces wholly, or nothing.
std::optional<Shape> reduced_map(const Reduce& reduce, const Shape& x) {
  if (reduce.kind != Reduce::Kind::mean) return std::nullopt;
  if (x.size() == 4 && reduce.axes == std::vector<int>{1, 2}) return x;
  if (x.size() == 3 && reduce.axes == std::vector<int>{1}) return Shape{x[0], 1, x[1], x[2]};
  return std::nullopt;
}

bool from_reduce(Editor& editor, NodeId id, const Reduce& reduce) {
  const Node& node = editor.node(id);
  TensorId x = node.inputs[0];
  const auto map = reduced_map(reduce, editor.shape(x));
  if (!map || (*map)[1] > most_side || (*map)[2] > most_side) return false;
  if (*map != editor.shape(x)) x = editor.insert(id, "", Reshape{*map}, {x});
  const Shape output = editor.shape(node.output);
  if (output == Shape{(*map)[0], 1, 1, (*map)[3]}) {
    editor.replace(id, whole_map(*map), {x});
  } else {
    editor.split(id, whole_map(*map), {x}, Reshape{output});
  }
  return true;
}

bool from_pool(Editor& editor, NodeId id, const Pool2d& pool) {
  const Node& node = editor.node(id);
  const Shape& map = editor.shape(node.inputs[0]);
  const bool whole = pool.kind == Pool2d::Kind::average && pool.pads == Pads{} &&
                     pool.kernel[0] == map[1] && pool.kernel[1] == map[2] &&
                     pool.dilation == std::array<int, 2>{1, 1};
  const bool is_canonical =
      pool.stride == std::array<int, 2>{1, 1} && !pool.ceil_mode && !pool.count_include_pad;
  if (!whole || is_canonical) return false;
  const TensorId x = node.inputs[0];
  editor.replace(id, whole_map(map), {x});
  return true;
}

bool recognise(Editor& editor, NodeId id) {
  const Operator op = editor.node(id).op;
  if (const auto* reduce = std::get_if<Reduce>(&op)) return from_reduce(editor, id, *reduce);
  if (const auto* pool = std::get_if<Pool2d>(&op)) return from_pool(editor, id, *pool);
  return false;
}

}  // namespace

int pool_mean(Graph& graph) {
  return rewrite_nodes(graph, recognise);
}

}  // namespace octavo
