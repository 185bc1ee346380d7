#include "quantize/begin_step.h"

#include <algorithm>
#include <span>

#include "plan/limits.h"
#include "quantize/roundings.h"
#include "quantize/weights.h"

namespace octavo {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr size_t most_axes = 6;  // of a permute step
// Of a normalized row: 16 bits keep 12 of theirs and the sign.
constexpr int64_t longest_row = int64_t{1} << 19;

bool has_whole_rows(const Tensor& weight, WholeLevels levels) {
  const std::vector<float>& values = *weight.values;
  const size_t rows = static_cast<size_t>(weight.shape[0]), taps = values.size() / rows;
  for (size_t o = 0; o < rows; ++o) {
    if (!stored_scale(std::span(values).subspan(o * taps, taps), levels)) return false;
  }
  return true;
}

form::Convolution::Kept kept_weights(const Tensor& weight) {
  if (has_whole_rows(weight, {})) return form::Convolution::Kept::bytes;
  return has_whole_rows(weight, levels_of_word) ? form::Convolution::Kept::words
                                                : form::Convolution::Kept::none;
}

using Why = Obstacle::Why;
using Obstructed = std::optional<Obstacle>;

// One overload an operator: nothing if the node can be a step.
class Beginner {
 public:
  explicit Beginner(const Wiring& wiring) : wiring_(wiring), graph_(wiring.graph) {}

  template <class Other>
  Obstructed begin(const Other&, const Node&, FormedStep&) const {
    return Obstacle{Why::operator_itself};
  }

  Obstructed begin(const Conv2d&, const Node& at, FormedStep& step) const {
    if (!constant(at.inputs[1]) || (at.inputs.size() > 2 && !constant(at.inputs[2]))) {
      return Obstacle{Why::computed_weights};
    }
    form::Convolution convolution;
    if (wiring_.has_roundings) convolution.kept = kept_weights(tensor(at.inputs[1]));
    step.form = convolution;
    step.inputs = {at.inputs[0]};
    return {};
  }

  Obstructed begin(const Pool2d& op, const Node& at, FormedStep& step) const {
    if (op.dilation != std::array<int, 2>{1, 1}) return Obstacle{Why::dilation};
    step.form = form::Pool{op};
    step.inputs = {at.inputs[0]};
    return {};
  }

  Obstructed begin(const Reduce& op, const Node& at, FormedStep& step) const {
    if (op.kind == Reduce::Kind::l2) return begin_l2_normalize(op, at, step);
    const auto& shape = tensor(at.inputs[0]).shape;
    const bool of_map = shape.size() == 4 && op.axes == std::vector<int>{1, 2};
    const bool of_tokens = shape.size() == 3 && op.axes == std::vector<int>{1};
    if (op.kind != Reduce::Kind::mean || !(of_map || of_tokens)) {
      return Obstacle{Why::reduced_axes};
    }
    Pool2d pool;
    pool.kind = Pool2d::Kind::average;
    pool.kernel = {of_map ? static_cast<int>(shape[1]) : 1,
                   static_cast<int>(shape[of_map ? 2 : 1])};
    step.form = form::Pool{pool};
    step.inputs = {at.inputs[0]};
    return {};
  }

  // Only as x / max(norm of x, floor) over the channels: the norm itself is never stored.
  Obstructed begin_l2_normalize(const Reduce& op, const Node& at, FormedStep& step) const {
    const TensorId x = at.inputs[0];
    const auto last = static_cast<int>(tensor(x).shape.size()) - 1;
    if (op.axes != std::vector<int>{last}) return Obstacle{Why::norm_axes};
    TensorId norm = at.output;
    uint32_t reader = wiring_.sole_reader(norm);
    double floor = 0;
    if (reader != no_node) {
      if (const auto* unary = std::get_if<Unary>(&node(reader).op)) {
        if (unary->kind != Unary::Kind::clip || activation_bounds(*unary).hi < infinity) {
          return Obstacle{Why::norm_alone};
        }
        floor = std::max(0.0f, unary->alpha);
        norm = node(reader).output;
        reader = wiring_.sole_reader(norm);
      }
    }
    const auto* binary = reader == no_node ? nullptr : std::get_if<Binary>(&node(reader).op);
    if (binary == nullptr || binary->kind != Binary::Kind::divide || node(reader).inputs[0] != x ||
        node(reader).inputs[1] != norm) {
      return Obstacle{Why::norm_alone};
    }
    if (x == graph_.input) return Obstacle{Why::network_input};
    if (auto problem = too_long(x, longest_row); problem) return problem;
    step.form = form::L2Normalize{floor};
    step.inputs = {x};
    return {};
  }

