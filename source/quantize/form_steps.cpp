#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>

#include "base/text.h"
#include "quantize/roundings.h"
#include "quantize/steps.h"
#include "quantize/weights.h"

namespace octavo {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr size_t most_axes = 6;  // of a permute step

bool is_no_change_of_storage(const Graph& graph, const Node& node) {
  if (!std::holds_alternative<Reshape>(node.op)) return false;
  const auto from = stored_shape(graph.tensors[node.inputs[0]].shape);
  const auto to = stored_shape(graph.tensors[node.output].shape);
  return from && to && *from == *to;
}

bool is_clamp(const Unary& unary) {
  return unary.kind == Unary::Kind::relu || unary.kind == Unary::Kind::clip;
}

// Activations that an epilogue can perform: written out, or smooth enough for a table.
bool is_activation(const Unary& unary) {
  using Kind = Unary::Kind;
  switch (unary.kind) {
    case Kind::relu:
    case Kind::clip:
    case Kind::hard_swish:
    case Kind::hard_sigmoid:
    case Kind::leaky_relu:
    case Kind::elu:
    case Kind::sigmoid:
    case Kind::silu:
    case Kind::gelu:
    case Kind::gelu_tanh:
    case Kind::tanh:
    case Kind::erf:
    case Kind::softplus:
    case Kind::mish:
    case Kind::absolute:
    case Kind::negate:
      return true;
    case Kind::exp:
    case Kind::log:
    case Kind::sqrt:
    case Kind::reciprocal:
    case Kind::sine:
    case Kind::cosine:
    case Kind::fake_quantize:
      return false;
  }
  return false;
}

bool has_whole_rows(const std::vector<float>& weights, const Shape& shape) {
  const size_t rows = static_cast<size_t>(shape[0]), taps = weights.size() / rows;
  for (size_t o = 0; o < rows; ++o) {
    if (!stored_scale(std::span(weights).subspan(o * taps, taps))) return false;
  }
  return true;
}

class Former {
 public:
  explicit Former(const Graph& graph)
      : graph_(graph),
        producers_(producers(graph)),
        consumers_(consumers(graph)),
        taken_(graph.nodes.size(), false),
        constant_stored_(graph.tensors.size(), false),
        has_roundings_(has_roundings(graph)) {
    formed_.stored_as.resize(graph.tensors.size());
    for (size_t i = 0; i < formed_.stored_as.size(); ++i) {
      formed_.stored_as[i] = static_cast<TensorId>(i);
    }
  }

