#include "rewrite/value_bounds.h"

#include <algorithm>
#include <cmath>

namespace octavo {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double count_of(const Shape& shape) {
  return static_cast<double>(element_count(shape));
}

// 0 times infinity is 0 here: a bound, not a number.
double times(double a, double b) {
  return a == 0 || b == 0 ? 0 : a * b;
}

ValueBounds product(const ValueBounds& a, const ValueBounds& b) {
  const auto [lo, hi] =
      std::minmax({times(a.lo, b.lo), times(a.lo, b.hi), times(a.hi, b.lo), times(a.hi, b.hi)});
  return {lo, hi};
}

ValueBounds joined(const ValueBounds& a, const ValueBounds& b) {
  return {std::min(a.lo, b.lo), std::max(a.hi, b.hi)};
}

struct Rule {
  const Graph& graph;
  const Node& node;
  const std::vector<KnownValues>& known;

  const KnownValues& in(size_t i) const { return known[node.inputs[i]]; }
  const Shape& shape(size_t i) const { return graph.tensors[node.inputs[i]].shape; }
  const Shape& out() const { return graph.tensors[node.output].shape; }

  KnownValues operator()(const Reshape&) const { return in(0); }
  KnownValues operator()(const Transpose&) const { return in(0); }
  KnownValues operator()(const Slice&) const { return {in(0).bounds, {}}; }
  KnownValues operator()(const Gather&) const { return {in(0).bounds, {}}; }
  KnownValues operator()(const Expand&) const { return {in(0).bounds, {}}; }

  KnownValues operator()(const Softmax& op) const {
    return {{0, 1}, count_of(out()) / static_cast<double>(out()[static_cast<size_t>(op.axis)])};
  }

  KnownValues operator()(const Concat&) const {
    KnownValues all = in(0);
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      all.bounds = joined(all.bounds, in(i).bounds);
      all.sum = all.sum && in(i).sum ? std::optional(*all.sum + *in(i).sum) : std::nullopt;
    }
    return all;
  }

  KnownValues operator()(const Pad& op) const {
    if (op.mode != Pad::Mode::constant) return {in(0).bounds, {}};
    return {joined(in(0).bounds, {op.value, op.value}), {}};
  }

  // Padding never wins a maximum, and is zero in an average.
  KnownValues operator()(const Pool2d& op) const {
    if (op.kind == Pool2d::Kind::maximum) return {in(0).bounds, {}};
    return {op.count_include_pad ? joined(in(0).bounds, {0, 0}) : in(0).bounds, {}};
  }

  KnownValues operator()(const Reduce& op) const {
    const double taken = count_of(shape(0)) / count_of(out());
    switch (op.kind) {
      case Reduce::Kind::mean:
        return {in(0).bounds, in(0).sum ? std::optional(*in(0).sum / taken) : std::nullopt};
      case Reduce::Kind::sum:
        return {{in(0).bounds.lo * taken, in(0).bounds.hi * taken}, in(0).sum};
      case Reduce::Kind::l2:
        return {{0, infinity}, {}};
      default:
        return {in(0).bounds, {}};
    }
  }

  KnownValues operator()(const Unary& op) const {
    using Kind = Unary::Kind;
    const ValueBounds& x = in(0).bounds;
    switch (op.kind) {
      case Kind::relu:
        return {{std::max(x.lo, 0.0), std::max(x.hi, 0.0)}, x.lo >= 0 ? in(0).sum : std::nullopt};
      case Kind::clip: {
        const double lo = op.alpha, hi = op.beta;
        // Keras keeps probabilities a ten-millionth away from 0 and 1: they stay such.
        const bool changes_little = x.lo >= lo - 1e-3 && x.hi <= hi + 1e-3;
        return {{std::clamp(x.lo, lo, hi), std::clamp(x.hi, lo, hi)},
                changes_little ? in(0).sum : std::nullopt};
      }
      case Kind::sigmoid:
      case Kind::hard_sigmoid:
        return {{0, 1}, {}};
      case Kind::tanh:
      case Kind::erf:
      case Kind::sine:
      case Kind::cosine:
        return {{-1, 1}, {}};
      case Kind::exp:
      case Kind::softplus:
      case Kind::absolute:
      case Kind::sqrt:
        return {{0, infinity}, {}};
      case Kind::power:
        if (has_whole_exponent(op)) return {};
        return {{0, infinity}, {}};
      case Kind::hard_swish:
        return {{-0.375, infinity}, {}};
      default:
        return {};
    }
  }

  // Each value a step of its integer aside, none beyond what that holds.
  KnownValues operator()(const FakeQuantize& op) const {
    double least = 0, most = 0;
    for (size_t c = 0; c < op.grid.scale.size(); ++c) {
      least = std::min(least, -double{op.grid.scale[c]} * op.grid.zero_point[c]);
      most = std::max(most, double{op.grid.scale[c]} * (op.grid.highest - op.grid.zero_point[c]));
    }
    const ValueBounds& x = in(0).bounds;
    return {{std::max(x.lo, least), std::min(x.hi, most)}, in(0).sum};
  }