  Obstructed begin(const LayerNorm& op, const Node& at, FormedStep& step) const {
    if (at.inputs[0] == graph_.input) return Obstacle{Why::network_input};
    if (!constant(at.inputs[1]) || !constant(at.inputs[2])) return Obstacle{Why::computed_affine};
    if (auto problem = too_long(at.inputs[0], longest_row); problem) return problem;
    const auto channels = channel_count(tensor(at.output));
    step.form = form::LayerNorm{op.epsilon, by_channel(tensor(at.inputs[1]), channels),
                                by_channel(tensor(at.inputs[2]), channels)};
    step.inputs = {at.inputs[0]};
    return {};
  }

  Obstructed begin(const Softmax& op, const Node& at, FormedStep& step) const {
    if (op.axis != static_cast<int>(tensor(at.inputs[0]).shape.size()) - 1) {
      return along(op.axis);
    }
    if (at.inputs[0] == graph_.input) return Obstacle{Why::network_input};
    if (auto problem = too_long(at.inputs[0], plan_limit::softmax_channels); problem) {
      return problem;
    }
    step.form = form::Softmax{};
    step.inputs = {at.inputs[0]};
    return {};
  }

  Obstructed begin(const MatMul& op, const Node& at, FormedStep& step) const {
    const TensorId a = at.inputs[0], b = at.inputs[1];
    if (constant(a) || constant(b)) return Obstacle{Why::constant_side};
    if (at.inputs.size() > 2) return Obstacle{Why::bias};
    if (a == graph_.input || b == graph_.input) return Obstacle{Why::network_input};
    const Shape &left = tensor(a).shape, &right = tensor(b).shape;
    const bool batches = left.size() >= 3 && left.size() == right.size() &&
                         std::equal(left.begin(), left.end() - 2, right.begin());
    if (!batches) return Obstacle{Why::shapes, left, right};
    const auto channels = static_cast<size_t>(channel_count(tensor(at.output)));
    step.form = form::MatMul{op.transpose_b, std::vector<double>(channels, 1.0)};
    step.inputs = {a, b};
    return {};
  }

  Obstructed begin(const Resize& op, const Node& at, FormedStep& step) const {
    if (op.mode == Resize::Mode::cubic) return Obstacle{Why::cubic};
    if (at.inputs[0] == graph_.input) return Obstacle{Why::network_input};
    step.form = form::Resize{};
    step.inputs = {at.inputs[0]};
    return {};
  }

  Obstructed begin(const ChannelAffine& op, const Node& at, FormedStep& step) const {
    const Shape& shape = tensor(at.inputs[0]).shape;
    if (op.axis != static_cast<int>(shape.size()) - 1) return along(op.axis);
    if (!constant(at.inputs[1]) || !constant(at.inputs[2])) return Obstacle{Why::computed_affine};
    form::Rescale rescale{by_channel(tensor(at.inputs[1]), shape.back()),
                          by_channel(tensor(at.inputs[2]), shape.back())};
    if (rescale.factor.empty() || rescale.offset.empty()) return Obstacle{Why::affine_size};
    step.form = std::move(rescale);
    step.inputs = {at.inputs[0]};
    return {};
  }

  Obstructed begin(const Unary& op, const Node& at, FormedStep& step) const {
    if (!is_activation(op)) return Obstacle{Why::operator_itself};
    begin_copy(at, step);
    return {};
  }

