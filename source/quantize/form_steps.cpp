#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "graph/pointwise.h"
#include "quantize/begin_step.h"
#include "quantize/lookup.h"
#include "quantize/steps.h"
#include "quantize/weights.h"

namespace octavo {

namespace {

bool is_no_change_of_storage(const Graph& graph, const Node& node) {
  if (!std::holds_alternative<Reshape>(node.op)) return false;
  const auto from = stored_shape(graph.tensors[node.inputs[0]].shape);
  const auto to = stored_shape(graph.tensors[node.output].shape);
  return from && to && *from == *to;
}

constexpr TensorId no_tensor = UINT32_MAX;

bool is_clamp(const Unary& unary) {
  return unary.kind == Unary::Kind::relu || unary.kind == Unary::Kind::clip;
}

class Former {
 public:
  explicit Former(const Graph& graph)
      : graph_(graph),
        wiring_(graph),
        taken_(graph.nodes.size(), false),
        factor_of_sum_(graph.nodes.size(), false),
        constant_stored_(graph.tensors.size(), false),
        rounded_by_(graph.tensors.size()) {
    formed_.stored_as.resize(graph.tensors.size());
    for (size_t i = 0; i < formed_.stored_as.size(); ++i) {
      formed_.stored_as[i] = static_cast<TensorId>(i);
    }
  }

  Formation run() {
    trace_roundings();
    for (uint32_t n = 0; n < graph_.nodes.size(); ++n) find_factors(n);
    for (uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      if (!taken_[n] && !factor_of_sum_[n]) form(n);
    }
    clamp_logits();
    check_output();
    // A step stands where its last node does: only there is its residual sure to be made.
    const auto place = [](const FormedStep& step) {
      return step.nodes.empty() ? -1 : static_cast<int64_t>(step.nodes.back());
    };
    std::stable_sort(formed_.steps.begin(), formed_.steps.end(),
                     [&](const auto& a, const auto& b) { return place(a) < place(b); });
    for (auto& step : formed_.steps) {
      for (auto& input : step.inputs) input = formed_.stored_as[input];
    }
    return {std::move(formed_), std::move(refused_)};
  }

 private:
  const Node& node(uint32_t n) const { return graph_.nodes[n]; }
  const Tensor& tensor(TensorId t) const { return graph_.tensors[t]; }
  bool constant(TensorId t) const { return tensor(t).is_constant(); }

  uint32_t sole_reader(TensorId t) const { return wiring_.sole_reader(t); }

  void refuse(uint32_t n, Obstacle obstacle) { refused_.push_back({n, std::move(obstacle)}); }

  void form(uint32_t n) {
    const Node& at = node(n);
    if (rounds(n) && rounded_already(n)) {
      formed_.stored_as[at.output] = formed_.stored_as[at.inputs[0]];
      return;
    }
    if (!stored_shape(tensor(at.output).shape)) {
      return refuse(n, {Obstacle::Why::output_shape, tensor(at.output).shape});
    }
    if (is_no_change_of_storage(graph_, at)) {
      formed_.stored_as[at.output] = formed_.stored_as[at.inputs[0]];
      return;
    }
    if (const auto nodes = function_at(n); !nodes.empty()) return form_lookup(nodes);
    FormedStep step;
    step.node = n;
    if (auto obstacle = begin_step(wiring_, n, step)) return refuse(n, *std::move(obstacle));
    keep_words_only_of_words(step);
    if (auto* sum = std::get_if<form::Add>(&step.form)) take_factors(step, *sum);
    take(step, n);
    for (const TensorId input : step.inputs) {
      if (constant(input)) store_constant(input, !moves_only(step));
    }
    if (step.is<form::Reshape>()) extend_move(step);
    if (step.is<form::L2Normalize>()) take_quotient(step);
    if (auto* product = std::get_if<form::MatMul>(&step.form)) extend_factor(step, *product);
    if (step.is<form::Rescale>() && !rounds(n)) {
      if (const auto* unary = std::get_if<Unary>(&at.op)) {
        set_activation(step, *unary);
        step.accumulated = at.inputs[0];
        step.activated = at.output;
        extend_clamp(step);
        return finish(step);
      }
    }
    step.accumulated = step.activated = step.output;
    if (!moves_only(step) && !rounds(n)) extend(step);
    finish(step);
  }

