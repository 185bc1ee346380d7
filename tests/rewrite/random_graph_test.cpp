// Random directed acyclic graphs of all operators: whatever the rewrites do, the result
// stays, the graph verifies, and every name can still be found.
#include <algorithm>
#include <numeric>
#include <set>

#include "rewrite/build_graph.h"

namespace octavo {
namespace {

using test::Build;

class RandomGraph {
 public:
  explicit RandomGraph(uint32_t graph_seed)
      : random_(graph_seed), build_({1, pick(1, 4), pick(5, 7), pick(5, 7)}) {
    tensors_.push_back(build_.input());
  }

  Graph make() {
    for (int i = 0; i < 24; ++i) {
      const TensorId made = step();
      if (made != build_.input()) tensors_.push_back(made);
    }
    std::vector<TensorId> rows;  // so that nothing is dead
    for (const TensorId id : tensors_) {
      rows.push_back(build_.add(Reshape{{1, element_count(build_.shape(id))}}, {id}));
    }
    return build_.finish(build_.add(Concat{1}, rows));
  }

 private:
  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  bool coin() { return pick(0, 1) == 1; }
  TensorId any() { return tensors_[static_cast<size_t>(pick(0, std::ssize(tensors_) - 1))]; }
  int axis_of(const Shape& shape) { return static_cast<int>(pick(0, std::ssize(shape) - 1)); }

  // Late tensors are likelier, so that graphs grow deep.
  TensorId operand() { return coin() ? tensors_.back() : any(); }

  TensorId step() {
    const TensorId x = operand();
    const Shape shape = build_.shape(x);
    if (shape.empty()) return of_one_number(x);
    switch (pick(0, 16)) {
      case 0:
        return unary(x);
      case 1:
        return with_constant(x, shape);
      case 2:
        return join(x, shape);
      case 3:
        return affine(x, shape);
      case 4:
      case 5:
        return transpose(x, shape);
      case 6:
        return reshape(x, shape);
      case 7:
        return slice(x, shape);
      case 8:
        return gather(x, shape);
      case 9:
        return reduce(x, shape);
      case 10:
        return pad(x, shape);
      case 11:
        return build_.add(Softmax{axis_of(shape)}, {x});
      case 12:
        return layer_norm(x, shape);
      case 13:
        return product(x, shape);
      case 14:
        return pool(x, shape);
      case 15:
        return one_number(x, shape);
      default:
        return conv(x, shape);
    }
  }

  // A tensor without axes, as squeeze() leaves it.
  TensorId one_number(TensorId x, const Shape& shape) {
    Reduce op{Reduce::Kind::mean, std::vector<int>(shape.size()), coin()};
    std::iota(op.axes.begin(), op.axes.end(), 0);
    const TensorId mean = build_.add(op, {x});
    return op.keep_dims ? build_.add(Reshape{{}}, {mean}) : mean;
  }
  TensorId of_one_number(TensorId x) {
    switch (pick(0, 6)) {
      case 0:
        return unary(x);
      case 1:
        return with_constant(x, {});
      case 2:
        return build_.add(Reshape{Shape(static_cast<size_t>(pick(0, 4)), 1)}, {x});
      case 3:
        return build_.add(Transpose{{}}, {x});
      case 4:
        return build_.binary(Binary::Kind::multiply, any(), x);
      case 5:
        return build_.add(Expand{{1, pick(1, 3)}}, {x});
      default:
        return build_.binary(Binary::Kind::add, x, build_.random({1}));
    }
  }

