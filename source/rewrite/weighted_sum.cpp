// Sums in which a tensor occurs more than once: x + s (p - x) is s p + (1 - s) x, one sum of two
// tensors with factors a channel instead of three steps, each with a rounding of its own (a pool
// minus identity behind a layer scale: PoolFormer, EfficientFormer). x + s x is one scale.
#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "graph/pointwise.h"
#include "rewrite/pattern.h"
#include "rewrite/table.h"

namespace octavo {

namespace {

constexpr int most_nodes = 12;  // such sums are small; a long chain is not one
// Of 1 - s, were s much larger, floats would keep nothing of the 1.
constexpr double largest_factor = 64;

struct Term {
  TensorId x;
  std::vector<double> factor;  // a channel
};

struct Sum {
  std::vector<Term> terms;  // of different tensors
  std::vector<double> shift;
};

bool all_are(const std::vector<double>& values, double number) {
  return std::all_of(values.begin(), values.end(), [=](double v) { return v == number; });
}

// A summand, and the scales that it goes through, the outermost first.
struct Path {
  bool negative = false;
  std::vector<NodeId> scales;
};

// What an addition or subtraction of tensors of one shape comes to, taken apart through additions,
// subtractions and scales that nothing else reads.
class Taking {
 public:
  Taking(const Editor& editor, NodeId root)
      : editor_(editor), root_(root), shape_(editor.shape(editor.node(root).output)) {}

  // None where no tensor is added twice, or more than two are.
  std::optional<Sum> all() {
    if (!take(editor_.node(root_).output, {})) return std::nullopt;
    std::vector<TensorId> tensors;
    for (const auto& [x, path] : leaves_) {
      if (std::find(tensors.begin(), tensors.end(), x) == tensors.end()) tensors.push_back(x);
    }
    if (tensors.size() == leaves_.size() || tensors.size() > 2) return std::nullopt;
    const auto channels = static_cast<size_t>(shape_.back());
    Sum out;
    out.shift.assign(channels, 0);
    for (const TensorId x : tensors) out.terms.push_back({x, std::vector<double>(channels, 0)});
    for (const auto& [x, path] : leaves_) {
      Term& term = out.terms[x == tensors[0] ? 0 : 1];
      add_factors(path, term.factor);
    }
    for (const auto& [scale, path] : scales_) {
      std::vector<double> outer(channels, 0);
      add_factors(path, outer);
      const Affine affine = *affine_along(editor_, scale, last_axis());
      for (size_t c = 0; c < channels; ++c) out.shift[c] += outer[c] * affine.shift[c];
    }
    return out;
  }

 private:
  int last_axis() const { return static_cast<int>(shape_.size()) - 1; }

  bool take(TensorId t, const Path& path) {
    if (++nodes_ > most_nodes || editor_.shape(t) != shape_ || editor_.tensor(t).is_constant())
      return false;
    const NodeId maker = editor_.maker(t);
    if (maker == root_ || (maker != no_node && editor_.reader_count(t) == 1)) {
      const Node& node = editor_.node(maker);
      if (const auto* binary = std::get_if<Binary>(&node.op)) {
        const bool subtracts = binary->kind == Binary::Kind::subtract;
        if (subtracts || binary->kind == Binary::Kind::add)
          return take(node.inputs[0], path) &&
                 take(node.inputs[1], {path.negative != subtracts, path.scales});
      }
      const auto* affine = std::get_if<ChannelAffine>(&node.op);
      if (affine != nullptr && affine->axis == last_axis()) {
        scales_.emplace_back(maker, path);
        Path inner = path;
        inner.scales.push_back(maker);
        return take(node.inputs[0], inner);
      }
    }
    leaves_.emplace_back(t, path);
    return true;
  }

  void add_factors(const Path& path, std::vector<double>& to) const {
    std::vector<double> factor(to.size(), path.negative ? -1 : 1);
    for (const NodeId id : path.scales) {
      const Affine affine = *affine_along(editor_, id, last_axis());
      for (size_t c = 0; c < factor.size(); ++c) factor[c] *= affine.scale[c];
    }
    for (size_t c = 0; c < factor.size(); ++c) to[c] += factor[c];
  }

  const Editor& editor_;
  const NodeId root_;
  const Shape shape_;
  std::vector<std::pair<TensorId, Path>> leaves_;
  std::vector<std::pair<NodeId, Path>> scales_;
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
    operands.back() =
        editor.insert(id, "", ChannelAffine{axis}, {term.x, constants->scale, constants->shift});
  }
  editor.replace(id, Binary{minus ? Binary::Kind::subtract : Binary::Kind::add}, operands);
  return true;
}

bool may_be_put(const Editor& editor, const Sum& sum) {
  for (const Term& term : sum.terms) {
    const auto within = [](double v) { return std::fabs(v) <= largest_factor; };
    if (!std::all_of(term.factor.begin(), term.factor.end(), within)) return false;
    if (all_are(term.factor, 0)) return false;  // x - x: what is not a number would be lost
  }
  if (sum.terms.size() == 1) return true;
  if (!all_are(sum.shift, 0)) return false;
  // A convolution or product takes what is added to it as a residual, without a factor.
  return std::none_of(sum.terms.begin(), sum.terms.end(), [&](const Term& term) {
    return made_by<Conv2d>(editor, term.x) || made_by<MatMul>(editor, term.x);
  });
}

bool rewrite(Editor& editor, NodeId id, const std::vector<bool>& exact) {
  const Node& node = editor.node(id);
  const auto* binary = std::get_if<Binary>(&node.op);
  if (!binary || (binary->kind != Binary::Kind::add && binary->kind != Binary::Kind::subtract))
    return false;
  const Shape& shape = editor.shape(node.output);
  if (exact[node.output] || shape.empty() || shape.back() > most_channels) return false;
  const auto sum = Taking(editor, id).all();
  if (!sum || !may_be_put(editor, *sum)) return false;
  const int axis = static_cast<int>(shape.size()) - 1;
  return sum->terms.size() == 1 ? put_scale(editor, id, *sum, axis)
                                : put_sum(editor, id, *sum, axis);
}

}  // namespace

int weighted_sum(Graph& graph) {
  const std::vector<bool> exact = between_roundings(graph);
  return rewrite_nodes(graph,
                       [&](Editor& editor, NodeId id) { return rewrite(editor, id, exact); });
}

}  // namespace octavo
