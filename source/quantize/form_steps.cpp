#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "quantize/steps.h"

namespace octavo {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

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
      return false;
  }
  return false;
}

// A constant operand as one value a channel of a tensor with `channels` of them; empty
// if it varies along any other axis.
std::vector<double> by_channel(const Tensor& constant, int64_t channels) {
  const auto& values = *constant.values;
  const auto count = static_cast<int64_t>(values.size());
  const bool last_axis_only = count == 1 || (count == channels && !constant.shape.empty() &&
                                             constant.shape.back() == channels);
  if (!last_axis_only) return {};
  std::vector<double> out(static_cast<size_t>(channels));
  for (size_t c = 0; c < out.size(); ++c) out[c] = values[count == 1 ? 0 : c];
  return out;
}

class Former {
 public:
  explicit Former(const Graph& graph)
      : graph_(graph),
        producers_(producers(graph)),
        consumers_(consumers(graph)),
        taken_(graph.nodes.size(), false) {
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
    std::stable_sort(formed_.steps.begin(), formed_.steps.end(),
                     [](const auto& a, const auto& b) { return a.nodes.back() < b.nodes.back(); });
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
    if (step.kind == StepKind::rescale) {
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

  void finish(FormedStep& step) { formed_.steps.push_back(std::move(step)); }

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
    if (step.kind == StepKind::convolution && reader != no_node &&
        residual_convolution(reader) == step.node) {
      const auto& operands = node(reader).inputs;
      step.inputs.push_back(operands[operands[0] == step.output ? 1 : 0]);
      step.has_residual = true;
      if (unary != nullptr) step.activation = *unary;
      take(step, reader);
      if (unary == nullptr) step.accumulated = step.activated = step.output;
      return extend_clamp(step);
    }
    if (unary != nullptr) set_activation(step, *unary);
    if (unary == nullptr || !is_clamp(*unary)) extend_clamp(step);
  }

  // The convolution whose unrounded result an addition takes: its output (after its
  // activation) has no other reader. Of two the later: the other is stored anyway.
  uint32_t residual_convolution(uint32_t n) const {
    const auto* binary = std::get_if<Binary>(&node(n).op);
    if (binary == nullptr || binary->kind != Binary::Kind::add) return no_node;
    const auto& inputs = node(n).inputs;
    if (inputs[0] == inputs[1] || constant(inputs[0]) || constant(inputs[1])) return no_node;
    if (stored_shape(tensor(inputs[0]).shape) != stored_shape(tensor(inputs[1]).shape))
      return no_node;
    const uint32_t first = convolution_behind(inputs[0]), second = convolution_behind(inputs[1]);
    if (first == no_node || second == no_node) return first == no_node ? second : first;
    return std::max(first, second);
  }

  uint32_t convolution_behind(TensorId t) const {
    bool activation_seen = false;
    while (sole_reader(t) != no_node && producers_[t] != no_node) {
      const uint32_t maker = producers_[t];
      const Node& made_by = node(maker);
      if (std::holds_alternative<Conv2d>(made_by.op)) return maker;
      if (activation_at(maker) != nullptr && !activation_seen) {
        activation_seen = true;
      } else if (!is_no_change_of_storage(graph_, made_by)) {
        return no_node;
      }
      t = made_by.inputs[0];
    }
    return no_node;
  }

  // begin(...): what the node computes. "" if it can be a step, "-" if this operator
  // cannot, else why this instance of it cannot.
  template <class Other>
  std::string begin(const Other&, const Node&, FormedStep&) {
    return "-";
  }

  std::string begin(const Conv2d&, const Node& at, FormedStep& step) {
    if (!constant(at.inputs[1]) || (at.inputs.size() > 2 && !constant(at.inputs[2]))) {
      return "weights are computed";
    }
    step.kind = StepKind::convolution;
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
    const auto& shape = tensor(at.inputs[0]).shape;
    if (op.kind != Reduce::Kind::mean || shape.size() != 4 || op.axes != std::vector<int>{1, 2}) {
      return "only a mean over height and width can";
    }
    step.kind = StepKind::pool;
    step.pool.kind = Pool2d::Kind::average;
    step.pool.kernel = {static_cast<int>(shape[1]), static_cast<int>(shape[2])};
    step.inputs = {at.inputs[0]};
    return "";
  }

  std::string begin(const ChannelAffine& op, const Node& at, FormedStep& step) {
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
    if (!is_activation(op)) return "-";
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
    if (value.empty()) return concat("a constant of shape ", list_text(tensor(k).shape));
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
    if (!stored_shape(tensor(at.inputs[0]).shape)) return "-";
    step.kind = StepKind::reshape;
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
  std::vector<bool> taken_;
  std::vector<Refusal> refused_;
  FormedSteps formed_;
};

}  // namespace

bool moves_only(const FormedStep& step) {
  switch (step.kind) {
    case StepKind::gather:
    case StepKind::concat:
    case StepKind::reshape:
      return true;
    case StepKind::pool:
      return step.pool.kind == Pool2d::Kind::maximum;
    default:
      return false;
  }
}

std::optional<std::array<int32_t, 4>> stored_shape(const Shape& shape) {
  std::array<int32_t, 4> out{1, 1, 1, 1};
  if (shape.empty() || shape.size() > 4) return std::nullopt;
  for (const int64_t size : shape) {
    if (size < 1 || size > std::numeric_limits<int32_t>::max()) return std::nullopt;
  }
  const size_t rank = shape.size();
  out[3] = static_cast<int32_t>(shape[rank - 1]);
  if (rank >= 2) out[0] = static_cast<int32_t>(shape[0]);
  if (rank >= 3) out[2] = static_cast<int32_t>(shape[rank - 2]);
  if (rank == 4) out[1] = static_cast<int32_t>(shape[1]);
  return out;
}

RealRange activation_bounds(const Unary& unary) {
  using Kind = Unary::Kind;
  switch (unary.kind) {
    case Kind::relu:
      return {0, infinity};
    case Kind::clip:  // exporters write a missing bound as the largest float
      return {unary.alpha < -1e30f ? -infinity : unary.alpha,
              unary.beta > 1e30f ? infinity : unary.beta};
    case Kind::sigmoid:
    case Kind::hard_sigmoid:
      return {0, 1};
    case Kind::tanh:
    case Kind::erf:
      return {-1, 1};
    case Kind::hard_swish:
      return {-0.375f, infinity};
    case Kind::silu:
      return {-0.2784646f, infinity};
    case Kind::gelu:
    case Kind::gelu_tanh:
      return {-0.1700408f, infinity};
    case Kind::mish:
      return {-0.3088411f, infinity};
    case Kind::softplus:
    case Kind::absolute:
      return {0, infinity};
    case Kind::elu:
      return {std::min(0.0f, -unary.alpha), infinity};
    default:
      return {};
  }
}

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