  // Of other activations the sums of such weights are no integers that a step has.
  void keep_words_only_of_words(FormedStep& step) const {
    auto* convolution = std::get_if<form::Convolution>(&step.form);
    if (convolution == nullptr || convolution->kept != form::Convolution::Kept::words) return;
    const auto& given = rounded_by_[step.inputs[0]];
    if (!given || type_of(*given) != ElementType::u16) {
      convolution->kept = form::Convolution::Kept::none;
    }
  }

  // The nodes from n on that a lookup can stand for.
  std::vector<uint32_t> function_at(uint32_t n) const {
    const TensorId x = pointwise_operand(graph_, node(n)).value_or(no_tensor);
    if (x == no_tensor) return {};
    const auto& given = rounded_by_[x];
    if (!given && x != graph_.input) return {};
    const bool of_bytes = !given || type_of(*given) == ElementType::u8;
    if (!of_bytes && given->by_channel()) return {};
    auto nodes = looked_up_nodes(graph_, wiring_.consumers, n, x, of_bytes);
    if (!nodes.empty() && gives_logits(node(nodes.back()).output)) return {};
    return nodes;
  }

  bool gives_logits(TensorId t) const {
    while (t != graph_.output) {
      const uint32_t reader = sole_reader(t);
      if (reader == no_node || !is_no_change_of_storage(graph_, node(reader))) return false;
      t = node(reader).output;
    }
    return true;
  }

  void form_lookup(const std::vector<uint32_t>& nodes) {
    FormedStep step;
    step.form = form::Lookup{};
    step.node = nodes.front();
    step.inputs = {*pointwise_operand(graph_, node(step.node))};
    for (const uint32_t n : nodes) take(step, n);
    step.accumulated = step.activated = step.output;
    step.rounding = rounding_at(nodes.back());
    formed_.steps.push_back(std::move(step));
  }

  // A rounding that the file states ends the step.
  void finish(FormedStep& step) {
    if (!moves_only(step) && !step.is<form::Constant>() && !step.rounding) {
      const uint32_t reader = next(step);
      if (reader != no_node && rounds(reader) && is_by_channel(reader)) {
        step.rounding = rounding_at(reader);
        take(step, reader);
      }
    }
    formed_.steps.push_back(std::move(step));
  }

  bool rounds(uint32_t n) const { return std::holds_alternative<FakeQuantize>(node(n).op); }

  // Else it is refused where it is looked at on its own.
  bool is_by_channel(uint32_t n) const {
    const auto& rounding = std::get<FakeQuantize>(node(n).op);
    return !rounding.by_axis() ||
           rounding.axis == static_cast<int>(tensor(node(n).output).shape.size()) - 1;
  }

  const Grid& rounding_at(uint32_t n) const { return std::get<FakeQuantize>(node(n).op).grid; }

  // Whether the rounding finds every value where it would put it: they were only moved since an
  // equal one.
  bool rounded_already(uint32_t n) const {
    return rounded_by_[node(n).inputs[0]] == rounding_at(n);
  }

  // By which rounding every value of a tensor went, if by one. The network's own input is stored by
  // it, unless it is a picture, which prepare_for_steps stores apart.
  void trace_roundings() {
    const uint32_t first = sole_reader(graph_.input);
    if (first != no_node && rounds(first) && is_by_channel(first)) {
      formed_.input_rounding = rounded_by_[graph_.input] = rounding_at(first);
    }
    for (uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      const Node& at = node(n);
      if (rounds(n)) {
        rounded_by_[at.output] = rounding_at(n);
      } else if (moves_values(at)) {
        const auto& first_one = rounded_by_[at.inputs[0]];
        const bool alike = std::all_of(at.inputs.begin(), at.inputs.end(),
                                       [&](TensorId t) { return rounded_by_[t] == first_one; });
        const bool channels_stay =
            std::holds_alternative<Pool2d>(at.op) || !first_one || !first_one->by_channel();
        if (alike && channels_stay) rounded_by_[at.output] = first_one;
      }
    }
  }