  Obstructed begin(const FakeQuantize& op, const Node& at, FormedStep& step) const {
    if (op.by_axis() && op.axis != static_cast<int>(tensor(at.output).shape.size()) - 1) {
      return Obstacle{Why::rounding_axis, {}, {}, op.axis};
    }
    step.rounding = op.grid;
    begin_copy(at, step);
    return {};
  }

  Obstructed begin(const Binary& op, const Node& at, FormedStep& step) const {
    const bool first_constant = constant(at.inputs[0]), second_constant = constant(at.inputs[1]);
    if (first_constant && second_constant) return Obstacle{Why::constants};
    if (first_constant || second_constant) return begin_with_constant(op, at, first_constant, step);
    using Kind = Binary::Kind;
    const bool ordered = op.kind == Kind::subtract || op.kind == Kind::divide;
    if (!ordered && op.kind != Kind::add && op.kind != Kind::multiply)
      return Obstacle{Why::operator_itself};
    auto a = at.inputs[0], b = at.inputs[1];
    const auto whole = *stored_shape(tensor(at.output).shape);
    const auto is_whole = [&](TensorId t) { return stored_shape(tensor(t).shape) == whole; };
    if (!is_whole(a) && !ordered) std::swap(a, b);
    auto gate = whole;
    gate[1] = gate[2] = 1;
    if (!is_whole(a) || (!is_whole(b) && stored_shape(tensor(b).shape) != gate)) {
      return Obstacle{Why::shapes, tensor(a).shape, tensor(b).shape};
    }
    if (op.kind == Kind::multiply) {
      step.form = form::Multiply{};
    } else if (op.kind == Kind::divide) {
      step.form = form::Divide{};
    } else {
      step.form = sum(a, op.kind == Kind::subtract);
    }
    step.inputs = {a, b};
    return {};
  }

  Obstructed begin_with_constant(const Binary& op, const Node& at, bool first_constant,
                                 FormedStep& step) const {
    const TensorId x = at.inputs[first_constant ? 1 : 0], k = at.inputs[first_constant ? 0 : 1];
    if (stored_shape(tensor(x).shape) != stored_shape(tensor(at.output).shape)) {
      return Obstacle{Why::larger_constant};
    }
    const auto value = by_channel(tensor(k), channel_count(tensor(x)));
    if (value.empty()) return begin_with_whole_constant(op, x, k, first_constant, step);
    step.inputs = {x};
    std::vector<double> factor(value.size(), 1.0), offset(value.size(), 0.0);
    for (size_t c = 0; c < value.size(); ++c) {
      switch (op.kind) {
        case Binary::Kind::add:
          offset[c] = value[c];
          break;
        case Binary::Kind::subtract:
          factor[c] = first_constant ? -1.0 : 1.0;
          offset[c] = first_constant ? value[c] : -value[c];
          break;
        case Binary::Kind::multiply:
          factor[c] = value[c];
          break;
        case Binary::Kind::divide:
          if (first_constant) return Obstacle{Why::constant_quotient};
          if (value[c] == 0) return Obstacle{Why::division_by_zero};
          factor[c] = 1.0 / value[c];
          break;
        default:
          return Obstacle{Why::operator_itself};
      }
    }
    step.form = form::Rescale{std::move(factor), std::move(offset)};
    return {};
  }

  Obstructed begin_with_whole_constant(const Binary& op, TensorId x, TensorId k,
                                       bool first_constant, FormedStep& step) const {
    using Kind = Binary::Kind;
    const bool fits = op.kind == Kind::add || op.kind == Kind::multiply ||
                      (op.kind == Kind::subtract && !first_constant);
    if (!fits || tensor(k).shape != tensor(x).shape || x == graph_.input) {
      return Obstacle{Why::constant_shape, tensor(k).shape};
    }
    if (op.kind == Kind::multiply) {
      step.form = form::Multiply{};
    } else {
      step.form = sum(x, op.kind == Kind::subtract);
    }
    step.inputs = {x, k};
    return {};
  }

  form::Add sum(TensorId x, bool subtract) const {
    const auto channels = static_cast<size_t>(channel_count(tensor(x)));
    return {std::vector<double>(channels, 1.0),
            std::vector<double>(channels, subtract ? -1.0 : 1.0)};
  }