  KnownValues operator()(const ChannelAffine&) const {
    const std::vector<float>& scale = *graph.tensors[node.inputs[1]].values;
    const std::vector<float>& shift = *graph.tensors[node.inputs[2]].values;
    KnownValues all;
    for (size_t c = 0; c < scale.size(); ++c) {
      const ValueBounds scaled = product(in(0).bounds, {scale[c], scale[c]});
      const ValueBounds here{scaled.lo + shift[c], scaled.hi + shift[c]};
      all.bounds = c == 0 ? here : joined(all.bounds, here);
    }
    const bool one_scale =
        std::all_of(scale.begin(), scale.end(), [&](float s) { return s == scale[0]; });
    if (one_scale && in(0).sum) {
      double shifts = 0;
      for (const float s : shift) shifts += s;
      all.sum =
          *in(0).sum * scale[0] + shifts * count_of(out()) / static_cast<double>(shift.size());
    }
    return all;
  }

  KnownValues operator()(const Binary& op) const {
    const ValueBounds &a = in(0).bounds, &b = in(1).bounds;
    const auto elements = [&](size_t i) { return count_of(shape(i)); };
    // What broadcasting repeats counts as often.
    const auto sum = [&](size_t i) {
      return in(i).sum ? std::optional(*in(i).sum * count_of(out()) / elements(i)) : std::nullopt;
    };
    switch (op.kind) {
      case Binary::Kind::add:
        return {{a.lo + b.lo, a.hi + b.hi},
                sum(0) && sum(1) ? std::optional(*sum(0) + *sum(1)) : std::nullopt};
      case Binary::Kind::subtract:
        return {{a.lo - b.hi, a.hi - b.lo},
                sum(0) && sum(1) ? std::optional(*sum(0) - *sum(1)) : std::nullopt};
      case Binary::Kind::multiply: {
        std::optional<double> scaled;
        if (elements(1) == 1 && b.lo == b.hi && in(0).sum) scaled = *in(0).sum * b.lo;
        if (elements(0) == 1 && a.lo == a.hi && in(1).sum) scaled = *in(1).sum * a.lo;
        return {product(a, b), scaled};
      }
      case Binary::Kind::divide:
        if (elements(1) != 1 || b.lo != b.hi || b.lo == 0) return {};
        return {product(a, {1 / b.lo, 1 / b.lo}),
                in(0).sum ? std::optional(*in(0).sum / b.lo) : std::nullopt};
      case Binary::Kind::maximum:
        return {{std::max(a.lo, b.lo), std::max(a.hi, b.hi)}, {}};
      case Binary::Kind::minimum:
        return {{std::min(a.lo, b.lo), std::min(a.hi, b.hi)}, {}};
      default:
        return {};
    }
  }

  template <class Op>
  KnownValues operator()(const Op&) const {
    return {};
  }
};

KnownValues of_constant(const std::vector<float>& values) {
  KnownValues out{{infinity, -infinity}, 0};
  for (const float value : values) {
    out.bounds = joined(out.bounds, {value, value});
    *out.sum += value;
  }
  return out;
}

bool sane(double value) {
  return !std::isnan(value);
}

}  // namespace

std::vector<KnownValues> known_values(const Graph& graph) {
  std::vector<KnownValues> known(graph.tensors.size());
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    // A weight's own values say nothing here that would be asked for.
    const Tensor& tensor = graph.tensors[t];
    if (tensor.is_constant() && tensor.values->size() <= 65536) {
      known[t] = of_constant(*tensor.values);
    }
  }
  for (const Node& node : graph.nodes) {
    KnownValues made = std::visit(Rule{graph, node, known}, node.op);
    if (!sane(made.bounds.lo) || !sane(made.bounds.hi)) made.bounds = {};
    if (made.sum && !std::isfinite(*made.sum)) made.sum = std::nullopt;
    known[node.output] = made;
  }
  return known;
}

OutputKind kind_of_output(const Graph& graph) {
  if (graph.softmax_removed || graph.output_kind != OutputKind::logits) return graph.output_kind;
  constexpr double slack = 1e-3;  // weights of a mean are rounded, bytes more so
  const KnownValues output = known_values(graph)[graph.output];
  if (output.bounds.lo < -slack || output.bounds.hi > 1 + slack) {
    const bool sums_to_one = output.bounds.lo >= -slack && output.sum;
    if (!sums_to_one || std::abs(*output.sum - 1) > slack) return OutputKind::logits;
  }
  const bool exclusive = output.sum && std::abs(*output.sum - 1) <= slack;
  return exclusive ? OutputKind::probabilities : OutputKind::independent;
}

}  // namespace octavo