  // The logits of a quantized file end where their integers do.
  void clamp_logits() {
    for (auto& step : formed_.steps) {
      if (step.output != formed_.stored_as[graph_.output] || !step.rounding) continue;
      if (step.has_residual || step.activation) continue;  // these keep no clamp behind them
      const auto [lo, hi] = range_of(*step.rounding);
      step.lo = std::clamp(step.lo, lo, hi);
      step.hi = std::clamp(step.hi, lo, hi);
    }
  }

  static bool moves_values(const Node& at) {
    const auto* pool = std::get_if<Pool2d>(&at.op);
    return std::holds_alternative<Reshape>(at.op) || std::holds_alternative<Transpose>(at.op) ||
           std::holds_alternative<Gather>(at.op) || std::holds_alternative<Slice>(at.op) ||
           std::holds_alternative<Concat>(at.op) ||
           (pool != nullptr && pool->kind == Pool2d::Kind::maximum);
  }

  void take(FormedStep& step, uint32_t n) {
    step.nodes.push_back(n);
    step.output = node(n).output;
    taken_[n] = true;
  }

  // Takes reshapes without effect; returns the node that alone reads what comes out.
  uint32_t next(FormedStep& step) {
    uint32_t reader = sole_reader(step.output);
    while (reader != no_node && is_no_change_of_storage(graph_, node(reader))) {
      take(step, reader);
      reader = sole_reader(step.output);
    }
    return reader;
  }

  const Unary* activation_at(uint32_t n) const {
    if (n == no_node) return nullptr;
    const auto* unary = std::get_if<Unary>(&node(n).op);
    return unary && is_activation(*unary) && !stands_alone(*unary) ? unary : nullptr;
  }

  void set_activation(FormedStep& step, const Unary& unary) {
    if (is_clamp(unary)) {
      const auto [lo, hi] = activation_bounds(unary);
      step.lo = lo;
      step.hi = hi;
    } else {
      step.activation = unary;
    }
  }

  void extend_clamp(FormedStep& step) {
    const uint32_t reader = next(step);
    const Unary* unary = activation_at(reader);
    if (unary == nullptr || !is_clamp(*unary) || std::isfinite(step.lo) || std::isfinite(step.hi)) {
      return;
    }
    set_activation(step, *unary);
    take(step, reader);
  }

  // main node -> [activation] -> [residual] -> [clamp]
  void extend(FormedStep& step) {
    uint32_t reader = next(step);
    step.accumulated = step.activated = step.output;
    const Unary* unary = activation_at(reader);
    if (unary != nullptr) {
      take(step, reader);
      step.activated = step.output;
      reader = next(step);
    }
    if (takes_residual(step) && reader != no_node && residual_product(reader) == step.node) {
      const auto& operands = node(reader).inputs;
      step.inputs.push_back(operands[operands[0] == step.output ? 1 : 0]);
      if (constant(step.inputs.back())) store_constant(step.inputs.back(), true);
      step.has_residual = true;
      if (unary != nullptr) step.activation = *unary;
      take(step, reader);
      if (unary == nullptr) step.accumulated = step.activated = step.output;
      return extend_clamp(step);
    }
    if (unary != nullptr) set_activation(step, *unary);
    if (unary == nullptr || !is_clamp(*unary)) extend_clamp(step);
  }

  static bool takes_residual(const FormedStep& step) {
    return step.is<form::Convolution>() || step.is<form::MatMul>();
  }

  // The convolution or product whose unrounded result an addition takes: its output (after its
  // activation) has no other reader. Of two the later: the other is stored anyway.
  uint32_t residual_product(uint32_t n) const {
    const auto* binary = std::get_if<Binary>(&node(n).op);
    if (binary == nullptr || binary->kind != Binary::Kind::add) return no_node;
    const auto& inputs = node(n).inputs;
    if (inputs[0] == inputs[1]) return no_node;
    if (stored_shape(tensor(inputs[0]).shape) != stored_shape(tensor(inputs[1]).shape))
      return no_node;
    const uint32_t first = product_behind(inputs[0]), second = product_behind(inputs[1]);
    if (first == no_node || second == no_node) return first == no_node ? second : first;
    return std::max(first, second);
  }