  Obstructed begin(const Gather& op, const Node& at, FormedStep& step) const {
    if (op.axis != static_cast<int>(tensor(at.inputs[0]).shape.size()) - 1) {
      return along(op.axis);
    }
    form::Gather gather;
    for (const int64_t index : op.indices) gather.channels.push_back(static_cast<int32_t>(index));
    step.form = std::move(gather);
    step.inputs = {at.inputs[0]};
    return {};
  }

  Obstructed begin(const Slice& op, const Node& at, FormedStep& step) const {
    const Shape& shape = tensor(at.inputs[0]).shape;
    for (size_t axis = 0; axis + 1 < shape.size(); ++axis) {
      if (op.sizes[axis] != shape[axis]) return Obstacle{Why::other_axes};
    }
    form::Gather gather;
    for (int64_t i = 0; i < op.sizes.back(); ++i) {
      gather.channels.push_back(static_cast<int32_t>(op.starts.back() + i * op.steps.back()));
    }
    step.form = std::move(gather);
    step.inputs = {at.inputs[0]};
    return {};
  }

  Obstructed begin(const Concat& op, const Node& at, FormedStep& step) const {
    if (op.axis != static_cast<int>(tensor(at.output).shape.size()) - 1)
      return Obstacle{Why::other_axes};
    step.form = form::Concat{};
    step.inputs = at.inputs;
    return {};
  }

  Obstructed begin(const Reshape&, const Node& at, FormedStep& step) const {
    step.form = form::Reshape{};
    step.inputs = {at.inputs[0]};
    return {};
  }

  Obstructed begin(const Transpose& op, const Node& at, FormedStep& step) const {
    if (op.perm.size() > most_axes)
      return Obstacle{Why::axes, {}, {}, static_cast<int64_t>(op.perm.size())};
    step.form = form::Reshape{};  // extend_move makes more of it
    step.inputs = {at.inputs[0]};
    return {};
  }

 private:
  static Obstructed along(int axis) { return Obstacle{Why::axis, {}, {}, axis}; }

  Obstructed too_long(TensorId x, int64_t most) const {
    const int64_t row = channel_count(tensor(x));
    if (row <= most) return {};
    return Obstacle{Why::row, {}, {}, row, most};
  }

  // x * 1 + 0.
  void begin_copy(const Node& at, FormedStep& step) const {
    const auto channels = static_cast<size_t>(channel_count(tensor(at.output)));
    step.form =
        form::Rescale{std::vector<double>(channels, 1.0), std::vector<double>(channels, 0.0)};
    step.inputs = {at.inputs[0]};
  }

  const Node& node(uint32_t n) const { return graph_.nodes[n]; }
  const Tensor& tensor(TensorId t) const { return graph_.tensors[t]; }
  bool constant(TensorId t) const { return tensor(t).is_constant(); }

  const Wiring& wiring_;
  const Graph& graph_;
};

}  // namespace

Wiring::Wiring(const Graph& from)
    : graph(from),
      producers(octavo::producers(from)),
      consumers(octavo::consumers(from)),
      has_roundings(octavo::has_roundings(from)) {}

std::optional<Obstacle> begin_step(const Wiring& wiring, uint32_t node, FormedStep& step) {
  const Node& at = wiring.graph.nodes[node];
  const Beginner beginner(wiring);
  return std::visit([&](const auto& op) { return beginner.begin(op, at, step); }, at.op);
}

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
    case Kind::exp:
    case Kind::log:
    case Kind::sqrt:
    case Kind::reciprocal:
    case Kind::power:
    case Kind::sine:
    case Kind::cosine:
      return true;
  }
  return false;
}

bool stands_alone(const Unary& unary) {
  using Kind = Unary::Kind;
  return unary.kind == Kind::exp || unary.kind == Kind::log || unary.kind == Kind::sqrt ||
         unary.kind == Kind::reciprocal || unary.kind == Kind::power;
}

}  // namespace octavo
