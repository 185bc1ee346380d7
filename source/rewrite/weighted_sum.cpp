// Sums in which a tensor occurs more than once: x + s (p - x) is s p + (1 - s) x, one sum of two
// tensors with factors a channel instead of three steps, each with a rounding of its own (a pool
// minus identity behind a layer scale: PoolFormer, EfficientFormer). x + s x is one scale.
#include <algorithm>

#include "graph/pointwise.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

constexpr int most_nodes = 12;  // such sums are small; a long chain is not one

struct Term {
  TensorId x;
  std::vector<double> factor;  // a channel
};

struct Sum {
  std::vector<Term> terms;  // of different tensors
  std::vector<double> shift;
  size_t leaves = 0;
};

bool all_are(const std::vector<double>& values, double number) {
  return std::all_of(values.begin(), values.end(), [=](double v) { return v == number; });
}

// What an addition or subtraction of tensors of one shape comes to, taken apart through additions,
// subtractions and scales that nothing else reads.
class Taking {
 public:
  Taking(const Editor& editor, NodeId root)
      : editor_(editor), root_(root), shape_(editor.shape(editor.node(root).output)) {}

  std::optional<Sum> all() {
    const auto channels = static_cast<size_t>(shape_.back());
    sum_.shift.assign(channels, 0);
    if (!take(editor_.node(root_).output, std::vector<double>(channels, 1))) return std::nullopt;
    return std::move(sum_);
  }

 private:
  bool take(TensorId t, const std::vector<double>& factor) {
    if (++nodes_ > most_nodes || editor_.shape(t) != shape_ || editor_.tensor(t).is_constant())
      return false;
    const NodeId maker = editor_.maker(t);
    const bool inner = maker == root_ || (maker != no_node && editor_.reader_count(t) == 1);
    if (inner) {
      const Node& node = editor_.node(maker);
      if (const auto* binary = std::get_if<Binary>(&node.op))
        if (binary->kind == Binary::Kind::add || binary->kind == Binary::Kind::subtract)
          return take_both(node, binary->kind == Binary::Kind::subtract, factor);
      if (const auto affine = affine_along(editor_, maker, static_cast<int>(shape_.size()) - 1))
        return take_affine(node.inputs[0], *affine, factor);
    }
    add_leaf(t, factor);
    return true;
  }

  bool take_both(const Node& node, bool subtract, const std::vector<double>& factor) {
    const TensorId a = node.inputs[0], b = node.inputs[1];
    std::vector<double> second = factor;
    if (subtract) std::transform(factor.begin(), factor.end(), second.begin(), std::negate());
    return take(a, factor) && take(b, second);
  }

  bool take_affine(TensorId x, const Affine& affine, std::vector<double> factor) {
    for (size_t c = 0; c < factor.size(); ++c) {
      sum_.shift[c] += factor[c] * affine.shift[c];
      factor[c] *= affine.scale[c];
    }
    return take(x, factor);
  }

  void add_leaf(TensorId x, const std::vector<double>& factor) {
    ++sum_.leaves;
    for (Term& term : sum_.terms) {
      if (term.x != x) continue;
      for (size_t c = 0; c < factor.size(); ++c) term.factor[c] += factor[c];
      return;
    }
    sum_.terms.push_back({x, factor});
  }

  const Editor& editor_;
  const NodeId root_;
  const Shape shape_;
  Sum sum_;
  int nodes_ = 0;
};

// The node gives the scales and shifts of x, as constants.
struct Constants {
  TensorId scale, shift;
};
std::optional<Constants> add_constants(Editor& editor, NodeId id, const std::vector<double>& scale,
                                       const std::vector<double>& shift) {
  const auto scales = to_float(scale), shifts = to_float(shift);
  if (!scales || !shifts) return std::nullopt;
  const std::string name = editor.node(id).name;
  const Shape channels{static_cast<int64_t>(scale.size())};
  return Constants{editor.add_constant(name + "/scale", channels, *scales),
                   editor.add_constant(name + "/shift", channels, *shifts)};
}

bool put_scale(Editor& editor, NodeId id, const Sum& sum, int axis) {
  if (all_are(sum.terms[0].factor, 1) && all_are(sum.shift, 0) && editor.bypass(id, sum.terms[0].x))
    return true;
  const auto constants = add_constants(editor, id, sum.terms[0].factor, sum.shift);
  if (!constants) return false;
  editor.replace(id, ChannelAffine{axis}, {sum.terms[0].x, constants->scale, constants->shift});
  return true;
}

bool put_sum(Editor& editor, NodeId id, Sum sum, int axis) {
  if (all_are(sum.terms[0].factor, -1)) std::swap(sum.terms[0], sum.terms[1]);
  const bool minus = all_are(sum.terms[1].factor, -1);
  std::vector<TensorId> operands;
  for (const Term& term : sum.terms) {
    operands.push_back(term.x);
    if (all_are(term.factor, 1) || (minus && operands.size() == 2)) continue;
    const auto constants = add_constants(editor, id, term.factor, sum.shift);
    if (!constants) return false;
    operands.back() =
        editor.insert(id, "", ChannelAffine{axis}, {term.x, constants->scale, constants->shift});
  }
  editor.replace(id, Binary{minus ? Binary::Kind::subtract : Binary::Kind::add}, operands);
  return true;
}

bool rewrite(Editor& editor, NodeId id, const std::vector<bool>& exact) {
  const Node& node = editor.node(id);
  const auto* binary = std::get_if<Binary>(&node.op);
  if (!binary || (binary->kind != Binary::Kind::add && binary->kind != Binary::Kind::subtract))
    return false;
  const Shape& shape = editor.shape(node.output);
  if (exact[node.output] || shape.empty() || shape.back() > most_channels) return false;
  const auto sum = Taking(editor, id).all();
  if (!sum || sum->terms.size() > 2 || sum->terms.size() == sum->leaves) return false;
  for (const Term& term : sum->terms)
    if (all_are(term.factor, 0)) return false;  // x - x: what is not a number would be lost
  const int axis = static_cast<int>(shape.size()) - 1;
  if (sum->terms.size() == 1) return put_scale(editor, id, *sum, axis);
  return all_are(sum->shift, 0) && put_sum(editor, id, *sum, axis);
}

}  // namespace

int weighted_sum(Graph& graph) {
  const std::vector<bool> exact = between_roundings(graph);
  return rewrite_nodes(graph,
                       [&](Editor& editor, NodeId id) { return rewrite(editor, id, exact); });
}

}  // namespace octavo