  uint32_t product_behind(TensorId t) const {
    bool activation_seen = false, factor_seen = false;
    while (sole_reader(t) != no_node && wiring_.producers[t] != no_node) {
      const uint32_t maker = wiring_.producers[t];
      const Node& made_by = node(maker);
      if (std::holds_alternative<Conv2d>(made_by.op)) return factor_seen ? no_node : maker;
      if (std::holds_alternative<MatMul>(made_by.op)) return maker;
      if (activation_at(maker) != nullptr && !activation_seen && !factor_seen) {
        activation_seen = true;
      } else if (!factor_of(maker).empty()) {
        factor_seen = true;
      } else if (!is_no_change_of_storage(graph_, made_by)) {
        return no_node;
      }
      t = made_by.inputs[0];
    }
    return no_node;
  }

  // x * factor[c] with constants, if that is what the node does; empty otherwise.
  std::vector<double> factor_of(uint32_t n) const {
    const Node& at = node(n);
    if (!std::holds_alternative<ChannelAffine>(at.op)) return {};
    FormedStep step;
    if (begin_step(wiring_, n, step)) return {};
    const auto& [factor, offset] = std::get<form::Rescale>(step.form);
    const auto is_zero = [](double value) { return value == 0; };
    return std::all_of(offset.begin(), offset.end(), is_zero) ? factor : std::vector<double>{};
  }

  // So that multipliers stay far from what a plan may hold.
  static constexpr double largest_factor_of_sum = 4096;

  // Of a sum of two activations that is a step of its own: the nodes that give its operands a
  // factor a channel and that nothing else reads are part of it.
  void find_factors(uint32_t n) {
    const auto* binary = std::get_if<Binary>(&node(n).op);
    if (binary == nullptr ||
        (binary->kind != Binary::Kind::add && binary->kind != Binary::Kind::subtract) ||
        node(n).inputs[0] == node(n).inputs[1] || residual_product(n) != no_node) {
      return;
    }
    const auto shape = stored_shape(tensor(node(n).output).shape);
    for (const TensorId operand : node(n).inputs) {
      if (!shape || constant(operand) || stored_shape(tensor(operand).shape) != shape) return;
    }
    for (const TensorId operand : node(n).inputs) {
      const uint32_t maker = wiring_.producers[operand];
      if (maker == no_node || sole_reader(operand) != n || node(maker).inputs[0] == graph_.input)
        continue;
      if (product_behind(operand) != no_node) continue;  // which takes it: extend_factor
      const auto factor = factor_of(maker);
      factor_of_sum_[maker] =
          !factor.empty() && std::all_of(factor.begin(), factor.end(), [](double value) {
            return std::fabs(value) <= largest_factor_of_sum;
          });
    }
  }

  // [factors a channel] -> sum.
  void take_factors(FormedStep& step, form::Add& sum) {
    for (const size_t i : {0, 1}) {
      const uint32_t maker = wiring_.producers[step.inputs[i]];
      if (maker == no_node || !factor_of_sum_[maker]) continue;
      const auto factor = factor_of(maker);
      auto& all = i == 0 ? sum.a_factor : sum.b_factor;
      for (size_t c = 0; c < all.size(); ++c) all[c] *= factor[c];
      step.inputs[i] = node(maker).inputs[0];
      take(step, maker);
    }
    std::sort(step.nodes.begin(), step.nodes.end());
  }

  // A product of two activations -> [factor a channel]: part of its multiplier.
  void extend_factor(FormedStep& step, form::MatMul& product) {
    for (uint32_t reader = next(step); reader != no_node; reader = next(step)) {
      const auto factor = factor_of(reader);
      if (factor.size() != product.factor.size()) return;
      for (size_t c = 0; c < factor.size(); ++c) product.factor[c] *= factor[c];
      take(step, reader);
    }
  }