  TensorId unary(TensorId x) {
    constexpr Unary::Kind kinds[] = {Unary::Kind::relu, Unary::Kind::tanh, Unary::Kind::sigmoid,
                                     Unary::Kind::clip, Unary::Kind::absolute};
    const Unary::Kind kind = kinds[pick(0, 4)];
    return build_.unary(kind, x, kind == Unary::Kind::clip ? -0.5f : 0.0f,
                        kind == Unary::Kind::clip ? 1.0f : 0.0f);
  }
  TensorId with_constant(TensorId x, Shape shape) {
    for (int64_t& size : shape) size = coin() ? 1 : size;
    const TensorId constant = build_.random(shape, 0.5f, 1.5f);
    constexpr Binary::Kind kinds[] = {Binary::Kind::add, Binary::Kind::subtract,
                                      Binary::Kind::multiply, Binary::Kind::divide,
                                      Binary::Kind::maximum};
    const Binary::Kind kind = kinds[pick(0, 4)];
    if (kind == Binary::Kind::divide || coin()) return build_.binary(kind, x, constant);
    return build_.binary(kind, constant, x);
  }
  TensorId join(TensorId x, const Shape& shape) {
    for (const TensorId other : tensors_) {
      if (build_.shape(other) != shape || coin()) continue;
      if (coin()) return build_.add(Concat{axis_of(shape)}, {x, other});
      return build_.binary(coin() ? Binary::Kind::add : Binary::Kind::subtract, x, other);
    }
    return build_.binary(Binary::Kind::multiply, x, build_.unary(Unary::Kind::sigmoid, x));
  }
  TensorId affine(TensorId x, const Shape& shape) {
    const int axis = axis_of(shape);
    const Shape channels{shape[static_cast<size_t>(axis)]};
    return build_.add(ChannelAffine{axis},
                      {x, build_.random(channels, 0.5f, 1.5f), build_.random(channels)});
  }
  TensorId transpose(TensorId x, const Shape& shape) {
    std::vector<int> perm(shape.size());
    std::iota(perm.begin(), perm.end(), 0);
    if (shape.size() == 4 && coin()) {
      perm = coin() ? std::vector<int>{0, 2, 3, 1} : std::vector<int>{0, 3, 1, 2};
    } else {
      std::shuffle(perm.begin(), perm.end(), random_);
    }
    return build_.add(Transpose{perm}, {x});
  }
  // Joins two neighbours, splits an axis, or adds an axis of size 1.
  TensorId reshape(TensorId x, Shape shape) {
    const auto axis = static_cast<std::ptrdiff_t>(axis_of(shape));
    const auto at = static_cast<size_t>(axis);
    if (at + 1 < shape.size() && shape.size() > 2) {
      shape[at] *= shape[at + 1];
      shape.erase(shape.begin() + axis + 1);
    } else if (shape.size() < 5) {
      const int64_t factor = shape[at] % 2 == 0 ? 2 : 1;
      shape[at] /= factor;
      shape.insert(shape.begin() + axis, factor);
    }
    return build_.add(Reshape{shape}, {x});
  }
  TensorId slice(TensorId x, const Shape& shape) {
    Slice op{Shape(shape.size(), 0), shape, Shape(shape.size(), 1)};
    const auto axis = static_cast<size_t>(axis_of(shape));
    op.starts[axis] = pick(0, shape[axis] - 1);
    op.sizes[axis] = pick(1, shape[axis] - op.starts[axis]);
    return build_.add(op, {x});
  }
  TensorId gather(TensorId x, const Shape& shape) {
    Gather op{axis_of(shape), {}};
    const int64_t size = shape[static_cast<size_t>(op.axis)];
    for (int64_t i = pick(1, size); i > 0; --i) op.indices.push_back(pick(0, size - 1));
    return build_.add(op, {x});
  }
  TensorId reduce(TensorId x, const Shape& shape) {
    Reduce op{coin() ? Reduce::Kind::mean : Reduce::Kind::maximum, {}, true};
    for (int axis = 0; axis < static_cast<int>(shape.size()); ++axis) {
      if (coin()) op.axes.push_back(axis);
    }
    if (op.axes.empty()) op.axes.push_back(0);
    op.keep_dims = coin() || shape.size() - op.axes.size() < 2;
    return build_.add(op, {x});
  }
  TensorId pad(TensorId x, const Shape& shape) {
    Pad op{Pad::Mode::constant, Shape(shape.size(), 0), Shape(shape.size(), 0), 0};
    op.before[static_cast<size_t>(axis_of(shape))] = 1;
    op.after[static_cast<size_t>(axis_of(shape))] = 1;
    if (coin()) op.value = 0.5f;
    return build_.add(op, {x});
  }
  TensorId layer_norm(TensorId x, const Shape& shape) {
    if (shape.back() < 2) return build_.input();
    return build_.add(LayerNorm{1e-2f},
                      {x, build_.random({shape.back()}), build_.random({shape.back()})});
  }
  TensorId product(TensorId x, const Shape& shape) {
    const int64_t k = shape.back(), n = pick(1, 6);
    if (k > 500 || shape.size() < 2) return build_.input();
    const float size = 1 / std::sqrt(static_cast<float>(k));
    const bool transpose_b = coin();
    const Shape weight = transpose_b ? Shape{n, k} : Shape{k, n};
    return build_.add(MatMul{transpose_b}, {x, build_.random(weight, -size, size)});
  }
  TensorId pool(TensorId x, const Shape& shape) {
    if (shape.size() != 4) return build_.input();
    Pool2d op{coin() ? Pool2d::Kind::maximum : Pool2d::Kind::average};
    const bool whole = coin() && shape[1] < 50 && shape[2] < 50;
    op.kernel = whole ? std::array<int, 2>{static_cast<int>(shape[1]), static_cast<int>(shape[2])}
                      : std::array<int, 2>{1, std::min(2, static_cast<int>(shape[2]))};
    return build_.add(op, {x});
  }
  TensorId conv(TensorId x, const Shape& shape) {
    if (shape.size() != 4 || element_count(shape) > 2000) return build_.input();
    const int64_t kernel = coin() ? 1 : 3;
    if (coin()) return build_.conv(x, pick(1, 6), kernel);
    return build_.nchw_conv(x, pick(1, 6), kernel);
  }

  std::mt19937 random_;
  Build build_;
  std::vector<TensorId> tensors_;
};

std::set<std::string> all_names(const Graph& graph) {
  std::set<std::string> names;
  for (const Node& node : graph.nodes) {
    names.insert(node.name);
    names.insert(node.merged.begin(), node.merged.end());
  }
  return names;
}

TEST(RandomGraphs, KeepResultAndNames) {
  for (uint32_t i = 0; i < 150; ++i) {
    SCOPED_TRACE(testing::Message() << "graph seed " << test::seed + i);
    Graph before = RandomGraph(test::seed + i).make();
    remove_dead(before);
    Graph after = before;
    test::rewrite_all(after);
    test::expect_same_result(before, after);
    const std::set<std::string> names = all_names(after);
    for (const Node& node : before.nodes) {
      EXPECT_TRUE(names.count(node.name)) << node.name << " is lost\n" << to_text(before);
    }
    if (testing::Test::HasFailure()) return;  // one graph is enough to look at
  }
}

}  // namespace
}  // namespace octavo