  Formation run() {
    for (uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      if (!taken_[n]) form(n);
    }
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

  // The only node that reads a tensor, if there is one and it is not the output.
  uint32_t sole_reader(TensorId t) const {
    return consumers_[t].size() == 1 && t != graph_.output ? consumers_[t][0] : no_node;
  }

  void refuse(uint32_t n, const std::string& why) { refused_.push_back({n, why}); }

  void form(uint32_t n) {
    const Node& at = node(n);
    if (rounds(n) && rounded_already(n)) {
      formed_.stored_as[at.output] = formed_.stored_as[at.inputs[0]];
      return;
    }
    if (!stored_shape(tensor(at.output).shape)) {
      return refuse(n, concat("output of shape ", list_text(tensor(at.output).shape)));
    }
    if (is_no_change_of_storage(graph_, at)) {
      formed_.stored_as[at.output] = formed_.stored_as[at.inputs[0]];
      return;
    }
    FormedStep step;
    step.node = n;
    const std::string problem =
        std::visit([&](const auto& op) { return begin(op, at, step); }, at.op);
    if (problem != "") {
      return refuse(
          n, problem == "-" ? concat("there is no integer ", operator_name(at.op)) : problem);
    }
    take(step, n);
    if (step.kind == StepKind::reshape) extend_move(step);
    if (step.kind == StepKind::l2_normalize) take_quotient(step);
    if (step.kind == StepKind::matmul) extend_factor(step);
    if (step.kind == StepKind::rescale && !rounds(n)) {
      if (const auto* unary = std::get_if<Unary>(&at.op)) {
        set_activation(step, *unary);
        step.accumulated = at.inputs[0];
        step.activated = at.output;
        extend_clamp(step);
        return finish(step);
      }
    }
    step.accumulated = step.activated = step.output;
    if (!moves_only(step)) extend(step);
    finish(step);
  }

  // A rounding that the file states ends the step.
  void finish(FormedStep& step) {
    if (!moves_only(step) && step.kind != StepKind::constant && !step.rounding) {
      const uint32_t reader = next(step);
      if (reader != no_node && rounds(reader)) {
        step.rounding = rounding_at(reader);
        take(step, reader);
      }
    }
    formed_.steps.push_back(std::move(step));
  }

  bool rounds(uint32_t n) const {
    const auto* unary = std::get_if<Unary>(&node(n).op);
    return unary != nullptr && unary->kind == Unary::Kind::fake_quantize;
  }

  GivenRounding rounding_at(uint32_t n) const {
    const auto& unary = std::get<Unary>(node(n).op);
    return {unary.alpha, static_cast<int32_t>(unary.beta)};
  }

  // Whether the rounding finds every value where it would put it: they were only moved since an
  // equal one. The network's own input is stored by it, unless it is a picture.
  bool rounded_already(uint32_t n) {
    const GivenRounding wanted = rounding_at(n);
    std::vector<TensorId> open{node(n).inputs[0]};
    std::set<TensorId> seen;
    while (!open.empty()) {
      const TensorId t = open.back();
      open.pop_back();
      if (!seen.insert(t).second) continue;
      if (t == graph_.input && !formed_.input_rounding && open.empty() && seen.size() == 1 &&
          sole_reader(t) == n) {
        formed_.input_rounding = wanted;
        return true;
      }
      const uint32_t maker = producers_[t];
      if (maker == no_node) return false;
      const Node& made_by = node(maker);
      if (rounds(maker)) {
        if (rounding_at(maker) != wanted) return false;
      } else if (moves_values(made_by)) {
        open.insert(open.end(), made_by.inputs.begin(), made_by.inputs.end());
      } else {
        return false;
      }
    }
    return true;
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
    return unary && is_activation(*unary) ? unary : nullptr;
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
      if (constant(step.inputs.back())) store_constant(step.inputs.back());
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
    return step.kind == StepKind::convolution || step.kind == StepKind::matmul;
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
    while (sole_reader(t) != no_node && producers_[t] != no_node) {
      const uint32_t maker = producers_[t];
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
    if (!begin(std::get<ChannelAffine>(at.op), at, step).empty()) return {};
    const auto is_zero = [](double value) { return value == 0; };
    return std::all_of(step.offset.begin(), step.offset.end(), is_zero) ? step.factor
                                                                        : std::vector<double>{};
  }

  // A product of two activations -> [factor a channel]: part of its multiplier.
  void extend_factor(FormedStep& step) {
    for (uint32_t reader = next(step); reader != no_node; reader = next(step)) {
      const auto factor = factor_of(reader);
      if (factor.size() != step.factor.size()) return;
      for (size_t c = 0; c < factor.size(); ++c) step.factor[c] *= factor[c];
      take(step, reader);
    }
  }

  // reshapes -> [transpose] -> reshapes: one step, whatever ranks lie between.
  void extend_move(FormedStep& step) {
    step.dims = to_int32(tensor(step.output).shape);
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
    step.kind = StepKind::permute;
    step.dims = to_int32(shape);
    step.perm.assign(transpose.perm.begin(), transpose.perm.end());
  }

  static std::vector<int32_t> to_int32(const Shape& shape) {
    std::vector<int32_t> out;
    for (const int64_t size : shape) out.push_back(static_cast<int32_t>(size));
    return out;
  }

  // l2 norm -> [lower bound] -> x / norm.
  void take_quotient(FormedStep& step) {
    for (uint32_t reader = sole_reader(step.output); step.output != quotient_of_[step.node];
         reader = sole_reader(step.output)) {
      take(step, reader);
    }
  }

  // A constant as large as the tensor that it is combined with is stored like an activation.
  void store_constant(TensorId t) {
    if (constant_stored_[t]) return;
    constant_stored_[t] = true;
    FormedStep step;
    step.kind = StepKind::constant;
    step.output = step.accumulated = step.activated = t;
    finish(step);
  }

  // begin(...): what the node computes. "" if it can be a step, "-" if this operator
  // cannot, else why this instance of it cannot.
  template <class Other>
  std::string begin(const Other&, const Node&, FormedStep&) const {
    return "-";
  }

  std::string begin(const Conv2d&, const Node& at, FormedStep& step) {
    if (!constant(at.inputs[1]) || (at.inputs.size() > 2 && !constant(at.inputs[2]))) {
      return "weights are computed";
    }
    step.kind = StepKind::convolution;
    step.whole_weights =
        has_roundings_ && has_whole_rows(*tensor(at.inputs[1]).values, tensor(at.inputs[1]).shape);
    step.inputs = {at.inputs[0]};
    return "";
  }

  std::string begin(const Pool2d& op, const Node& at, FormedStep& step) {
    if (op.dilation != std::array<int, 2>{1, 1}) return "dilation";
    step.kind = StepKind::pool;
    step.pool = op;
    step.inputs = {at.inputs[0]};
    return "";
  }

  std::string begin(const Reduce& op, const Node& at, FormedStep& step) {
    if (op.kind == Reduce::Kind::l2) return begin_l2_normalize(op, at, step);
    const auto& shape = tensor(at.inputs[0]).shape;
    const bool of_map = shape.size() == 4 && op.axes == std::vector<int>{1, 2};
    const bool of_tokens = shape.size() == 3 && op.axes == std::vector<int>{1};
    if (op.kind != Reduce::Kind::mean || !(of_map || of_tokens)) {
      return "only a mean over height and width, or over tokens, can";
    }
    step.kind = StepKind::pool;
    step.pool.kind = Pool2d::Kind::average;
    step.pool.kernel = {of_map ? static_cast<int>(shape[1]) : 1,
                        static_cast<int>(shape[of_map ? 2 : 1])};
    step.inputs = {at.inputs[0]};
    return "";
  }

  // Only as x / max(norm of x, floor) over the channels: the norm itself is never stored.
  std::string begin_l2_normalize(const Reduce& op, const Node& at, FormedStep& step) {
    const TensorId x = at.inputs[0];
    const auto last = static_cast<int>(tensor(x).shape.size()) - 1;
    if (op.axes != std::vector<int>{last}) return "a norm over other axes than the last";
    TensorId norm = at.output;
    uint32_t reader = sole_reader(norm);
    double floor = 0;
    if (reader != no_node) {
      if (const auto* unary = std::get_if<Unary>(&node(reader).op)) {
        if (unary->kind != Unary::Kind::clip || activation_bounds(*unary).hi < infinity) {
          return "a norm that does not divide what it was taken from";
        }
        floor = std::max(0.0f, unary->alpha);
        norm = node(reader).output;
        reader = sole_reader(norm);
      }
    }
    const auto* binary = reader == no_node ? nullptr : std::get_if<Binary>(&node(reader).op);
    if (binary == nullptr || binary->kind != Binary::Kind::divide || node(reader).inputs[0] != x ||
        node(reader).inputs[1] != norm) {
      return "a norm that does not divide what it was taken from";
    }
    if (x == graph_.input) return "of the network's input";
    step.kind = StepKind::l2_normalize;
    step.epsilon = floor;
    step.inputs = {x};
    quotient_of_[producers_[at.output]] = node(reader).output;
    return "";
  }

  std::string begin(const LayerNorm& op, const Node& at, FormedStep& step) {
    if (at.inputs[0] == graph_.input) return "of the network's input";
    if (!constant(at.inputs[1]) || !constant(at.inputs[2])) return "scale or shift is computed";
    step.kind = StepKind::layer_norm;
    step.epsilon = op.epsilon;
    const auto channels = channel_count(tensor(at.output));
    step.factor = by_channel(tensor(at.inputs[1]), channels);
    step.offset = by_channel(tensor(at.inputs[2]), channels);
    step.inputs = {at.inputs[0]};
    return "";
  }

  std::string begin(const Softmax& op, const Node& at, FormedStep& step) {
    if (op.axis != static_cast<int>(tensor(at.inputs[0]).shape.size()) - 1) {
      return concat("along axis ", op.axis);
    }
    if (at.inputs[0] == graph_.input) return "of the network's input";
    step.kind = StepKind::softmax;
    step.inputs = {at.inputs[0]};
    return "";
  }

  std::string begin(const MatMul& op, const Node& at, FormedStep& step) {
    const TensorId a = at.inputs[0], b = at.inputs[1];
    if (constant(a) || constant(b)) return "one side is a constant";
    if (at.inputs.size() > 2) return "with a bias";
    if (a == graph_.input || b == graph_.input) return "of the network's input";
    const Shape &left = tensor(a).shape, &right = tensor(b).shape;
    const bool batches = left.size() >= 3 && left.size() == right.size() &&
                         std::equal(left.begin(), left.end() - 2, right.begin());
    if (!batches) return concat("of shapes ", list_text(left), " and ", list_text(right));
    step.kind = StepKind::matmul;
    step.transpose_b = op.transpose_b;
    step.factor.assign(static_cast<size_t>(channel_count(tensor(at.output))), 1.0);
    step.inputs = {a, b};
    return "";
  }

  std::string begin(const Resize& op, const Node& at, FormedStep& step) {
    if (op.mode == Resize::Mode::cubic) return "by cubic interpolation";
    if (at.inputs[0] == graph_.input) return "of the network's input";
    step.kind = StepKind::resize;
    step.inputs = {at.inputs[0]};
    return "";
  }

  std::string begin(const ChannelAffine& op, const Node& at, FormedStep& step) const {
    const Shape& shape = tensor(at.inputs[0]).shape;
    if (op.axis != static_cast<int>(shape.size()) - 1) return concat("along axis ", op.axis);
    if (!constant(at.inputs[1]) || !constant(at.inputs[2])) return "scale or shift is computed";
    step.kind = StepKind::rescale;
    step.factor = by_channel(tensor(at.inputs[1]), shape.back());
    step.offset = by_channel(tensor(at.inputs[2]), shape.back());
    step.inputs = {at.inputs[0]};
    return step.factor.empty() || step.offset.empty() ? "scale or shift of another size" : "";
  }

  std::string begin(const Unary& op, const Node& at, FormedStep& step) {
    const bool rounding = op.kind == Unary::Kind::fake_quantize;
    if (!is_activation(op) && !rounding) return "-";
    if (rounding) step.rounding = GivenRounding{op.alpha, static_cast<int32_t>(op.beta)};
    step.kind = StepKind::rescale;
    const auto channels = static_cast<size_t>(channel_count(tensor(at.output)));
    step.factor.assign(channels, 1.0);
    step.offset.assign(channels, 0.0);
    step.inputs = {at.inputs[0]};
    return "";
  }

  std::string begin(const Binary& op, const Node& at, FormedStep& step) {
    const bool first_constant = constant(at.inputs[0]), second_constant = constant(at.inputs[1]);
    if (first_constant && second_constant) return "both operands are constants";
    if (first_constant || second_constant) return begin_with_constant(op, at, first_constant, step);
    using Kind = Binary::Kind;
    if (op.kind != Kind::add && op.kind != Kind::subtract && op.kind != Kind::multiply) return "-";
    auto a = at.inputs[0], b = at.inputs[1];
    const auto whole = *stored_shape(tensor(at.output).shape);
    const auto is_whole = [&](TensorId t) { return stored_shape(tensor(t).shape) == whole; };
    if (!is_whole(a) && op.kind != Kind::subtract) std::swap(a, b);
    auto gate = whole;
    gate[1] = gate[2] = 1;
    if (!is_whole(a) || (!is_whole(b) && stored_shape(tensor(b).shape) != gate)) {
      return concat("of shapes ", list_text(tensor(a).shape), " and ", list_text(tensor(b).shape));
    }
    step.kind = op.kind == Kind::multiply ? StepKind::multiply : StepKind::add;
    step.subtract = op.kind == Kind::subtract;
    step.inputs = {a, b};
    return "";
  }

  std::string begin_with_constant(const Binary& op, const Node& at, bool first_constant,
                                  FormedStep& step) {
    const TensorId x = at.inputs[first_constant ? 1 : 0], k = at.inputs[first_constant ? 0 : 1];
    if (tensor(x).shape != tensor(at.output).shape) return "a constant larger than the tensor";
    const auto value = by_channel(tensor(k), channel_count(tensor(x)));
    if (value.empty()) return begin_with_whole_constant(op, x, k, first_constant, step);
    step.kind = StepKind::rescale;
    step.inputs = {x};
    step.factor.assign(value.size(), 1.0);
    step.offset.assign(value.size(), 0.0);
    for (size_t c = 0; c < value.size(); ++c) {
      switch (op.kind) {
        case Binary::Kind::add:
          step.offset[c] = value[c];
          break;
        case Binary::Kind::subtract:
          step.factor[c] = first_constant ? -1.0 : 1.0;
          step.offset[c] = first_constant ? value[c] : -value[c];
          break;
        case Binary::Kind::multiply:
          step.factor[c] = value[c];
          break;
        case Binary::Kind::divide:
          if (first_constant) return "a constant divided by a tensor";
          if (value[c] == 0) return "division by zero";
          step.factor[c] = 1.0 / value[c];
          break;
        default:
          return "-";
      }
    }
    return "";
  }

  std::string begin_with_whole_constant(const Binary& op, TensorId x, TensorId k,
                                        bool first_constant, FormedStep& step) {
    using Kind = Binary::Kind;
    const bool fits = op.kind == Kind::add || op.kind == Kind::multiply ||
                      (op.kind == Kind::subtract && !first_constant);
    if (!fits || tensor(k).shape != tensor(x).shape || x == graph_.input) {
      return concat("a constant of shape ", list_text(tensor(k).shape));
    }
    step.kind = op.kind == Kind::multiply ? StepKind::multiply : StepKind::add;
    step.subtract = op.kind == Kind::subtract;
    step.inputs = {x, k};
    store_constant(k);
    return "";
  }

  std::string begin(const Gather& op, const Node& at, FormedStep& step) {
    if (op.axis != static_cast<int>(tensor(at.inputs[0]).shape.size()) - 1)
      return "not of channels";
    step.kind = StepKind::gather;
    step.inputs = {at.inputs[0]};
    for (const int64_t index : op.indices) step.channels.push_back(static_cast<int32_t>(index));
    return "";
  }

  std::string begin(const Slice& op, const Node& at, FormedStep& step) {
    const Shape& shape = tensor(at.inputs[0]).shape;
    for (size_t axis = 0; axis + 1 < shape.size(); ++axis) {
      if (op.sizes[axis] != shape[axis]) return "not of channels";
    }
    step.kind = StepKind::gather;
    step.inputs = {at.inputs[0]};
    for (int64_t i = 0; i < op.sizes.back(); ++i) {
      step.channels.push_back(static_cast<int32_t>(op.starts.back() + i * op.steps.back()));
    }
    return "";
  }

  std::string begin(const Concat& op, const Node& at, FormedStep& step) {
    if (op.axis != static_cast<int>(tensor(at.output).shape.size()) - 1) return "not of channels";
    for (const TensorId input : at.inputs) {
      if (constant(input)) return "with a constant";
    }
    step.kind = StepKind::concat;
    step.inputs = at.inputs;
    return "";
  }

  std::string begin(const Reshape&, const Node& at, FormedStep& step) {
    step.kind = StepKind::reshape;
    step.inputs = {at.inputs[0]};
    return "";
  }

  std::string begin(const Transpose& op, const Node& at, FormedStep& step) {
    if (op.perm.size() > most_axes) return concat("of ", op.perm.size(), " axes");
    step.kind = StepKind::reshape;  // extend_move makes more of it
    step.inputs = {at.inputs[0]};
    return "";
  }

  void check_output() {
    if (!refused_.empty()) return;
    for (const auto& step : formed_.steps) {
      if (formed_.stored_as[graph_.output] != step.output) continue;
      const bool clamped = std::isfinite(step.lo) || std::isfinite(step.hi);
      if (moves_only(step) || (clamped && (step.has_residual || step.activation))) {
        refuse(step.nodes.back(), "it cannot be the network's output");
      }
      return;
    }
    if (!graph_.nodes.empty()) {
      refuse(static_cast<uint32_t>(graph_.nodes.size() - 1), "the network's output is its input");
    } else {
      refused_.push_back({std::nullopt, "a network without nodes"});
    }
  }

  const Graph& graph_;
  std::vector<uint32_t> producers_;
  std::vector<std::vector<uint32_t>> consumers_;
  std::vector<bool> taken_, constant_stored_;
  bool has_roundings_;
  std::map<uint32_t, TensorId> quotient_of_;  // x / norm, by the node of the norm
  std::vector<Refusal> refused_;
  FormedSteps formed_;
};

}  // namespace

Formation form_what_can(const Graph& graph) {
  return Former(graph).run();
}

Result<FormedSteps> form_steps(const Graph& graph) {
  Formation formation = form_what_can(graph);
  const auto& refused = formation.refused;
  if (refused.empty()) return std::move(formation.formed);
  std::string text = concat(refused.size(), refused.size() == 1 ? " node" : " nodes",
                            " cannot become integer steps: ");
  for (size_t i = 0; i < refused.size(); ++i) {
    const std::string separator = i == 0 ? "" : "; ";
    if (refused[i].node) {
      const Node& node = graph.nodes[*refused[i].node];
      text +=
          concat(separator, quoted(node.name), " (", operator_name(node.op), "): ", refused[i].why);
    } else {
      text += separator + refused[i].why;
    }
  }
  return rejected(std::move(text));
}

}  // namespace octavo