  // reshapes -> [transpose] -> reshapes: one step, whatever ranks lie between.
  void extend_move(FormedStep& step) {
    const auto take_reshapes = [&] {
      uint32_t reader = sole_reader(step.output);
      while (reader != no_node && std::holds_alternative<Reshape>(node(reader).op)) {
        take(step, reader);
        reader = sole_reader(step.output);
      }
      return reader;
    };
    if (const auto* turned = std::get_if<Transpose>(&node(step.node).op)) {
      turn(step, *turned, tensor(step.inputs[0]).shape);
    } else {
      const uint32_t reader = take_reshapes();
      const auto* transpose =
          reader == no_node ? nullptr : std::get_if<Transpose>(&node(reader).op);
      if (transpose == nullptr) return;
      turn(step, *transpose, tensor(step.output).shape);
      take(step, reader);
    }
    take_reshapes();
  }

  static void turn(FormedStep& step, const Transpose& transpose, const Shape& shape) {
    step.form = form::Permute{to_int32(shape), {transpose.perm.begin(), transpose.perm.end()}};
  }

  static std::vector<int32_t> to_int32(const Shape& shape) {
    std::vector<int32_t> out;
    for (const int64_t size : shape) out.push_back(static_cast<int32_t>(size));
    return out;
  }

  // l2 norm -> [lower bound] -> x / norm.
  void take_quotient(FormedStep& step) {
    while (!std::holds_alternative<Binary>(node(step.nodes.back()).op)) {
      take(step, sole_reader(step.output));
    }
  }

  // A constant as large as the tensor that it is combined with is stored like an activation; what
  // it is only joined with says how.
  void store_constant(TensorId t, bool computed_with) {
    if (constant_stored_[t]) return;
    constant_stored_[t] = true;
    FormedStep step;
    step.form = form::Constant{};
    step.output = step.accumulated = step.activated = t;
    if (computed_with && wiring_.has_roundings)
      step.rounding = rounding_of_constant(*tensor(t).values);
    finish(step);
  }

  // That of a file whose integers the constant was, if it tells one.
  static std::optional<Grid> rounding_of_constant(const std::vector<float>& values) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    for (const WholeLevels levels : {levels_of_any_byte, levels_of_any_word}) {
      const auto scale = stored_scale(values, levels);
      if (!scale) continue;
      const auto lowest = std::min(0, static_cast<int32_t>(std::rint(*least / *scale)));
      const auto highest = std::max(0, static_cast<int32_t>(std::rint(*most / *scale)));
      if (highest - lowest <= levels.hi) return Grid{{*scale}, {-lowest}, levels.hi};
    }
    return std::nullopt;
  }

  void check_output() {
    if (!refused_.empty()) return;
    for (const auto& step : formed_.steps) {
      if (formed_.stored_as[graph_.output] != step.output) continue;
      const bool clamped = std::isfinite(step.lo) || std::isfinite(step.hi);
      if (moves_only(step) || (clamped && (step.has_residual || step.activation))) {
        refuse(step.nodes.back(), {Obstacle::Why::last_output});
      }
      return;
    }
    if (!graph_.nodes.empty()) {
      refuse(static_cast<uint32_t>(graph_.nodes.size() - 1), {Obstacle::Why::input_is_output});
    } else {
      refused_.push_back({std::nullopt, {Obstacle::Why::no_nodes}});
    }
  }

  const Graph& graph_;
  Wiring wiring_;
  std::vector<bool> taken_;
  std::vector<bool> factor_of_sum_;  // nodes that a sum takes
  std::vector<bool> constant_stored_;
  std::vector<std::optional<Grid>> rounded_by_;  // by tensor
  std::vector<Refusal> refused_;
  FormedSteps formed_;
};

}  // namespace

Formation form_what_can(const Graph& graph) {
  return Former(graph).run();
}

Result<FormedSteps> form_steps(const Graph& graph) {
  Formation formation = form_what_can(graph);
  if (Status formed = all_formed(graph, formation.refused); !formed) return formed.error();
  return std::move(formation.formed);
}

}  // namespace octavo
